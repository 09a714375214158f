/** The mail of unknown devices that waits for a person, by address. */
import { HELD_UNKNOWN_DEVICE } from '../intake/replies.ts';
import type { MessageSummary } from '../spool/types.ts';
import type { DevicesSpool } from './types.ts';

const PAGE = 500;
/** Pages that one look reads; held mail has half of the spool's room at most. */
const PAGES_MAX = 40;

/** How many messages wait, by address; those beyond the newest 20,000 are not counted. */
export async function countHeld(spool: DevicesSpool): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const { head } of heldMessages(spool)) {
    counts.set(head.device.address, (counts.get(head.device.address) ?? 0) + 1);
  }
  return counts;
}

/** Releases all that waits from an address; how many messages that were. */
export async function releaseHeld(spool: DevicesSpool, address: string, by: string): Promise<number> {
  let released = 0;
  let ids: string[] = [];
  const flush = async () => {
    if (ids.length > 0) released += (await spool.act('release', { ids }, by)).changed > 0 ? ids.length : 0;
    ids = [];
  };
  for await (const { head } of heldMessages(spool)) {
    if (head.device.address !== address) continue;
    ids.push(head.id);
    if (ids.length === PAGE) await flush();
  }
  await flush();
  return released;
}

async function* heldMessages(spool: DevicesSpool): AsyncGenerator<MessageSummary> {
  let before: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const messages: MessageSummary[] = await spool.list({ states: ['held'] }, { limit: PAGE, before });
    for (const message of messages) if (isOfUnknown(message)) yield message;
    if (messages.length < PAGE) return;
    before = messages.at(-1)?.head.id ?? null;
  }
}

function isOfUnknown({ recipients }: MessageSummary): boolean {
  return recipients.some(({ state, code }) => state === 'held' && code === HELD_UNKNOWN_DEVICE.code);
}
