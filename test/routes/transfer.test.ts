/** What a recipient is told when a transfer goes wrong in the middle; every byte may be the last. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { OperatorError } from '../../src/core/errors.ts';
import type { UpstreamFacts } from '../../src/core/outcome.ts';
import { createTestCertificates, type TestCertificates } from '../support/certificates.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { type Script, type ScriptedSmtp, startScriptedSmtp } from '../support/scripted-smtp.ts';
import { outcomeFor, SCAN, send, summary } from './bench.ts';
import { type ScriptedRoute, scriptedRoute } from './scripted-route.ts';

const HOST = 'mail.contoso.com';
const RECIPIENTS = ['a@contoso.com', 'b@contoso.com'];
const BIG = Buffer.from(`${SCAN}${`${'x'.repeat(76)}\r\n`.repeat(60_000)}`);

let certificates: TestCertificates;
const servers: ScriptedSmtp[] = [];
const routes: ScriptedRoute[] = [];
beforeAll(async () => {
  certificates = await createTestCertificates({ names: [HOST] });
});
afterAll(() => certificates.remove());
afterEach(async () => {
  for (const { route } of routes.splice(0)) await route.stop();
  for (const server of servers.splice(0)) await server.stop();
});

async function start(script: Script, offers?: string[]) {
  const tls = await certificates.server('valid');
  const server = await startScriptedSmtp({ tls, script, ...(offers === undefined ? {} : { offers }) });
  const ca = { path: 'ca.pem', text: certificates.ca };
  const made = scriptedRoute(HOST, server.port, { ca });
  servers.push(server);
  routes.push(made);
  return { server, ...made };
}

const at =
  (wanted: string, answer: ReturnType<Script>): Script =>
  (step) =>
    step.startsWith(wanted) ? answer : undefined;
/** With and without PIPELINING, which decides when commands are sent. */
const BOTH = [['PIPELINING', '8BITMIME'], []];

test.each(BOTH)('each recipient is told its own refusal (%s)', async (...offers) => {
  const { route } = await start(
    (step) => {
      if (step === 'RCPT TO:<b@contoso.com>') return '550-5.1.1 nobody\r\n550 5.1.1 of that name';
      return step === 'RCPT TO:<c@contoso.com>' ? '450 4.9.9 later' : undefined;
    },
    offers.filter((offer) => offer !== undefined),
  );
  const report = await send(route, { recipients: [...RECIPIENTS, 'c@contoso.com'] });
  expect(outcomeFor(report, 'a@contoso.com')?.kind).toBe('delivered');
  expect(outcomeFor(report, 'b@contoso.com')).toMatchObject({
    kind: 'rejected',
    reply: { code: 550, enhanced: '5.1.1', text: '550-5.1.1 nobody\n550 5.1.1 of that name' },
  });
  expect(outcomeFor(report, 'c@contoso.com')).toMatchObject({
    kind: 'retry',
    why: { code: 'reply.deferred' },
  });
});

test.each(BOTH)('sends no body when every recipient is refused (%s)', async (...offers) => {
  const { route, server } = await start(
    (step) => {
      if (step === 'RCPT TO:<a@contoso.com>') return '550 5.1.1 no';
      if (step === 'RCPT TO:<b@contoso.com>') return '451 4.4.3 later';
      return step === 'DATA' ? '554 5.5.1 no valid recipients' : undefined;
    },
    offers.filter((offer) => offer !== undefined),
  );
  const report = await send(route, { recipients: RECIPIENTS });
  expect(summary(report)).toEqual({
    'a@contoso.com': 'rejected reply.recipient-unknown',
    'b@contoso.com': 'retry reply.tenant-lookup',
  });
  expect(server.sessions[0]?.body.length).toBe(0);
});

test('sends no body to a server that takes DATA without a recipient', async () => {
  const { route, server } = await start(at('RCPT', '550 5.1.1 no'));
  const report = await send(route);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'rejected reply.recipient-unknown' });
  expect(server.sessions[0]?.body.toString().replaceAll('\r\n', '')).toMatch(/^\.?$/);
});

