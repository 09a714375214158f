/**
 * Every reply that facts name, raised by the simulated tenant at its step, and what the whole agent makes of it: from
 * the device's scan through spool, dispatch and route, until the reply is gone and what waited has arrived once.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { REPLY_TABLE } from '../../src/routes/replies.ts';
import { REPLIES, type ReplyRow } from '../../src/sandbox/replies.ts';
import type { ScriptHandle } from '../../src/sandbox/reply-script.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import type { AttemptRecord, MessageDetail, OperatorAction } from '../../src/spool/types.ts';
import type { TestAgent } from '../support/agent.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import {
  type Deed,
  HOST_OF,
  REPLY_CASES,
  type ReplyCase,
  type Way,
  WITHOUT_A_SIMULATED_REPLY,
} from './support/reply-cases.ts';
import {
  detailOf,
  pauseOf,
  routeLines,
  scanFrom,
  startTenantSite,
  statesOf,
  statusOf,
  type TenantSite,
} from './support/upstream.ts';

const MINUTE = 60_000;
/** First wait of the schedule, shortened by its jitter. */
const FIRST_WAIT_MIN_MS = 0.85 * MINUTE;
/** Longer than a route keeps a connection that has nothing to do. */
const IDLE_MS = 6000;
const LIMITS = 'limits: { messagesPerMinute: 100000 }';
const SEND_AS = 'sendAs: [contoso.com]';
const DOMAIN_OF: Record<Way, string> = {
  mailbox: 'contoso.com',
  oauth: 'adatum.com',
  direct: 'fabrikam.com',
  connector: 'litwareinc.com',
};

let site: TenantSite;
let agent: TestAgent;
let clock: FakeClock;
let count = 0;

beforeAll(async () => {
  site = await startTenantSite();
  const { tenant } = site.sandbox;
  tenant.domains.add(DOMAIN_OF.direct);
  tenant.connector = { addresses: ['127.0.0.1'], certificateName: null, authorities: [] };
  tenant.mailboxes.get(DEFAULT_MAILBOX)?.sendAs.push('contoso.com');
  clock = createFakeClock(Date.now());
  const lines = routeLines(site.addresses, { mailbox: `, ${LIMITS}, ${SEND_AS}` });
  const routes = [
    lines.mailbox,
    lines.oauth.replace('id: mailbox', 'id: oauth').replace(/\}\n$/, `, ${LIMITS}, ${SEND_AS} }\n`),
    lines.direct.replace('ca: ca.pem', `ca: ca.pem, domains: [${DOMAIN_OF.direct}]`),
    lines.connector,
  ];
  const rules = (['direct', 'connector', 'oauth'] as const).map(
    (way) => `  - { recipients: [${DOMAIN_OF[way]}], use: [${way}] }\n`,
  );
  agent = await site.startAgent({
    routes: `routes:\n${routes.join('')}routing:\n${rules.join('')}  - { use: [mailbox] }\n`,
    ...{ clock, listenerTls: 'starttls' },
  });
});
afterAll(async () => {
  await agent.stop();
  await site.stop();
});
afterEach(async () => {
  site.sandbox.tenant.clearReplies();
  for (const { id, pause, outsidePause } of agent.agent.rooms.dispatch.routes())
    if (pause !== null || outsidePause) agent.agent.rooms.dispatch.resumeRoute(id, 'the test');
  const states = ['queued', 'deferred', 'held', 'failed'] as const;
  await agent.agent.rooms.spool.act('cancel', { states: [...states] }, 'the test');
  site.sandbox.clearReceived();
});

/** One message that meets the reply: `target` is whom the reply is about, `other` shares the envelope. */
interface Scene extends ReplyCase {
  id: string;
  sender: string;
  target: string;
  other: string;
  /** The reply as the other side words it. */
  text: string;
  stage: ReplyRow['stage'];
  handle: ScriptHandle;
}

async function begin(replyCase: ReplyCase, options: { times?: number; other?: string } = {}): Promise<Scene> {
  // A connection that is still kept from the message before would spare this one the early steps.
  await clock.advance(IDLE_MS);
  const { reply, way } = replyCase;
  const number = ++count;
  const row: { stage: ReplyRow['stage']; text: string } = typeof reply === 'string' ? REPLIES[reply] : reply;
  const target = `target-${number}@${replyCase.deed === 'spares' ? 'wingtiptoys.com' : DOMAIN_OF[way]}`;
  const other = options.other ?? `other-${number}@${DOMAIN_OF[way]}`;
  const sender = `device-${number}@contoso.com`;
  const { times } = options;
  const handle = site.sandbox.tenant.replyTo({
    ...{
      stage: row.stage,
      host: HOST_OF[way],
      reply: row.text,
      match: matchFor(row.stage, { target, sender }),
    },
    ...(times === undefined ? {} : { times }),
  });
  const id = await scan(sender, [target, other]);
  return { ...replyCase, ...row, id, sender, target, other, handle };
}

