/**
 * Signed commands: takes them from the broker, has them checked, carried out and answered, each with its audit event.
 *
 * A command is written down (its nonce and an event) before it is obeyed. What is rejected is recorded and answered
 * as well, up to some a minute.
 */
import type { Clock } from '../core/clock.ts';
import { type Explanation, OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import { BrokerUnavailable, type IncomingMessage } from './broker-types.ts';
import { type AcceptedCommand, createCommandCheck } from './command-check.ts';
import { PROBLEMS } from './command-problems.ts';
import { createNonces } from './nonces.ts';
import type { ResponsePayload } from './payloads.ts';
import { createPlaces } from './places.ts';
import type { CommandVerb, MqttSettings } from './settings.ts';

export interface CommandRequest {
  verb: CommandVerb;
  args: Record<string, unknown>;
  /** Who asks, for the record: `mqtt:<key id>` or `home-assistant`. */
  by: string;
}

/** Carries a command out; resolves with a JSON value. Rejects with OperatorError for what the sender is to read. */
export type ExecuteCommand = (request: CommandRequest) => Promise<unknown>;

export interface CommandDeskDeps {
  clock: Clock;
  log: Log;
  site: string;
  keys: MqttSettings['commandKeys'];
  spool: Pick<Spool, 'getFacts' | 'putFact' | 'deleteFact' | 'record'>;
  execute: ExecuteCommand;
  /** Publishes an answer; `request` says where it came from. Never rejects. */
  respond(payload: ResponsePayload, request: IncomingMessage): Promise<void>;
}

export interface CommandDesk {
  start(): Promise<void>;
  /** A message on `<root>/cmd/<verb>`. */
  take(verb: string, message: IncomingMessage): void;
  /** Carries out what nobody has signed (a button), with its audit events; resolves when it is over. */
  obey(request: CommandRequest): Promise<void>;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

export function createCommandDesk(deps: CommandDeskDeps): CommandDesk {
  const { clock, log, spool } = deps;
  const nonces = createNonces(spool);
  const check = createCommandCheck({ site: deps.site, clock, keys: deps.keys, nonces });
  const places = createPlaces(LIMITS.commandsAtOnceMax, LIMITS.commandsWaitingMax);
  const rejections = createRejectionLimit(clock);
  const underWay = new Set<Promise<void>>();

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => log.error('command.lost', { error: describeError(error) }))
      .finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }

  async function receive(verb: string, message: IncomingMessage): Promise<void> {
    const hindrance = hindranceOf(message);
    const verdict = hindrance ?? (await check(verb, message.payload.toString('utf8')));
    if (!verdict.isAccepted) return reject(verb, verdict, message);
    const { command } = verdict;
    try {
      await nonces.keep(command.nonce, clock.now());
    } catch (error) {
      const why = PROBLEMS.notRecorded(describeError(error));
      return reject(verb, { why, nonce: command.nonce, keyId: command.keyId }, message);
    }
    await answer(command, message);
  }

  async function answer(command: AcceptedCommand, message: IncomingMessage): Promise<void> {
    const { verb, nonce, args } = command;
    const respond = (
      state: ResponsePayload['state'],
      result: unknown = null,
      why: Explanation | null = null,
    ) => deps.respond({ nonce, verb, ts: clock.now(), state, result, why }, message);
    await respond('accepted');
    const outcome = await places
      .use(async () => {
        await respond('running');
        return carryOut({ verb, args, by: `mqtt:${command.keyId}` }, { key: command.keyId, nonce });
      })
      .catch((error: unknown): Outcome => {
        if (error instanceof BrokerUnavailable) return { why: PROBLEMS.busy() };
        throw error;
      });
    if (outcome.why === null) await respond('succeeded', outcome.result);
    else await respond('failed', null, outcome.why);
  }

  async function carryOut(
    request: CommandRequest,
    who: { key: string; nonce: string | null },
  ): Promise<Outcome> {
    const { verb } = request;
    const startedAt = clock.monotonicMs();
    await record({ type: 'command.received', data: { verb, ...who } });
    const outcome = await execute(deps.execute, request);
    const tookMs = Math.round(clock.monotonicMs() - startedAt);
    const code = outcome.why?.code ?? null;
    const verdict = outcome.why === null ? 'succeeded' : 'failed';
    log.info('command.finished', { verb, ...who, outcome: verdict, code, tookMs });
    await record({ type: 'command.finished', data: { verb, ...who, outcome: verdict, code, tookMs } });
    return outcome;
  }

  async function record(event: Parameters<Spool['record']>[0]): Promise<void> {
    try {
      await spool.record(event);
    } catch (error) {
      // The nonce is on the disk; a command that mends a full disk must not fail for its audit event.
      log.error('command.not-recorded', { type: event.type, data: event.data, error: describeError(error) });
    }
  }

  async function reject(
    verb: string,
    { why, nonce, keyId }: { why: Explanation; nonce: string | null; keyId: string | null },
    message: IncomingMessage,
  ): Promise<void> {
    const more = rejections.take();
    if (more === null) return;
    const shown = verb.slice(0, VERB_CHARS_MAX);
    const data = { verb: shown, key: keyId, nonce, code: why.code, more };
    log.warn('command.rejected', { ...data, cause: why.cause });
    await record({ type: 'command.rejected', data });
    if (nonce === null || message.retain) return;
    await deps.respond(
      { nonce, verb: shown, ts: clock.now(), state: 'rejected', result: null, why },
      message,
    );
  }

  return {
    start: () => nonces.start(),
    take(verb, message) {
      // An empty retained payload is how a retained command is cleared.
      if (message.payload.length === 0) return;
      const isFull = underWay.size >= LIMITS.commandsAtOnceMax + LIMITS.commandsWaitingMax;
      if (isFull) track(reject(verb, { why: PROBLEMS.busy(), nonce: null, keyId: null }, message));
      else track(receive(verb, message));
    },
    async obey(request) {
      const work = carryOut(request, { key: request.by, nonce: null }).then(() => {});
      track(work);
      await work;
    },
    async stop() {
      await Promise.all(underWay);
    },
  };
}

