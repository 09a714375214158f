/** `fleet send`: one command to many sites, and what became of it at each. */
import type { Clock, Timer } from '../core/clock.ts';
import { type Explanation, OperatorError } from '../core/errors.ts';
import { type Commander, isFinal, type SentCommand } from './commander.ts';
import { PROBLEMS } from './problems.ts';

export interface SiteOutcome {
  site: string;
  state: 'succeeded' | 'failed' | 'rejected' | 'no-answer' | 'not-sent';
  result: unknown;
  why: Explanation | null;
}

export interface SendPlan {
  sites: readonly string[];
  verb: string;
  args: Record<string, unknown>;
  waitMs: number;
  /** Told as soon as a site is done. */
  onOutcome(outcome: SiteOutcome): void;
}

/** Commands on their way at once: as many as the broker acknowledges side by side. */
const AT_ONCE = 20;

/** Sends to all sites and waits for each; resolves with the outcomes in the order they came. */
export async function sendToSites(
  deps: { clock: Clock; commander: Pick<Commander, 'send' | 'onAnswer'> },
  plan: SendPlan,
): Promise<SiteOutcome[]> {
  const waits = createWaits(deps.clock, deps.commander, plan.waitMs);
  const outcomes: SiteOutcome[] = [];
  const queue = [...plan.sites];

  async function work(): Promise<void> {
    for (let site = queue.shift(); site !== undefined; site = queue.shift()) {
      const outcome = await sendToSite(deps.commander, waits, { ...plan, site });
      outcomes.push(outcome);
      plan.onOutcome(outcome);
    }
  }

  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    waits.stop();
  }
  return outcomes;
}

async function sendToSite(
  commander: Pick<Commander, 'send'>,
  waits: Waits,
  { site, verb, args, waitMs }: SendPlan & { site: string },
): Promise<SiteOutcome> {
  let command: SentCommand;
  try {
    command = await commander.send(site, verb, args);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { site, state: 'not-sent', result: null, why: PROBLEMS.sendFailed(error.explanation.cause) };
  }
  await waits.forEnd(command);
  const { answer } = command;
  if (answer === null || !isFinal(answer)) {
    return { site, state: 'no-answer', result: null, why: PROBLEMS.noAnswer(Math.round(waitMs / 1000)) };
  }
  // isFinal has told the others apart.
  return { site, state: answer.state as SiteOutcome['state'], result: answer.result, why: answer.why };
}

interface Waits {
  /** Resolves at the final answer, or when the time is over. */
  forEnd(command: SentCommand): Promise<void>;
  stop(): void;
}

function createWaits(clock: Clock, commander: Pick<Commander, 'onAnswer'>, waitMs: number): Waits {
  const waiting = new Map<string, { resolve: () => void; timer: Timer }>();

  function end(nonce: string): void {
    const one = waiting.get(nonce);
    one?.timer.cancel();
    waiting.delete(nonce);
    one?.resolve();
  }

  const unsubscribe = commander.onAnswer(({ nonce, answer }) => {
    if (answer !== null && isFinal(answer)) end(nonce);
  });

  return {
    forEnd({ nonce, answer }) {
      if (answer !== null && isFinal(answer)) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.set(nonce, { resolve, timer: clock.schedule(waitMs, () => end(nonce)) });
      });
    },
    stop() {
      unsubscribe();
      for (const nonce of [...waiting.keys()]) end(nonce);
    },
  };
}
