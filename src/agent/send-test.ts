/** A test scan: handed to the box as a device would, over TLS and with a login, then followed to the last reply. */

import type { Config } from '../config/schema.ts';
import type { SendTestRequest, SendTestStep } from '../control/protocol.ts';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { RecipientState } from '../core/message.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import type { AttemptStart, Dispatch, RouteStatus } from '../dispatch/types.ts';
import type { Intake, ListenerAddress } from '../intake/types.ts';
import { sendScan } from '../sandbox/device.ts';
import { createScanMessage } from '../sandbox/scan.ts';
import type { MessageDetail, Spool } from '../spool/types.ts';

export interface SendTestDeps {
  clock: Clock;
  config: Config;
  spool: Spool;
  intake: Intake;
  listeners: ListenerAddress[];
  dispatch: Pick<Dispatch, 'routes' | 'onAttempt'>;
}

const OVER: readonly RecipientState[] = ['delivered', 'failed', 'held', 'cancelled'];

/** Yields each step as it happens; the last one carries `succeeded`. */
export async function* sendTestScan(
  deps: SendTestDeps,
  request: SendTestRequest,
): AsyncGenerator<SendTestStep> {
  const startedAt = deps.clock.monotonicMs();
  const at = () => Math.round(deps.clock.monotonicMs() - startedAt);
  // Before it is handed in: the first attempt may begin before the box has said that it took it.
  const attempts = watchAttempts(deps.dispatch, at);
  try {
    yield* handInAndFollow(deps, request, attempts, at);
  } finally {
    attempts.stop();
  }
}

async function* handInAndFollow(
  deps: SendTestDeps,
  request: SendTestRequest,
  attempts: Attempts,
  at: () => number,
): AsyncGenerator<SendTestStep> {
  const handed = await handIn(deps, request);
  const leg =
    handed.tls === null ? 'plain text' : `${tlsVersionInWords(handed.tls.protocol)}, ${handed.tls.cipher}`;
  yield { atMs: at(), step: 'connected', text: `the box answered (${leg})`, reply: null };
  const id = / as ([0-9a-z]+)\s*$/.exec(handed.replyText)?.[1];
  if (!handed.accepted || id === undefined) {
    yield {
      atMs: at(),
      step: 'refused',
      text: 'the box did not take the scan',
      reply: handed.replyText,
      succeeded: false,
    };
    return;
  }
  const acceptedMs = at();
  yield { atMs: acceptedMs, step: 'accepted', text: `safe in the spool as ${id}`, reply: handed.replyText };
  const steps = follow(deps, { id, waitMs: request.waitMs, attempts }, at);
  // Steps come in the order of a message's life, also where two things happened at once.
  for await (const step of steps) yield { ...step, atMs: Math.max(step.atMs, acceptedMs) };
}

interface Attempts {
  of(id: string): { attempt: AttemptStart; atMs: number }[];
  /** Calls `wake` at each further one; returns what ends that. */
  onChange(wake: () => void): () => void;
  stop(): void;
}

/** Attempts with whatever message, because the test scan has no id yet when its first one may begin. */
function watchAttempts({ onAttempt }: Pick<Dispatch, 'onAttempt'>, at: () => number): Attempts {
  const begun: { attempt: AttemptStart; atMs: number }[] = [];
  const stop = onAttempt((attempt) => {
    begun.push({ attempt, atMs: at() });
    if (begun.length > LIMITS.sendTestAttemptsMax) begun.shift();
  });
  return {
    of: (id) => begun.filter(({ attempt }) => attempt.messageId === id),
    onChange: (wake) => onAttempt(wake),
    stop,
  };
}

async function handIn(deps: SendTestDeps, request: SendTestRequest) {
  const listener = testListener(deps.listeners);
  const login = deps.intake.issueTestLogin();
  const from = request.from ?? defaultSender(deps.config);
  const to = request.to ?? [from];
  try {
    return await sendScan({
      connect: { host: loopbackOf(listener.address), port: listener.port },
      tls: listener.tls === 'auto' ? 'starttls' : listener.tls,
      hello: { verb: 'EHLO', name: deps.config.intake.hostname },
      auth: { mechanism: 'PLAIN', user: login.user, password: login.password },
      from,
      to,
      message: createScanMessage({ from, to, subject: 'Scanferry test scan' }),
    });
  } finally {
    login.revoke();
  }
}

/** A listener with TLS where there is one: the login then never crosses in clear, not even on loopback. */
function testListener(listeners: ListenerAddress[]): ListenerAddress {
  const chosen = listeners.find((listener) => listener.tls !== 'none') ?? listeners[0];
  if (chosen === undefined) throw new Error('the agent has no listener');
  return chosen;
}