const VERB_CHARS_MAX = 40;

type Outcome = { why: null; result: unknown } | { why: Explanation };

async function execute(run: ExecuteCommand, request: CommandRequest): Promise<Outcome> {
  try {
    const result = (await run(request)) ?? null;
    const bytes = Buffer.byteLength(JSON.stringify(result));
    if (bytes > LIMITS.commandResultBytesMax)
      return { why: PROBLEMS.resultTooLarge(LIMITS.commandResultBytesMax) };
    return { why: null, result };
  } catch (error) {
    const why = error instanceof OperatorError ? error.explanation : PROBLEMS.failed(describeError(error));
    return { why: { ...why, cause: shortened(why.cause) } };
  }
}

/** The causes of a long config are as many as it has faults. */
function shortened(text: string): string {
  return text.length <= LIMITS.commandSentenceMax ? text : `${text.slice(0, LIMITS.commandSentenceMax)} …`;
}

/** What forbids a message to be read at all. */
function hindranceOf({ retain, payload }: IncomingMessage) {
  const no = (why: Explanation) => ({ isAccepted: false as const, why, nonce: null, keyId: null });
  if (retain) return no(PROBLEMS.retained());
  return payload.length > LIMITS.commandBytesMax ? no(PROBLEMS.tooLarge(LIMITS.commandBytesMax)) : null;
}

/** `take` says how many were passed over before this one, or null when this one is to be passed over too. */
function createRejectionLimit(clock: Clock): { take(): number | null } {
  let windowStart = Number.NEGATIVE_INFINITY;
  let taken = 0;
  let passedOver = 0;
  return {
    take() {
      const now = clock.monotonicMs();
      if (now - windowStart >= 60_000) {
        windowStart = now;
        taken = 0;
      }
      taken += 1;
      if (taken > LIMITS.commandRejectionsPerMinuteMax) {
        passedOver += 1;
        return null;
      }
      const more = passedOver;
      passedOver = 0;
      return more;
    },
  };
}
