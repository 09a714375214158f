/** A child process that accepts messages as fast as it can and prints each id once its commit has resolved. */
import { createHash, randomBytes } from 'node:crypto';
import { createSystemClock } from '../../src/core/clock.ts';
import { openTestSpool, testMessage } from '../support/spool.ts';

const [directory = '', keyHex = ''] = process.argv.slice(2);
const WRITERS = 8;

const clock = createSystemClock(0);
const { spool } = await openTestSpool({ directory, clock, key: Buffer.from(keyHex, 'hex') });

async function acceptForever(writer: number): Promise<void> {
  for (let count = 0; ; count++) {
    const body = randomBytes(1 + ((writer * 40_009 + count * 10_007) % 500_000));
    const message = testMessage(clock);
    const receipt = await spool.receive();
    await receipt.write(body);
    await receipt.commit(message);
    process.stdout.write(`${message.id} ${createHash('sha256').update(body).digest('hex')}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => acceptForever(writer)));