function matchFor(stage: ReplyRow['stage'], { target, sender }: { target: string; sender: string }) {
  if (stage === 'mail') return { sender };
  return ['rcpt', 'data', 'data-end'].includes(stage) ? { recipient: target } : 'always';
}

const scan = (sender: string, to: string[]) => scanFrom(agent, { tls: 'none', from: sender, to });

/** Resolves when the recipients are in these states. */
async function until(id: string, states: Record<string, string>): Promise<MessageDetail> {
  return agent.when(
    async () => {
      const detail = await detailOf(agent, id);
      const now = statesOf(detail);
      return Object.entries(states).every(([address, state]) => now[address] === state) ? detail : null;
    },
    `${id} is ${JSON.stringify(states)}`,
  );
}

const act = (action: OperatorAction, id: string) =>
  agent.agent.rooms.spool.act(action, { ids: [id] }, 'the test');
const recipientOf = (detail: MessageDetail, address: string) =>
  detail.recipients.find((recipient) => recipient.address === address);
const resultFor = (attempt: AttemptRecord | undefined, address: string) =>
  attempt?.results.find((result) => result.address === address);

/** Lets time pass. A pass of the dispatcher under way set its timer by the time before, so it is woken. */
async function passUntil(atMs: number): Promise<void> {
  await clock.advance(atMs - clock.now());
  agent.agent.rooms.dispatch.wake();
}

/** The reply is gone: both recipients must get it, each once. */
async function arrivesOnce({ id, target, other }: Scene): Promise<MessageDetail> {
  const detail = await until(id, { [target]: 'delivered', [other]: 'delivered' });
  const copies = site.sandbox.received().flatMap(({ recipients }) => recipients);
  expect(copies.filter((address) => address === target || address === other).toSorted()).toEqual(
    [target, other].toSorted(),
  );
  return detail;
}

const PLAYS: Record<Deed, (replyCase: ReplyCase) => Promise<void>> = {
  defers: playDefers,
  waits: (replyCase) => playPause(replyCase, false),
  pauses: (replyCase) => playPause(replyCase, true),
  holds: playHolds,
  fails: playFails,
  splits: playSplits,
  spares: playSpares,
};

test.each(
  REPLY_CASES.map((replyCase) => {
    const name = typeof replyCase.reply === 'string' ? replyCase.reply : replyCase.reply.text;
    return { replyCase, title: `${name} on ${replyCase.way} ${replyCase.deed}: ${replyCase.row}` };
  }),
)('$title', ({ replyCase }) => PLAYS[replyCase.deed](replyCase));

async function playDefers(replyCase: ReplyCase): Promise<void> {
  const scene = await begin(replyCase);
  const { id, target, other, stage, text, row, handle } = scene;
  const detail = await until(id, {
    [target]: 'deferred',
    [other]: stage === 'rcpt' ? 'delivered' : 'deferred',
  });
  const [attempt] = detail.attempts;
  const recipient = recipientOf(detail, target);
  expect(recipient).toMatchObject({ tries: 1, code: `reply.${row}` });
  expect(resultFor(attempt, target)).toMatchObject({ reply: text, uncertain: false });
  const dueAt = recipient?.nextAttemptAt ?? 0;
  const waitMs = dueAt - (attempt?.endedAt ?? 0);
  expect(waitMs).toBeGreaterThanOrEqual(Math.max(FIRST_WAIT_MIN_MS, (scene.minutes ?? 0) * MINUTE));
  expect(statusOf(agent, scene.way)).toMatchObject({ state: 'open' });
  handle.remove();
  const otherDueAt = recipientOf(detail, other)?.nextAttemptAt ?? 0;
  await passUntil(Math.max(dueAt, otherDueAt));
  const { attempts } = await arrivesOnce(scene);
  const again = attempts.find((one) => resultFor(one, target)?.state === 'delivered');
  expect(again?.startedAt).toBeGreaterThanOrEqual(dueAt);
}

