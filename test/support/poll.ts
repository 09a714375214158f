/** Asks a program of somebody else again and again, where it gives no sign of its own. */
import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 50;
const LIMIT_MS = 20_000;

/** The first answer that is not null; throws with `what` and the last error when there is none in time. */
export async function poll<T>(ask: () => Promise<T | null>, what: string): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  let failure: unknown = null;
  while (performance.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
      failure = null;
    } catch (error) {
      failure = error;
    }
    await pause(EVERY_MS);
  }
  throw new Error(`not within ${LIMIT_MS} ms: ${what}`, { cause: failure });
}