test.each(BOTH)('a refused MAIL is told for all (%s)', async (...offers) => {
  const { route } = await start(
    at('MAIL', '550 5.7.60 may not send as this sender'),
    offers.filter((offer) => offer !== undefined),
  );
  const report = await send(route, { recipients: RECIPIENTS });
  expect(Object.values(summary(report))).toEqual(['hold reply.send-as-denied', 'hold reply.send-as-denied']);
});

test('a refused DATA is told for the accepted', async () => {
  const { route } = await start(at('DATA', '451 4.9.9 later'));
  expect(summary(await send(route))).toEqual({ 'office@contoso.com': 'retry reply.deferred' });
});

test('a refusal after the final dot is told for the accepted', async () => {
  const { route } = await start(at('.', '554 5.9.9 no'));
  expect(summary(await send(route))).toEqual({ 'office@contoso.com': 'rejected reply.refused' });
});

test('a 421 in the middle of the recipients asks to try again', async () => {
  const { route } = await start((step) => {
    if (step === 'RCPT TO:<a@contoso.com>') return '550 5.1.1 no';
    return step === 'RCPT TO:<b@contoso.com>' ? '421 4.3.2 going down' : undefined;
  });
  const report = await send(route, { recipients: [...RECIPIENTS, 'c@contoso.com'] });
  expect(summary(report)).toEqual({
    'a@contoso.com': 'rejected reply.recipient-unknown',
    'b@contoso.com': 'retry reply.closing',
    'c@contoso.com': 'retry message.connection-lost',
  });
});

test.each(['cut', 'reset'] as const)(
  'a connection that is %s at MAIL is a fault of the way',
  async (deed) => {
    const { route } = await start(at('MAIL', { deed }));
    const { fault, results } = await send(route);
    expect(results).toEqual([]);
    expect(fault).toMatchObject({ needsPerson: false, why: { code: expect.stringMatching(/closed|reset/) } });
  },
);

test.each([
  ['at the recipients', 'RCPT'],
  ['at DATA', 'DATA'],
  ['in the body', 'body'],
])('a connection lost %s costs a try and leaves no doubt', async (_name, step) => {
  const { route } = await start(at(step, { deed: 'cut' }));
  const report = await send(route, { body: BIG });
  expect(report.fault).toBeNull();
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({
    kind: 'retry',
    uncertain: false,
    reply: null,
  });
});

test('a connection lost after the final dot is in doubt', async () => {
  const { route } = await start(at('.', { deed: 'cut' }));
  const report = await send(route);
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({
    kind: 'retry',
    uncertain: true,
    why: { code: 'message.answer-lost' },
  });
});

test('a final reply without its line end is in doubt', async () => {
  const { route, server } = await start((step, session) => {
    if (step !== '.') return undefined;
    session.write('');
    return { deed: 'raw', text: '250 2.6.0 que' };
  });
  const attempt = send(route);
  await expect.poll(() => server.sessions[0]?.body.length).toBeGreaterThan(0);
  await server.stop();
  expect(outcomeFor(await attempt, 'office@contoso.com')).toMatchObject({ kind: 'retry', uncertain: true });
});

test.each(['2500 queued', '5.7.60 no code', '354 go on'])(
  'a final reply that nobody can read, %j, is in doubt and kept word for word',
  async (text) => {
    const { route } = await start(at('.', text));
    const report = await send(route);
    expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({
      ...{ kind: 'retry', uncertain: true },
      reply: { text },
    });
  },
);

test.each(['354 go on', '2500 ok'])('a recipient answered by %j has not been taken', async (text) => {
  const { route } = await start(at('RCPT TO:<b@contoso.com>', text));
  const report = await send(route, { recipients: RECIPIENTS });
  expect(outcomeFor(report, 'a@contoso.com')?.kind).toBe('delivered');
  expect(outcomeFor(report, 'b@contoso.com')).toMatchObject({ kind: 'retry', reply: { text } });
});

test('where nobody can read the answer to DATA, no text follows', async () => {
  const { route, server } = await start(at('DATA', '2500 ok'));
  const report = await send(route);
  expect(server.sessions[0]?.body.length).toBe(0);
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({
    ...{ kind: 'retry', uncertain: false },
    reply: { text: '2500 ok' },
  });
});

test.each(['MAIL', 'RCPT'])(
  'where nobody can read the answer to %s and the text has gone all the same, that is in doubt',
  async (step) => {
    const { route, server } = await start(at(step, '2500 ok'));
    const report = await send(route);
    expect(server.sessions[0]?.body.length).toBeGreaterThan(0);
    expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({ kind: 'retry', uncertain: true });
  },
);

