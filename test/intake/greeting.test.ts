/** The greeting comes at once where no TLS hello is waited for, and once. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Box, startBox } from './support/box.ts';
import { closeClients, connectPlain } from './support/client.ts';

/** smtp-server's own pause before it greets (init in its smtp-connection.js). */
const PAUSE_MS = 100;

let box: Box;
beforeEach(async () => {
  box = await startBox({ listeners: [{ tls: 'starttls' }] });
});
afterEach(async () => {
  closeClients();
  await box.stop();
});

test('greets without the pause of the library', async () => {
  const waits: number[] = [];
  for (let round = 0; round < 5; round++) {
    const begun = performance.now();
    const client = await connectPlain(box.port());
    expect(await client.reply()).toMatch(/^220 /);
    waits.push(performance.now() - begun);
  }
  expect(Math.min(...waits)).toBeLessThan(PAUSE_MS / 2);
});

test('does not greet again when the pause of the library ends', async () => {
  const client = await connectPlain(box.port());
  expect(await client.reply()).toMatch(/^220 /);
  for (const begun = performance.now(); performance.now() - begun < 2 * PAUSE_MS; ) {
    expect(await client.say('HELO copier')).toMatch(/^250 /);
  }
});
