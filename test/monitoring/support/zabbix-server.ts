/**
 * As much of a Zabbix server as an agent needs for active checks: it names the items and takes the values.
 *
 * Protocol from the Zabbix 6.0 manual, appendix "Zabbix agent 2 protocol" and "Header": `ZBXD`, flags (1, and 2 when
 * compressed), four bytes of length and four reserved, little endian; one question and one answer a connection.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { inflateSync } from 'node:zlib';

export interface ZabbixServer {
  port: number;
  /** Resolves with the next value of the item that fits, past ones included. */
  value(key: string, look?: (value: string) => boolean): Promise<string>;
  stop(): Promise<void>;
}

interface AgentData {
  request: string;
  data?: { itemid?: number | string; value?: string; state?: number }[];
}

const HEADER_BYTES = 13;
const COMPRESSED = 2;

/** @param keys of the active items, as the server would have them with all macros replaced. */
export async function startZabbixServer(keys: readonly string[]): Promise<ZabbixServer> {
  const heard: { key: string; value: string }[] = [];
  const watchers = new Set<() => void>();

  function answer({ request, data = [] }: AgentData): unknown {
    if (request === 'active checks') {
      const items = keys.map((key, index) => ({
        key,
        itemid: index + 1,
        delay: '0',
        lastlogsize: 0,
        mtime: 0,
      }));
      return { response: 'success', data: items };
    }
    for (const { itemid, value, state } of data) {
      const key = keys[Number(itemid) - 1];
      if (key === undefined || value === undefined) continue;
      heard.push({ key, value: state === 1 ? `not supported: ${value}` : value });
    }
    for (const watcher of [...watchers]) watcher();
    return { response: 'success', info: `processed: ${data.length}; failed: 0; total: ${data.length}` };
  }

  const server = net.createServer((socket) => {
    let received: Buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const question = unpack(received);
      if (question === null) return;
      // What an agent sends is its own JSON.
      socket.end(pack(JSON.stringify(answer(JSON.parse(question) as AgentData))));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    value: (key, look = () => true) =>
      new Promise((resolve) => {
        const check = () => {
          const found = heard.find((each) => each.key === key && look(each.value));
          if (found === undefined) return;
          watchers.delete(check);
          resolve(found.value);
        };
        watchers.add(check);
        check();
      }),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** Null until all of it is there. */
function unpack(bytes: Buffer): string | null {
  if (bytes.length < HEADER_BYTES) return null;
  if (bytes.toString('latin1', 0, 4) !== 'ZBXD') throw new Error('no Zabbix header');
  const length = bytes.readUInt32LE(5);
  if (bytes.length < HEADER_BYTES + length) return null;
  const body = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
  return ((bytes[4] ?? 0) & COMPRESSED ? inflateSync(body) : body).toString('utf8');
}

function pack(text: string): Buffer {
  const body = Buffer.from(text);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('ZBXD\u0001', 'latin1');
  header.writeUInt32LE(body.length, 5);
  return Buffer.concat([header, body]);
}