test('a tab behind the code is as good as a space', async () => {
  const { route } = await start(at('.', '250\tqueued'));
  expect(outcomeFor(await send(route), 'office@contoso.com')).toMatchObject({ kind: 'delivered' });
});

test('a silent server is left after ten minutes at the final dot, in doubt', async () => {
  const { route, server, clock } = await start(at('.', { deed: 'silence' }));
  const attempt = send(route);
  await expect.poll(() => server.sessions[0]?.body.length).toBeGreaterThan(0);
  await clock.advance(9 * 60_000);
  expect(server.sessions[0]?.isClosed).toBe(false);
  await clock.advance(60_000);
  expect(outcomeFor(await attempt, 'office@contoso.com')).toMatchObject({ uncertain: true });
});

test('a server that stops reading the body is left', async () => {
  const { route, server, clock } = await start(at('DATA', '354 go'));
  const body = new Readable({ read: () => {} });
  body.push(SCAN);
  const attempt = send(route, { openBody: async () => body, bodyBytes: 1_000_000 });
  await expect.poll(() => server.sessions[0]?.body.length).toBeGreaterThan(0);
  await clock.advance(3 * 60_000);
  expect(outcomeFor(await attempt, 'office@contoso.com')).toMatchObject({
    uncertain: false,
    why: { code: 'route.timeout' },
  });
});

test('a "yes" before the end of the body is no delivery', async () => {
  let isTold = false;
  const { route, server } = await start((step) => {
    if (step !== 'body' || isTold) return undefined;
    isTold = true;
    return '250 2.6.0 thanks already';
  });
  const body = new Readable({ read: () => {} });
  body.push(SCAN);
  const report = await send(route, { openBody: async () => body, bodyBytes: 1_000_000 });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'retry message.answered-early' });
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({ uncertain: false });
  await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
  expect(server.sessions[0]?.body.includes('QUIT')).toBe(false);
});

const BODIES: [string, Buffer][] = [
  ['short', Buffer.from(SCAN)],
  ['long', BIG],
];
/** What a server adds to its go-ahead. */
const IN_ADVANCE = [
  ['a "yes"', '354 go\r\n250 2.6.0 thanks already'],
  ['a "yes" behind empty lines', '354 go\r\n\r\n \r\n\r\n250 2.6.0 thanks already'],
  ['the beginning of a line', { deed: 'raw', text: '354 go\r\n250 2.6.0 tha' }],
  ['a refusal behind an empty line', '354 go\r\n\r\n550 5.7.1 no'],
] as const;

test.each(
  IN_ADVANCE.flatMap(([what, answer]) => BODIES.map(([length, whole]) => ({ what, answer, length, whole }))),
)('$what that came along with the go-ahead lets no $length text follow', async ({ answer, whole }) => {
  const { route, server } = await start(at('DATA', answer));
  const report = await send(route, {
    openBody: async () => Readable.from([whole], { objectMode: false }),
    bodyBytes: whole.length,
  });
  const outcome = outcomeFor(report, 'office@contoso.com');
  expect(outcome).not.toMatchObject({ kind: 'delivered' });
  expect(outcome).not.toMatchObject({ uncertain: true });
  await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
  expect(server.sessions[0]?.body.length).toBe(0);
});

test('a "yes" in advance is told as that', async () => {
  const { route } = await start(at('DATA', '354 go\r\n250 2.6.0 thanks already'));
  expect(summary(await send(route))).toEqual({ 'office@contoso.com': 'retry message.answered-early' });
});

test.each([
  ['its own', 'DATA', '250 2.6.0 go'],
  ['one too many before it', 'RCPT', '250 2.1.5 ok\r\n250 2.1.5 once more'],
])('a 250 where DATA waits for 354, %s, lets no text follow', async (_kind, step, replies) => {
  const { route, server } = await start(at(step, replies), ['PIPELINING']);
  const report = await send(route);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'retry message.out-of-step' });
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({ uncertain: false });
  await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
  expect(server.sessions[0]?.body.length).toBe(0);
});

