/** The kernel's table of neighbours: which hardware address answers for an IPv4 address on the same wire. */
import { readFile } from 'node:fs/promises';

const TABLE_FILE = '/proc/net/arp';
/** ATF_COM of linux/if_arp.h: the entry is complete, so somebody has answered. */
const COMPLETE = 0x2;

/** Address to MAC (lower case, with colons). Empty where the system has no such table. */
export async function readNeighbours(file = TABLE_FILE): Promise<Map<string, string>> {
  try {
    return parseNeighbours(await readFile(file, 'utf8'));
  } catch (error) {
    // Not Linux, or /proc is closed to this user: hardware addresses are one hint less.
    if (error instanceof Error && 'code' in error) return new Map();
    throw error;
  }
}

/** Reads the text of /proc/net/arp: address, type, flags, hardware address, mask, device. */
export function parseNeighbours(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n').slice(1)) {
    const [address, , flags = '0', mac] = line.trim().split(/\s+/);
    const isComplete = (Number(flags) & COMPLETE) !== 0;
    if (address !== undefined && mac !== undefined && isComplete && isMac(mac)) {
      found.set(address, mac.toLowerCase());
    }
  }
  return found;
}

function isMac(text: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) && text !== '00:00:00:00:00:00';
}
