/** The routes: each looked at by `examineRoute`, then SPF of its domains, and how it stands in the running agent. */
import type { Explanation } from '../core/errors.ts';
import { domainOf } from '../core/message.ts';
import { countWords, durationWords } from '../health/words.ts';
import type { RouteSettings } from '../routes/settings.ts';
import { graded, ok, warn } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import { examineRoute, type RouteLook } from './route-check.ts';
import { examineSpf } from './spf-check.ts';
import type { Check, CheckContext, DoctorDeps, Finding, RoutePauseFacts, RouteStanding } from './types.ts';

/** One check for each route, so that a slow one holds up no other. */
export function routeChecks({ config }: DoctorDeps): Check[] {
  return (config?.routes ?? []).map(
    (route): Check => ({ group: 'routes', name: route.id, run: (context) => checkRoute(route, context) }),
  );
}

async function* checkRoute(route: RouteSettings, context: CheckContext): AsyncGenerator<Finding> {
  const { agent, clock, config, log, resolver, signal } = context;
  const hostname = config?.intake.hostname ?? 'localhost';
  const standing = agent?.routes().find(({ id }) => id === route.id) ?? null;
  const look = yield* examineRoute(route, {
    ...{ clock, log, resolver, signal, hostname, facts: agent?.facts ?? null },
  });
  const spf = await spfOf(route, look, context);
  yield { ...spf, name: `${route.id}: ${spf.name}` };
  yield* standing === null
    ? notTried(route, look)
    : standingFindings(route, standing, { look, now: clock.now() });
}

function spfOf(route: RouteSettings, { seenAddress }: RouteLook, context: CheckContext): Promise<Finding> {
  const { clock, resolver, signal } = context;
  const isSubmission = route.kind === 'submission';
  return examineSpf({
    ...{ clock, resolver, signal },
    domain: isSubmission ? domainOf(route.mailbox) : route.domain,
    // Submission leaves from Microsoft's own addresses; the other ways come from this box.
    address: isSubmission ? null : seenAddress,
    isWorldwide: !isSubmission || route.auth.kind === 'basic' || route.auth.cloud === 'worldwide',
  });
}

/** What no question can show, said where nobody has sent: it is no promise. */
function* notTried({ id }: RouteSettings, { codes }: RouteLook): Generator<Finding> {
  if (codes.length > 0) return;
  yield ok(
    `${id}: sending`,
    `not tried; what shows only at the end of a message, \`scanferry send-test\` shows`,
  );
}

function* standingFindings(
  { id, limits }: RouteSettings,
  { pause, outsidePause, lastSuccessAt, budget }: RouteStanding,
  { look, now }: { look: RouteLook; now: number },
): Generator<Finding> {
  const name = `${id}: sending`;
  if (outsidePause !== undefined)
    yield pauseFinding(name, outsidePause, { id, look, now, whom: 'outside recipients wait' });
  if (pause !== null) {
    yield pauseFinding(name, pause, { id, look, now, whom: 'paused' });
    return;
  }
  const left = `${countWords(budget.recipientsToday, 'recipient')} left of ${limits.recipientsPerDay} today`;
  const last =
    lastSuccessAt === null
      ? 'nothing sent since the start'
      : `last success ${durationWords(now - lastSuccessAt)} ago`;
  yield ok(name, `open; ${last}; ${left}`);
}

const BY_OPERATOR = 'route.paused-by-operator';

/** The reason why the running agent waits, which may be one that only a message shows. */
function pauseFinding(
  name: string,
  pause: RoutePauseFacts,
  { id, look, now, whom }: { id: string; look: RouteLook; now: number; whom: string },
): Finding {
  const { code, needsPerson, reply, since, until } = pause;
  const text = `${whom} for ${durationWords(now - since)}`;
  if (code === BY_OPERATOR) return warn(name, text, PROBLEMS.pausedByOperator(id));
  const next =
    until > now ? `by itself it goes on in ${durationWords(until - now)}` : 'by itself it goes on soon';
  const resume = `\`scanferry routes resume ${id}\` tries at once, ${next}`;
  const isTold = look.codes.includes(code);
  const why = isTold ? asTold(code, resume) : asMet(pause, resume, look.codes.length === 0);
  const detail = isTold || reply === null ? [] : reply.split('\n');
  return graded(needsPerson ? 'fail' : 'warn', { name, text, why, detail });
}

/** The code stays that of the line above. */
function asTold(code: string, resume: string): Explanation {
  return {
    code,
    cause: 'The agent waits for the reason told above.',
    advice: `When that is mended: ${resume}.`,
  };
}

/** What no line above has shown; `isGood` where all of them are well. */
function asMet({ code, cause, advice }: Explanation, resume: string, isGood: boolean): Explanation {
  const seen = isGood
    ? 'The lines above are good, so either that is mended, or it shows only when a message is sent.'
    : "The lines above don't show that.";
  return {
    code,
    cause: `The agent waits because of what it met when it sent: ${cause}`,
    advice: `${seen} ${advice} When that is done: ${resume}.`,
  };
}