test('a 354 one too many before DATA, which is then answered by 250, lets no text follow', async () => {
  const replies: Record<string, string> = {
    'RCPT TO:<office@contoso.com>': '250 2.1.5 ok\r\n354 go',
    DATA: '250 2.6.0 what?',
  };
  const { route, server } = await start((step) => replies[step], []);
  expect(summary(await send(route))).toEqual({ 'office@contoso.com': 'retry message.out-of-step' });
  expect(server.sessions[0]?.body.length).toBe(0);
});

test.each(['a', 'b', 'c'])(
  'with one reply too many nobody is refused for good, whoever of three is not known: %s',
  async (unknown) => {
    const replies: Record<string, string> = {
      'MAIL FROM:<scanner@contoso.com>': '250 2.1.0 ok\r\n250 2.1.0 once more',
      [`RCPT TO:<${unknown}@contoso.com>`]: '550 5.1.1 nobody of that name',
    };
    const { route } = await start((step) => replies[step], ['PIPELINING']);
    const recipients = [...RECIPIENTS, 'c@contoso.com'];
    const report = await send(route, { recipients });
    expect(Object.values(summary(report))).toEqual(recipients.map(() => 'retry message.out-of-step'));
  },
);

test('what a kept connection said in between is not taken for the answer to the next message', async () => {
  const { route, server } = await start((step, session) => {
    if (step === '.' && session.commands.filter((command) => command === 'DATA').length === 1)
      return '250 2.6.0 queued\r\n250 2.6.0 once more';
    return undefined;
  });
  const [first, second] = [await send(route), await send(route)];
  expect([first, second].map(summary)).toEqual([
    { 'office@contoso.com': 'delivered' },
    { 'office@contoso.com': 'delivered' },
  ]);
  expect(
    server.sessions.map(({ commands }) => commands.filter((command) => command === 'DATA').length),
  ).toEqual([1, 1]);
});

test('a refusal before the end of the body counts', async () => {
  let isTold = false;
  const { route } = await start((step) => {
    if (step !== 'body' || isTold) return undefined;
    isTold = true;
    return '552 5.3.4 too large';
  });
  const body = new Readable({ read: () => {} });
  body.push(SCAN);
  const report = await send(route, { openBody: async () => body, bodyBytes: 1_000_000 });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'rejected reply.too-large' });
});

test.each([
  ['long', BIG, 100_000],
  ['short', Buffer.from(SCAN), 120],
])('a %s body that fails in the middle never gets its final dot', async (_length, whole, breaksAt) => {
  const { route, server, log } = await start(() => undefined);
  const openBody = async () =>
    Readable.from(
      (async function* () {
        yield whole.subarray(0, breaksAt);
        throw new Error('the disk is gone');
      })(),
    );
  const report = await send(route, { openBody, bodyBytes: whole.length });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'retry message.body-unreadable' });
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({ uncertain: false });
  await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
  expect(server.sessions[0]?.body.toString()).not.toMatch(/\r\n\.\r\n/);
  expect(log.lines.find(({ event }) => event === 'message.body-unreadable')?.fields['reason']).toBe(
    'the disk is gone',
  );
});

test.each([-1, 1])(
  'a body whose size is not the recorded one (%i) never gets its final dot',
  async (difference) => {
    const { route, server } = await start(() => undefined);
    const report = await send(route, { bodyBytes: Buffer.byteLength(SCAN) + difference });
    expect(summary(report)).toEqual({ 'office@contoso.com': 'retry message.body-unreadable' });
    await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
    expect(server.sessions[0]?.body.toString()).not.toMatch(/\r\n\.\r\n/);
  },
);

test('a body that the spool says is gone for good is not tried again', async () => {
  const { route, server } = await start(() => undefined);
  const gone = { code: 'spool.body-erased', cause: 'The body has been erased.', advice: 'Scan again.' };
  const report = await send(route, { openBody: () => Promise.reject(new OperatorError(gone)) });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'rejected spool.body-erased' });
  expect(server.sessions).toEqual([]);
});

test('a body that can not be opened is tried again', async () => {
  const { route, server } = await start(() => undefined);
  const openBody = () => Promise.reject(new Error('no such body'));
  const report = await send(route, { openBody });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'retry message.body-unreadable' });
  expect(server.sessions).toEqual([]);
});

