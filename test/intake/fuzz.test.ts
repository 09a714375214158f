/** Random bytes at every kind of listener: whatever comes, the box lives on and serves the next device. */
import { afterEach, expect, test } from 'vitest';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { type Box, ENVELOPE, startBox } from './support/box.ts';
import { type Client, connectPlain } from './support/client.ts';

let box: Box;
afterEach(() => box.stop());

const WORDS = [
  ...[
    'EHLO x',
    'HELO',
    'MAIL FROM:<a@contoso.com>',
    'MAIL FROM:<>',
    'RCPT TO:<b@contoso.com>',
    'DATA',
    '.',
    '..',
  ],
  ...[
    'RSET',
    'NOOP',
    'QUIT',
    'STARTTLS',
    'AUTH LOGIN',
    'AUTH PLAIN AGEAYg==',
    'AUTH CRAM-MD5',
    '*',
    'VRFY a',
    '',
  ],
  ...[
    'Subject: x',
    ' folded',
    'no header',
    '\xff\xfe',
    '\0',
    'x'.repeat(5000),
    '\x16\x03\x01',
    '\x80\x2e\x01',
  ],
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\n', '\r', '', '\r\n.\r\n'];

function pick<T>(random: () => number, list: readonly T[]): T {
  const chosen = list[Math.floor(random() * list.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
}

/** Lines of nonsense in pieces, then one of three ways to go: staying, closing one side, or vanishing. */
async function babble(client: Client, random: () => number): Promise<void> {
  const lines = 1 + random() * 20;
  for (let i = 0; i < lines; i++) {
    client.write(Buffer.from(pick(random, WORDS) + pick(random, ENDS), 'latin1'));
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }
  const ending = pick(random, ['stay', 'end', 'vanish']);
  if (ending === 'end') client.socket.end();
  if (ending === 'vanish') client.destroy();
}

test('120 devices of nonsense do no harm', async () => {
  const seed = seedFromEnvironment();
  console.log(`seed ${seed}`);
  const random = createRandom(seed);
  box = await startBox({
    listeners: [{ tls: 'none' }, { tls: 'starttls' }, { tls: 'implicit' }, { tls: 'auto' }],
    devices: [{ id: 'c', login: { user: 'c', password: 'x' } }],
  });
  for (let round = 0; round < 30; round++) {
    const from = `127.0.0.${10 + round}`;
    const clients = await Promise.all([0, 1, 2, 3].map((index) => connectPlain(box.port(index), { from })));
    for (const client of clients) await babble(client, random);
    // Every second round is left open for a greeting, so that words come at a session and not before it.
    if (round % 2 === 0) await clients[0]?.reply();
    for (const client of clients) client.destroy();
  }
  const client = await connectPlain(box.port());
  expect(await client.reply(), `seed ${seed}`).toMatch(/^220 /);
  for (const line of ['EHLO copier', ...ENVELOPE]) await client.say(line);
  expect(await client.data('Subject: fine\r\n\r\nafter all')).toMatch(/^250 2\.6\.0 /);
  const failures = box.log.lines.filter(({ level }) => level === 'error');
  expect(failures, `seed ${seed}`).toEqual([]);
});
