/**
 * Networks and servers that break, at every step: the scan waits and arrives, once, outside the window in which nobody
 * can know; nothing crosses in clear; the other way out goes on serving meanwhile.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { RouteStatus } from '../../src/dispatch/types.ts';
import type { MessageDetail } from '../../src/spool/types.ts';
import type { TestAgent } from '../support/agent.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { startProcess } from '../support/processes.ts';
import {
  BREAKS,
  type Break,
  DOMAIN_OF,
  FULL,
  type Outcome,
  repair,
  UNCERTAIN,
  type Way,
} from './support/break-cases.ts';
import {
  detailOf,
  routeLines,
  scanFrom,
  startTenantSite,
  statusOf,
  type TenantSite,
} from './support/upstream.ts';

/** Longer than a route keeps a connection that has nothing to do. */
const IDLE_MS = 6000;
const STEP_MS = 5000;
let site: TenantSite;
let agent: TestAgent;
let clock: FakeClock;
let count = 0;

beforeAll(async () => {
  site = await startTenantSite();
  clock = createFakeClock(Date.now());
  const lines = routeLines(site.addresses, { mailbox: ', limits: { messagesPerMinute: 100000 }' });
  agent = await site.startAgent({
    routes: `routes:\n${lines.mailbox}${lines.direct}routing:
  - { recipients: [${DOMAIN_OF.direct}], use: [direct] }
  - { use: [mailbox] }
`,
    ...{ clock, listenerTls: 'starttls' },
  });
});
afterAll(async () => {
  await agent.stop();
  await site.stop();
});
afterEach(async () => {
  await repair(site);
  for (const { id } of agent.agent.rooms.dispatch.routes())
    agent.agent.rooms.dispatch.resumeRoute(id, 'the test');
  const states = ['queued', 'deferred', 'held', 'failed'] as const;
  await agent.agent.rooms.spool.act('cancel', { states: [...states] }, 'the test');
  site.sandbox.clearReceived();
});

let full: ReturnType<typeof startProcess> | null = null;
beforeAll(async () => {
  // Linux drops further SYNs once a queue that nobody accepts from is full.
  const script = `import socket, time
server = socket.socket(); server.bind(('${FULL}', ${site.addresses.mx.port})); server.listen(0)
clients = [socket.socket() for _ in range(4)]
for client in clients: client.setblocking(False); client.connect_ex(server.getsockname())
print('full', flush=True)
time.sleep(600)`;
  full = startProcess('python3', ['-c', script]);
  await full.waitForLine(/full/);
});
afterAll(() => full?.stop());

const scan = (address: string) =>
  scanFrom(agent, { tls: 'none', from: 'scanner@contoso.com', to: [address] });
const stateOf = ({ recipients }: MessageDetail) => recipients[0]?.state;

test.each(BREAKS)('$name on $way', async (broken) => {
  const { way, outcome } = broken;
  // One message arrives before, and its connection is gone when the trouble begins.
  await arrives(way);
  await clock.advance(IDLE_MS);
  await broken.start(site);
  const sessionsBefore = site.sandbox.sessions().length;
  const address = `desk-${++count}@${DOMAIN_OF[way]}`;
  const id = await scan(address);
  // Whatever this way goes through, the other one serves.
  await arrives(way === 'direct' ? 'mailbox' : 'direct');

  const noticed = whenNoticed(id, broken);
  await (broken.isSlow ? passWhile(noticed) : noticed);
  const detail = await noticed;
  if (outcome.kind === 'pauses') expectPaused(statusOf(agent, way), detail, outcome);
  if (outcome.kind === 'defers') expectDeferred(detail, outcome);

  const clear = site.sandbox
    .sessions()
    .slice(sessionsBefore)
    .flatMap(({ commands }) => commands);
  const inClear = clear.filter((command) => command.endsWith('(plain)'));
  expect(inClear.filter((command) => !/^(EHLO|STARTTLS|QUIT) /.test(command))).toEqual([]);

  await repair(site);
  await expectDelivered(id, address, broken);
});

/** A message on a way that is in order. */
async function arrives(way: Way): Promise<void> {
  const address = `before-${++count}@${DOMAIN_OF[way]}`;
  const id = await scan(address);
  await agent.when(
    async () => (stateOf(await detailOf(agent, id)) === 'delivered' ? true : null),
    `${address} gets its scan while nothing is wrong on ${way}`,
  );
}

function whenNoticed(id: string, { name, way, outcome }: Break): Promise<MessageDetail> {
  return agent.when(async () => {
    const detail = await detailOf(agent, id);
    const isPaused = statusOf(agent, way).pause !== null;
    const isSo = {
      pauses: isPaused && stateOf(detail) === 'queued',
      defers: stateOf(detail) === 'deferred',
      arrives: stateOf(detail) === 'delivered',
    };
    return isSo[outcome.kind] ? detail : null;
  }, `${name} ${outcome.kind}`);
}