test('a header without an end is refused before anything is sent', async () => {
  const { route, server } = await start(() => undefined);
  const report = await send(route, { body: `A: ${'x'.repeat(300 * 1024)}\r\n` });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'rejected message.header-too-large' });
  expect(server.sessions).toEqual([]);
});

test('says both sizes when the server announces a smaller limit', async () => {
  const { route, server } = await start(() => undefined, ['SIZE 100']);
  const report = await send(route);
  expect(outcomeFor(report, 'office@contoso.com')).toMatchObject({
    kind: 'rejected',
    why: { code: 'message.too-large', cause: expect.stringContaining('the limit is 100') },
  });
  expect(server.sessions[0]?.commands.some((line) => line.startsWith('MAIL'))).toBe(false);
});

test('declares the size, and 8-bit where it is offered', async () => {
  const { route, server } = await start(() => undefined, ['SIZE 1000000', '8BITMIME']);
  await send(route);
  const mail = server.sessions[0]?.commands.find((line) => line.startsWith('MAIL'));
  expect(mail).toBe(`MAIL FROM:<scanner@contoso.com> BODY=8BITMIME SIZE=${Buffer.byteLength(SCAN)}`);
});

test('a reply of 1 MiB still counts, and is cut for the records', async () => {
  const line = `250-${'x'.repeat(500)}\r\n`;
  const { route } = await start(at('.', `${line.repeat(2000)}250 2.6.0 queued`));
  const report = await send(route);
  const outcome = outcomeFor(report, 'office@contoso.com');
  expect(outcome?.kind).toBe('delivered');
  expect(outcome?.reply?.text.length).toBe(4096);
});

test('an abort before the final dot leaves every recipient untouched', async () => {
  const { route, server } = await start(at('DATA', '354 go'));
  const body = new Readable({ read: () => {} });
  body.push(SCAN);
  const abort = new AbortController();
  const attempt = send(route, { openBody: async () => body, bodyBytes: 1_000_000 }, abort.signal);
  await expect.poll(() => server.sessions[0]?.body.length).toBeGreaterThan(0);
  abort.abort();
  expect(await attempt).toMatchObject({ results: [], fault: null });
  expect(body.destroyed).toBe(true);
  await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
});

test('an abort after the final dot leaves a doubt', async () => {
  const { route, server } = await start(at('.', { deed: 'silence' }));
  const abort = new AbortController();
  const attempt = send(route, {}, abort.signal);
  await expect.poll(() => server.sessions[0]?.body.length).toBeGreaterThan(0);
  abort.abort();
  expect(outcomeFor(await attempt, 'office@contoso.com')).toMatchObject({ kind: 'retry', uncertain: true });
});

test.each(['connect', 'EHLO', 'STARTTLS', 'MAIL'])(
  'an abort at %s ends the attempt at once',
  async (step) => {
    const { route, server } = await start(at(step, { deed: 'silence' }));
    const abort = new AbortController();
    const attempt = send(route, {}, abort.signal);
    await expect
      .poll(() => server.sessions[0]?.commands.some((line) => line.startsWith(step)) ?? false)
      .toBe(step !== 'connect');
    abort.abort();
    expect(await attempt).toMatchObject({ results: [], fault: null });
  },
);

test('an attempt that is aborted before it starts opens nothing', async () => {
  const { route, server } = await start(() => undefined);
  expect(await send(route, {}, AbortSignal.abort())).toMatchObject({ results: [], fault: null });
  expect(server.sessions).toEqual([]);
});

test('a body that never comes ends with the abort, and is released when it comes late', async () => {
  const { route } = await start(() => undefined);
  const late = Promise.withResolvers<Readable>();
  const abort = new AbortController();
  const attempt = send(route, { openBody: () => late.promise }, abort.signal);
  abort.abort();
  expect(await attempt).toMatchObject({ results: [], fault: null });
  const body = new Readable({ read: () => {} });
  late.resolve(body);
  await expect.poll(() => body.destroyed).toBe(true);
});

test('a body that never comes is tried again after a while', async () => {
  const { route, clock } = await start(() => undefined);
  const attempt = send(route, { openBody: () => new Promise<never>(() => {}) });
  await clock.advance(3 * 60_000);
  expect(summary(await attempt)).toEqual({ 'office@contoso.com': 'retry message.body-unreadable' });
});