async function playPause(replyCase: ReplyCase, needsPerson: boolean): Promise<void> {
  const scene = await begin(replyCase);
  const { id, target, other, stage, text, row, way, handle } = scene;
  const pause = await pauseOf(agent, way);
  expect(pause).toMatchObject({ code: `reply.${row}`, reply: text, needsPerson });
  expect(pause.advice).toMatch(/^[A-Z].*\.$/);
  expect(pause.until - pause.since).toBeGreaterThanOrEqual((scene.minutes ?? 0) * MINUTE);
  const table = REPLY_TABLE.find((one) => one.id === row);
  // Only the reply to EHLO after TLS has named the address; before that it is not known.
  if (table?.tellsAddress && !['connect', 'ehlo', 'auth'].includes(stage))
    expect(pause.cause).toContain('(Microsoft sees this box as 127.0.0.1)');
  const detail = await until(id, { [target]: 'queued', [other]: stage === 'rcpt' ? 'delivered' : 'queued' });
  expect(recipientOf(detail, target)?.tries).toBe(0);
  expect(resultFor(detail.attempts[0], target)).toMatchObject({
    state: 'queued',
    code: `reply.${row}`,
    reply: text,
  });

  const sameWay = `later-${count}@${DOMAIN_OF[way]}`;
  const laterId = await scan(`later-${count}@contoso.com`, [sameWay]);
  await expectOtherHostServes(way);
  const waiting = await until(laterId, { [sameWay]: 'queued' });
  expect(waiting).toMatchObject({ attempts: [], recipients: [{ tries: 0 }] });
  expect(handle.hits()).toBe(scene.asked);

  handle.remove();
  await passUntil(pause.until);
  const { attempts } = await arrivesOnce(scene);
  const healed = attempts.find((one) => resultFor(one, target)?.state === 'delivered');
  expect(healed?.startedAt).toBeGreaterThanOrEqual(pause.until);
  await until(laterId, { [sameWay]: 'delivered' });
  expect(statusOf(agent, way)).toMatchObject({ state: 'open', pause: null });
}

/** A pause is one of its route: a message for the other host goes meanwhile. */
async function expectOtherHostServes(paused: Way): Promise<void> {
  const way = HOST_OF[paused] === 'mx' ? 'mailbox' : 'direct';
  const address = `bystander-${count}@${DOMAIN_OF[way]}`;
  await until(await scan(`bystander-${count}@contoso.com`, [address]), { [address]: 'delivered' });
}

async function playHolds(replyCase: ReplyCase): Promise<void> {
  const scene = await begin(replyCase);
  const { id, sender, target, other, text, row, way, handle } = scene;
  const detail = await until(id, { [target]: 'held', [other]: 'held' });
  expect(recipientOf(detail, target)).toMatchObject({ code: `reply.${row}` });
  expect(detail.attempts).toHaveLength(1);
  expect(resultFor(detail.attempts[0], target)).toMatchObject({ reply: text });

  const next = `next-${count}@${DOMAIN_OF[way]}`;
  const nextId = await scan(sender, [next]);
  const held = await until(nextId, { [next]: 'held' });
  expect(held).toMatchObject({ attempts: [], recipients: [{ code: 'message.sender-held' }] });
  const neighbour = `neighbour-${count}@${DOMAIN_OF[way]}`;
  await until(await scan(`neighbour-${count}@contoso.com`, [neighbour]), { [neighbour]: 'delivered' });
  expect(handle.hits()).toBe(1);

  handle.remove();
  await act('release', id);
  await arrivesOnce(scene);
  await act('release', nextId);
  await until(nextId, { [next]: 'delivered' });
}

async function playFails(replyCase: ReplyCase): Promise<void> {
  const scene = await begin(replyCase);
  const { id, target, other, stage, text, row, way, handle } = scene;
  const detail = await until(id, { [target]: 'failed', [other]: stage === 'rcpt' ? 'delivered' : 'failed' });
  expect(detail).toMatchObject({ hasBody: true });
  expect(detail.attempts).toHaveLength(1);
  expect(resultFor(detail.attempts[0], target)).toMatchObject({ code: `reply.${row}`, reply: text });
  if (REPLY_TABLE.find((one) => one.id === row)?.tellsSize)
    expect(recipientOf(detail, target)?.cause).toMatch(
      new RegExp(`\\(${detail.head.bodyBytes} bytes, the limit set for the route is 36700160\\)\\.$`),
    );
  expect(statusOf(agent, way)).toMatchObject({ state: 'open', pause: null });
  expect(handle.hits()).toBe(1);
  handle.remove();
  await act('retry', id);
  await arrivesOnce(scene);
}

async function playSplits(replyCase: ReplyCase): Promise<void> {
  const scene = await begin(replyCase, { times: 1 });
  const startedAt = clock.now();
  const { attempts, recipients } = await arrivesOnce(scene);
  expect(
    attempts.map(({ results }) => results.map(({ address, state }) => [address, state]).toSorted()),
  ).toEqual([
    [
      [scene.other, 'delivered'],
      [scene.target, 'deferred'],
    ],
    [[scene.target, 'delivered']],
  ]);
  expect(resultFor(attempts[0], scene.target)).toMatchObject({
    code: `reply.${scene.row}`,
    reply: scene.text,
  });
  expect(recipients.map(({ tries }) => tries)).toEqual([1, 1]);
  // The clock of this test stands still: the rest did not wait.
  expect(attempts[1]?.endedAt).toBe(startedAt);
}

