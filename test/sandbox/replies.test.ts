/** Every reply of the table, asked for by its name and raised by its switch; scripts; the page that lists them. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { namedBy, REPLIES, type ReplyId, type ReplyRow } from '../../src/sandbox/replies.ts';
import { dial, type RawClient } from './raw-client.ts';
import { type Bench, base64, MESSAGE, startBench } from './support.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterEach(() => {
  bench.sandbox.tenant.clearReplies();
  bench.sandbox.clearReceived();
});
afterAll(() => bench.stop());

const rows = Object.entries(REPLIES) as [ReplyId, ReplyRow][];

/** Goes through a whole session at the row's host; every reply but the positive ones, in order. */
async function refusals(row: ReplyRow, names: { user?: string; sender?: string; recipient?: string }) {
  const { submission, mx, caPem } = bench.addresses;
  const host = row.host === 'mx' ? { ...mx, name: mx.exchange } : { ...submission, name: submission.host };
  const client = await dial(host.port);
  const seen: string[] = [];
  const note = (reply: string) => {
    if (!/^[23]/.test(reply)) seen.push(reply);
    return reply;
  };
  try {
    note(await client.reply());
    note(await client.say('EHLO box'));
    if (seen.length > 0) return seen;
    await client.say('STARTTLS');
    await client.secure({ servername: host.name, ca: caPem });
    note(await client.say('EHLO box'));
    await transact(client, row, names, note);
  } catch (error) {
    if (!seen.some((reply) => reply.startsWith('421'))) throw error;
  } finally {
    client.close();
  }
  return seen;
}

async function transact(
  client: RawClient,
  row: ReplyRow,
  names: { user?: string; sender?: string; recipient?: string },
  note: (reply: string) => string,
): Promise<void> {
  if (row.host === 'submission') {
    const user = names.user ?? 'scanner@contoso.com';
    await client.say('AUTH LOGIN');
    await client.say(base64(user));
    note(await client.say(base64(bench.sandbox.tenant.mailboxes.get(user)?.password ?? 'x')));
    if (row.stage === 'auth') return;
  }
  if (!/^250/.test(note(await client.say(`MAIL FROM:<${names.sender ?? 'scanner@contoso.com'}>`)))) return;
  const recipient = names.recipient ?? 'office@contoso.com';
  if (!/^250/.test(note(await client.say(`RCPT TO:<${recipient}>`)))) return;
  await client.say('DATA');
  note(await client.say(`${MESSAGE}.`));
}

test.each(rows)('answers %s once, when its switch is raised', async (id, row) => {
  const handle = bench.sandbox.tenant.raise(id, { times: 1 });
  expect((await refusals(row, {}))[0]).toBe(row.text);
  expect(handle.hits()).toBe(1);
  expect(bench.sandbox.received()).toEqual([]);
  expect(await refusals(row, {})).toEqual([]);
});

const named = rows.flatMap(([id, row]) => namedBy(row).map((by) => [id, by, row] as const));

test.each(named)('answers %s for a %s of that name', async (id, by, row) => {
  const seen = await refusals(row, { [by]: `reply-${id}@contoso.com` });
  expect(seen).toContain(row.text);
  expect(bench.sandbox.received()).toEqual([]);
});

test('answers a scripted reply for the address it matches and for no other', async () => {
  const reply = '451 4.3.0 Later\n451 4.3.0 please';
  bench.sandbox.tenant.replyTo({ stage: 'rcpt', match: { recipient: 'Late@contoso.com' }, reply });
  const client = await bench.secureMx();
  await client.say('MAIL FROM:<scanner@contoso.com>');
  client.write('RCPT TO:<late@contoso.com>\r\n');
  expect(await client.reply()).toBe('451 4.3.0 Later');
  expect(await client.reply()).toBe('451 4.3.0 please');
  expect(await client.say('RCPT TO:<office@contoso.com>')).toMatch(/^250 /);
});

test('takes what a script accepts against the rules of the host', async () => {
  bench.sandbox.tenant.replyTo({
    stage: 'rcpt',
    host: 'mx',
    match: 'always',
    reply: '250 2.1.5 As you like',
  });
  const client = await bench.secureMx();
  await client.say('MAIL FROM:<scanner@contoso.com>');
  expect(await client.say('RCPT TO:<x@fabrikam.com>')).toBe('250 2.1.5 As you like');
  await client.say('DATA');
  await client.say(`${MESSAGE}.`);
  expect(bench.sandbox.received()).toHaveLength(1);
});

test('the page of the sandbox lists every reply and no other', () => {
  const page = readFileSync(new URL('../../docs/sandbox.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `reply-(\S+)` \| (\S+) \| (\S+) \| ([^|]+) \| `(.+)` \|$/gm)];
  expect(listed.map(([, id, host, stage, by, text]) => [id, host, stage, by, text])).toEqual(
    rows.map(([id, row]) => [id, row.host, row.stage, namedBy(row).join(', '), row.text]),
  );
});