test('takes no more of a body than the server reads', async () => {
  const { route, server } = await start((step, session) => {
    if (step === 'DATA') session.pause();
    return undefined;
  });
  const chunkBytes = 64 * 1024;
  let taken = 0;
  const openBody = async () =>
    Readable.from(
      (function* () {
        yield Buffer.from('A: b\r\n\r\n');
        for (; taken < 64 * 1024 * 1024; taken += chunkBytes) yield Buffer.alloc(chunkBytes, 'x');
      })(),
    );
  const abort = new AbortController();
  const attempt = send(route, { openBody, bodyBytes: 30_000_000 }, abort.signal);
  let before = -1;
  await expect
    .poll(() => {
      const isStill = taken > 0 && taken === before;
      before = taken;
      return isStill;
    })
    .toBe(true);
  // What the kernel buffers on both ends is all that may be under way.
  expect(taken).toBeLessThan(16 * 1024 * 1024);
  abort.abort();
  await attempt;
  expect(server.sessions).toHaveLength(1);
});

test('a scan arrives whole at a server that reads in fits, and its memory is free before all of it is read', async () => {
  const seed = seedFromEnvironment();
  const random = createRandom(seed);
  const { route, server } = await start((step, session) => {
    if (step !== 'body' || random() < 0.8) return undefined;
    session.pause();
    setImmediate(() => session.resume());
    return undefined;
  });
  const linesPerChunk = 3200;
  const chunks: Buffer[] = [];
  const sent = createHash('sha256');
  const isFreed = ({ buffer }: Buffer) => buffer instanceof ArrayBuffer && buffer.detached;
  let inUse = 0;
  const openBody = async () =>
    Readable.from(
      (function* () {
        for (let count = 0; count < 13; count++) {
          const line = `${randomBytes(57).toString('base64')}\r\n`;
          // Memory of its own, as the spool hands a chunk over.
          const chunk = Buffer.allocUnsafeSlow(linesPerChunk * line.length).fill(line);
          // Some lines that have to be stuffed, so that some chunks leave as copies.
          if (random() < 0.3) chunk.write('.', Math.floor(random() * linesPerChunk) * line.length);
          if (count === 0) chunk.write('Subject: Scan\r\n\r\n');
          chunks.push(chunk);
          sent.update(chunk);
          inUse = Math.max(inUse, chunks.filter((chunk) => !isFreed(chunk)).length);
          yield chunk;
        }
      })(),
      { objectMode: false },
    );
  const report = await send(route, { openBody, bodyBytes: 13 * linesPerChunk * 78 });
  expect(summary(report), `seed ${seed}`).toEqual({ 'office@contoso.com': 'delivered' });
  const text = server.sessions[0]?.body.toString('latin1') ?? '';
  const arrived = text.slice(0, -'.\r\n'.length).replaceAll('\n..', '\n.');
  expect(createHash('sha256').update(arrived, 'latin1').digest('hex'), `seed ${seed}`).toBe(
    sent.digest('hex'),
  );
  // The first has the header in it.
  expect(chunks.map(isFreed)).toEqual(chunks.map((_chunk, index) => index > 0));
  // On their way to the socket, and read ahead.
  expect(inUse).toBeLessThan(6);
});

test('leaves no timer behind', async () => {
  const { route, clock, server } = await start(() => undefined);
  await send(route);
  await route.stop();
  await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
  expect(clock.pendingTimers()).toBe(0);
});