async function playSpares(replyCase: ReplyCase): Promise<void> {
  const scene = await begin(replyCase);
  const { id, target, other, row, text, handle, way } = scene;
  const detail = await until(id, { [target]: 'deferred', [other]: 'delivered' });
  expect(recipientOf(detail, target)).toMatchObject({ tries: 0, code: `reply.${row}` });
  expect(resultFor(detail.attempts[0], target)).toMatchObject({ code: `reply.${row}`, reply: text });
  const { state, pause, outsidePause } = statusOf(agent, way);
  expect({ state, pause }).toEqual({ state: 'open', pause: null });
  expect(outsidePause).toMatchObject({ code: `reply.${row}`, reply: text, needsPerson: false });
  const endsAt = outsidePause?.until ?? 0;
  expect(endsAt - (outsidePause?.since ?? 0)).toBeGreaterThanOrEqual((scene.minutes ?? 0) * MINUTE);

  // Whoever is outside waits unasked, whichever domain; whoever is inside goes on, alone or beside an outsider.
  const outsider = `outsider-${count}@northwindtraders.com`;
  const insider = `insider-${count}@${DOMAIN_OF[way]}`;
  const laterId = await scan(`later-${count}@contoso.com`, [outsider, insider]);
  const waiting = await until(laterId, { [insider]: 'delivered', [outsider]: 'queued' });
  expect(waiting.attempts).toHaveLength(1);
  expect(recipientOf(waiting, outsider)?.tries).toBe(0);
  expect(handle.hits()).toBe(1);
  const dispatch = agent.agent.rooms.dispatch;
  const waits = waiting.recipients.filter(({ address }) => address === outsider).map((one) => one.id);
  for (const at of (await dispatch.forecast(waits)).values()) expect(at).toBeGreaterThanOrEqual(endsAt);

  handle.remove();
  await passUntil(endsAt);
  await arrivesOnce(scene);
  await until(laterId, { [outsider]: 'delivered' });
  expect(statusOf(agent, way)).not.toHaveProperty('outsidePause');
}

test('a token that is about to expire is renewed, and the message goes at once', async () => {
  const issued = site.sandbox.tenant.tokensIssued();
  const replyCase = { reply: '501-5.5.127', way: 'oauth', deed: 'waits', row: 'token-expiring' } as const;
  const scene = await begin(replyCase, { times: 1 });
  const { attempts } = await arrivesOnce(scene);
  expect(attempts).toHaveLength(1);
  expect(scene.handle.hits()).toBe(1);
  expect(site.sandbox.tenant.tokensIssued()).toBeGreaterThan(issued);
});

test('a wrong sender meets the mailbox once, however much it sends, and the others of its device go on', async () => {
  const { tenant } = site.sandbox;
  await clock.advance(IDLE_MS);
  const [wrong, right] = ['wrong@contoso.com', 'right@contoso.com'];
  const denied = tenant.raise('554-5.2.252', { match: { sender: wrong } });
  const first = await scan(wrong, ['first@contoso.com']);
  await until(first, { 'first@contoso.com': 'held' });
  const ids: { id: string; address: string; state: string }[] = [];
  for (let number = 0; number < 10; number++) {
    for (const [sender, state] of [
      [wrong, 'held'],
      [right, 'delivered'],
    ] as const) {
      const address = `${state}-${number}@contoso.com`;
      ids.push({ id: await scan(sender, [address]), address, state });
    }
  }
  for (const { id, address, state } of ids) await until(id, { [address]: state });
  expect(denied.hits()).toBe(1);
  expect(statusOf(agent, 'mailbox')).toMatchObject({ state: 'open', pause: null });
});

test('every simulated reply has a case, and every row of the reply table is reached', () => {
  const ids = REPLY_CASES.map(({ reply }) => reply);
  expect(new Set(ids.filter((id) => typeof id === 'string'))).toEqual(new Set(Object.keys(REPLIES)));
  expect(new Set(REPLY_CASES.map(({ row }) => row))).toEqual(new Set(REPLY_TABLE.map(({ id }) => id)));
});

test('rows without a simulated reply are those that are listed with a reason', () => {
  const simulated = REPLY_CASES.filter(({ reply }) => typeof reply === 'string').map(({ row }) => row);
  const unreached = REPLY_TABLE.map(({ id }) => id).filter((id) => !simulated.includes(id));
  expect(new Set(unreached)).toEqual(new Set(Object.keys(WITHOUT_A_SIMULATED_REPLY)));
});

test('nothing but EHLO and STARTTLS ever crossed in clear', () => {
  const plain = site.sandbox
    .sessions()
    .flatMap(({ commands }) => commands.filter((one) => one.endsWith('(plain)')));
  expect(plain.length).toBeGreaterThan(REPLY_CASES.length);
  expect(new Set(plain)).toEqual(new Set(['EHLO (plain)', 'STARTTLS (plain)']));
});
