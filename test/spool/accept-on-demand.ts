/** A child process whose spool accepts a body for each line `name bytes` and says what became of it. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { SpoolRefusal } from '../../src/spool/types.ts';
import { acceptTestMessage, openTestSpool } from '../support/spool.ts';

const test = await openTestSpool({ directory: process.argv[2] ?? '' });
console.log('ready');

for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', bytes = ''] = line.split(' ');
  console.log(name === 'stats' ? await stats() : `${name} ${await accept(Number(bytes))}`);
}
await test.close();

async function accept(bytes: number): Promise<string> {
  try {
    await acceptTestMessage(test, {}, randomBytes(bytes));
    return 'accepted';
  } catch (error) {
    return error instanceof SpoolRefusal ? `refused ${error.reason}` : String(error);
  }
}

async function stats(): Promise<string> {
  const { recipients, bodyBytes } = await test.spool.stats();
  return `queued ${recipients.queued} bytes ${bodyBytes}`;
}