describe('the final dot', () => {
  const SIZES = [
    ['a short body', SCAN],
    ['a long body', BIG],
  ] as const;

  test.each(SIZES)('of %s waits until it is told that it is about to leave', async (_size, body) => {
    const { route, server } = await start(() => undefined);
    const noted = Promise.withResolvers<boolean>();
    const told = Promise.withResolvers<UpstreamFacts>();
    const sending = send(route, {
      ...{ body, recipients: RECIPIENTS },
      beforeFinalDot(upstream) {
        told.resolve(upstream);
        return noted.promise;
      },
    });
    expect(await told.promise).toMatchObject({ host: HOST, port: server.port, tls: { protocol: 'TLSv1.3' } });
    // Another message takes all its way meanwhile.
    const other = scriptedRoute(HOST, server.port, { ca: { path: 'ca.pem', text: certificates.ca } });
    routes.push(other);
    expect(summary(await send(other.route))).toEqual({ 'office@contoso.com': 'delivered' });
    expect(server.sessions[0]?.commands.at(-1)).toBe('DATA');
    expect(endsWithDot(server.sessions[0]?.body)).toBe(false);
    noted.resolve(true);
    expect(outcomeFor(await sending, 'a@contoso.com')?.kind).toBe('delivered');
    expect(endsWithDot(server.sessions[0]?.body)).toBe(true);
  });

  test.each(SIZES)('of %s never leaves when the attempt ends meanwhile', async (_size, body) => {
    const { route, server } = await start(() => undefined);
    const stop = new AbortController();
    const noted = Promise.withResolvers<boolean>();
    const beforeFinalDot = () => {
      stop.abort();
      return noted.promise;
    };
    const report = await send(route, { body, recipients: RECIPIENTS, beforeFinalDot }, stop.signal);
    expect(report).toMatchObject({ results: [], fault: null });
    noted.resolve(true);
    await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
    expect(endsWithDot(server.sessions[0]?.body)).toBe(false);
  });

  test.each(SIZES)('of %s does not leave where it may not, and nobody was touched', async (_size, body) => {
    const { route, server } = await start(() => undefined);
    const report = await send(route, { body, recipients: RECIPIENTS, beforeFinalDot: async () => false });
    expect(report).toMatchObject({ results: [], fault: null });
    await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
    expect(endsWithDot(server.sessions[0]?.body)).toBe(false);
  });

  test('is told with those whom the server has not refused', async () => {
    const { route } = await start((step) => (step.startsWith('RCPT TO:<a@') ? '550 5.1.1 no' : undefined));
    const told: (readonly string[])[] = [];
    await send(route, {
      recipients: RECIPIENTS,
      async beforeFinalDot(_upstream, taken) {
        told.push(taken);
        return true;
      },
    });
    expect(told).toEqual([['b@contoso.com']]);
  });

  test('is told with those whose answer nobody can read: it may have been a "yes"', async () => {
    const { route } = await start((step) => (step.startsWith('RCPT TO:<a@') ? '250OK' : undefined));
    const told: (readonly string[])[] = [];
    const report = await send(route, {
      recipients: RECIPIENTS,
      async beforeFinalDot(_upstream, taken) {
        told.push(taken);
        return true;
      },
    });
    expect(told).toEqual([RECIPIENTS]);
    expect(outcomeFor(report, 'a@contoso.com')).toMatchObject({ kind: 'retry', uncertain: true });
  });

  test('is not told of where the server takes nobody', async () => {
    const { route } = await start((step) => (step.startsWith('RCPT') ? '550 5.1.1 no' : undefined));
    let told = 0;
    const beforeFinalDot = async () => {
      told += 1;
      return true;
    };
    await send(route, { recipients: RECIPIENTS, beforeFinalDot });
    expect(told).toBe(0);
  });

  /** Turns of the event loop between such a reply and the note that the dot waits for. */
  const TURNS = [0, 1, 2, 3, 10];
  const EARLY = SIZES.flatMap(([size, body]) =>
    ['250 2.0.0 early', '552 5.3.4 early'].flatMap((reply) =>
      BOTH.flatMap((offers) => TURNS.map((turns) => ({ size, body, reply, turns, offers }))),
    ),
  );
  test.each(EARLY)(
    'of $size never leaves behind $reply, said $turns turns before ($offers)',
    async ({ body, reply, turns, offers }) => {
      const refuse: Script = (step) => (step === '.' ? '451 4.0.0 not now' : undefined);
      const { route, server } = await start(refuse, offers);
      const report = await send(route, {
        body,
        async beforeFinalDot() {
          await expect.poll(() => server.sessions[0]?.commands.at(-1)).toBe('DATA');
          server.sessions[0]?.write(`${reply}\r\n`);
          for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
          return true;
        },
      });
      expect(outcomeFor(report, 'office@contoso.com')?.kind).not.toBe('delivered');
      await expect.poll(() => server.sessions[0]?.isClosed).toBe(true);
      expect(endsWithDot(server.sessions[0]?.body)).toBe(false);
    },
  );
});

function endsWithDot(body: Buffer | undefined): boolean {
  return body?.toString('latin1').endsWith('\r\n.\r\n') ?? false;
}