/** Where a listener bound to every address is reached from the box itself. */
function loopbackOf(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

/** An address that the first route may send as. */
function defaultSender(config: Config): string {
  const [route] = config.routes;
  return route?.kind === 'submission'
    ? route.mailbox
    : `scanferry@${route?.domain ?? config.intake.hostname}`;
}

interface Followed {
  id: string;
  waitMs: number;
  attempts: Attempts;
}

async function* follow(
  deps: SendTestDeps,
  followed: Followed,
  at: () => number,
): AsyncGenerator<SendTestStep> {
  const { id, attempts } = followed;
  const told = new Set<string>();
  for await (const detail of changes(deps, followed)) {
    const steps = [
      ...attempts.of(id).map((begun) => sendingStep(begun, deps.config)),
      ...recipientSteps(detail, at()),
      ...pauseSteps(detail, deps.dispatch.routes(), at()),
    ];
    for (const { key, step } of steps) {
      if (told.has(key)) continue;
      told.add(key);
      yield step;
    }
    if (detail.recipients.every((recipient) => OVER.includes(recipient.state))) {
      yield lastStep(detail, at());
      return;
    }
  }
  yield {
    atMs: at(),
    step: 'timed-out',
    text: `still in the box; it goes on by itself: scanferry queue show ${id}`,
    reply: null,
    succeeded: false,
  };
}

/** The message, now and after each change of the spool and each attempt, until the time is over. */
async function* changes(
  deps: SendTestDeps,
  { id, waitMs, attempts }: Followed,
): AsyncGenerator<MessageDetail> {
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  const ends = [deps.spool, attempts].map((source) => source.onChange(() => wake.resolve()));
  const timer = deps.clock.schedule(waitMs, () => {
    isOver = true;
    wake.resolve();
  });
  try {
    while (!isOver) {
      wake = Promise.withResolvers<void>();
      const detail = await deps.spool.show(id);
      if (detail === null) return;
      yield detail;
      await wake.promise;
    }
  } finally {
    for (const end of ends) end();
    timer.cancel();
  }
}

/** A step, and what tells it from one that was told before. */
interface KeyedStep {
  key: string;
  step: SendTestStep;
}

function sendingStep(
  { attempt, atMs }: { attempt: AttemptStart; atMs: number },
  { routes }: Config,
): KeyedStep {
  const { routeId, recipients } = attempt;
  const text = `${recipients.join(', ')} by ${routeId}${placeOf(routes.find(({ id }) => id === routeId))}`;
  return { key: `sending ${atMs} ${text}`, step: { atMs, step: 'sending', text, reply: null } };
}

/** Which host of an MX it will be shows only when one has answered. */
function placeOf(route: Config['routes'][number] | undefined): string {
  if (route === undefined) return '';
  if (route.host !== undefined) return ` to ${route.host}:${route.port}`;
  return route.kind === 'submission' ? '' : ` to the MX of ${route.domain}, port ${route.port}`;
}

function recipientSteps(detail: MessageDetail, atMs: number): KeyedStep[] {
  return detail.recipients.flatMap((recipient) => {
    const step = stepOf(detail, recipient, atMs);
    return step === null
      ? []
      : [{ key: `${recipient.id} ${step.step} ${recipient.tries} ${recipient.cause}`, step }];
  });
}

/** A paused route leaves the message untouched, so only the route can say why nothing happens. */
function pauseSteps(detail: MessageDetail, routes: RouteStatus[], atMs: number): KeyedStep[] {
  if (detail.recipients.every(({ state }) => state !== 'queued' && state !== 'deferred')) return [];
  return routes.flatMap(({ id, pause }) => {
    if (pause === null) return [];
    const text = `the route ${id} is paused: ${pause.cause} ${pause.advice}`;
    return [{ key: `route ${id} ${pause.code}`, step: { atMs, step: 'waiting', text, reply: pause.reply } }];
  });
}

function stepOf(
  detail: MessageDetail,
  recipient: MessageDetail['recipients'][number],
  atMs: number,
): SendTestStep | null {
  const attempt = detail.attempts.findLast((each) =>
    each.results.some((result) => result.address === recipient.address),
  );
  const reply = attempt?.results.find((result) => result.address === recipient.address)?.reply ?? null;
  const cause = recipient.cause ?? '';
  switch (recipient.state) {
    case 'delivered': {
      const tls = attempt?.tls
        ? ` over ${tlsVersionInWords(attempt.tls.protocol)}, ${attempt.tls.cipher}`
        : '';
      return {
        atMs,
        step: 'delivered',
        text: `${recipient.address} by ${attempt?.routeId ?? '?'} to ${attempt?.host ?? '?'}${tls}`,
        reply,
      };
    }
    case 'deferred':
      return { atMs, step: 'waiting', text: `${recipient.address}: ${cause}`, reply };
    case 'held':
      return { atMs, step: 'held', text: `${recipient.address}: ${cause}`, reply };
    case 'failed':
      return { atMs, step: 'failed', text: `${recipient.address}: ${cause}`, reply };
    default:
      return null;
  }
}

function lastStep(detail: MessageDetail, atMs: number): SendTestStep {
  const delivered = detail.recipients.filter((recipient) => recipient.state === 'delivered').length;
  const all = detail.recipients.length;
  return {
    atMs,
    step: delivered === all ? 'delivered' : 'failed',
    text: delivered === all ? 'the test scan arrived' : `${delivered} of ${all} recipients have it`,
    reply: null,
    succeeded: delivered === all,
  };
}