/** Moves the clock step by step until `noticed`; each step lets sockets and the spool do their part. */
async function passWhile(noticed: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  noticed.then(over, over);
  for (let passedMs = 0; !isOver && passedMs < 2 * LIMITS.finalReplyMaxMs; passedMs += STEP_MS) {
    await clock.advance(STEP_MS);
    await agent.agent.rooms.spool.stats();
  }
}

function expectPaused(
  { pause }: RouteStatus,
  { attempts, recipients }: MessageDetail,
  { code, needsPerson }: Extract<Outcome, { kind: 'pauses' }>,
): void {
  expect(pause?.code).toMatch(code);
  expect(pause).toMatchObject({ needsPerson: needsPerson ?? false });
  expect(pause?.cause).toMatch(/^[A-Z].*\.$/);
  // The message has met the fault, as its history tells, and has spent no try.
  expect(attempts).toHaveLength(1);
  expect(attempts[0]?.results).toMatchObject([
    { state: 'queued', code: pause?.code, cause: pause?.cause, reply: pause?.reply, uncertain: false },
  ]);
  expect(recipients[0]).toMatchObject({ state: 'queued', tries: 0 });
}

function expectDeferred(
  { attempts, recipients }: MessageDetail,
  { code, uncertain }: Extract<Outcome, { kind: 'defers' }>,
): void {
  expect(attempts.length).toBeGreaterThan(0);
  for (const { results } of attempts) {
    expect(results[0]).toMatchObject({ state: 'deferred', uncertain: uncertain ?? false });
    expect(results[0]?.code).toMatch(code);
  }
  expect(recipients[0]?.tries).toBe(attempts.length);
}

/** It goes by itself once its time has come; of what the tenant has, nothing is double unless nobody could know. */
async function expectDelivered(id: string, address: string, { way, isKept }: Break): Promise<void> {
  const { recipients } = await detailOf(agent, id);
  const dueAt = Math.max(statusOf(agent, way).pause?.until ?? 0, recipients[0]?.nextAttemptAt ?? 0);
  await clock.advance(Math.max(0, dueAt - clock.now()));
  // A pass of the dispatcher under way set its timer by the time before.
  agent.agent.rooms.dispatch.wake();
  const detail = await agent.when(async () => {
    const now = await detailOf(agent, id);
    return stateOf(now) === 'delivered' ? now : null;
  }, `${address} gets its scan`);
  const copies = site.sandbox.received().filter((message) => message.recipients.includes(address));
  const attempts = detail.attempts.length;
  expect(copies).toHaveLength(isKept ? attempts : 1);
  for (const { body } of copies) expect(body?.toString('latin1')).toContain(detail.head.messageIdHeader);
  expect(statusOf(agent, way)).toMatchObject({ state: 'open', pause: null });
}

test('an answer to the final dot that is no reply leaves it uncertain', async () => {
  const address = `desk-${++count}@${DOMAIN_OF.direct}`;
  const scripted = { stage: 'data-end', host: 'mx', match: 'always', reply: 'this is no reply' } as const;
  const handle = site.sandbox.tenant.replyTo(scripted);
  const id = await scan(address);
  const garbled: Break = { name: 'garbage', way: 'direct', outcome: UNCERTAIN, start: () => {} };
  expectDeferred(await whenNoticed(id, garbled), {
    ...UNCERTAIN,
    kind: 'defers',
    code: 'message.answer-lost',
  });
  handle.remove();
  await expectDelivered(id, address, garbled);
});

test('with every name server silent both ways wait, and both deliver once one answers', async () => {
  const { dns } = site.sandbox;
  await clock.advance(IDLE_MS);
  dns.mode = 'silence';
  const waiting = (['direct', 'mailbox'] as const).map((way) => {
    const gone: Break = {
      ...{ name: 'DNS gone', way, isSlow: true as const, start: () => {} },
      outcome: { kind: 'pauses', code: 'route.names-failed' },
    };
    return { way, gone, address: `desk-${++count}@${DOMAIN_OF[way]}` };
  });
  const ids = await Promise.all(waiting.map(({ address }) => scan(address)));
  const noticed = Promise.all(waiting.map(({ gone }, index) => whenNoticed(ids[index] ?? '', gone)));
  await passWhile(noticed);
  await noticed;
  dns.mode = 'answer';
  for (const [index, { gone, address }] of waiting.entries())
    await expectDelivered(ids[index] ?? '', address, gone);
});
