/** The one error of this room: an attempt came to nothing, and why. It never leaves the room. */
import type { Reply, RouteFault, UpstreamFacts } from '../core/outcome.ts';
import { explainFault, type FaultCode, faultNeedsPerson } from './faults.ts';

export class RouteFailure extends Error {
  readonly fault: RouteFault;
  /** The server it happened at, where one was reached. */
  readonly upstream: UpstreamFacts | null;

  constructor(fault: RouteFault, options: { upstream?: UpstreamFacts | null; cause?: unknown } = {}) {
    super(fault.why.cause, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RouteFailure';
    this.fault = fault;
    this.upstream = options.upstream ?? null;
  }
}

/** A failure from the table of connection faults. `where` is the host and port, or the name looked up. */
export function connectionFailure(
  code: FaultCode,
  where: string,
  options: { error?: unknown; upstream?: UpstreamFacts | null; reply?: Reply | null } = {},
): RouteFailure {
  return new RouteFailure(
    {
      why: explainFault(code, where, options.error),
      reply: options.reply ?? null,
      needsPerson: faultNeedsPerson(code),
      retryAfterMs: null,
    },
    { upstream: options.upstream ?? null, cause: options.error },
  );
}

/** The attempt was stopped from above (AbortSignal): nothing is known and nobody is at fault. */
export class AttemptAborted extends Error {
  constructor() {
    super('the attempt was aborted');
    this.name = 'AttemptAborted';
  }
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new AttemptAborted();
}
