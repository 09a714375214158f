/** The routes: each looked at by `examineRoute`, then SPF of its domains, and how it stands in the running agent. */
import { domainOf } from '../core/message.ts';
import { countWords, durationWords } from '../health/words.ts';
import type { RouteSettings } from '../routes/settings.ts';
import { fail, graded, ok } from './findings.ts';
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
  const { code, cause, needsPerson, reply, since, until } = pause;
  const text = `${whom} for ${durationWords(now - since)}`;
  const detail = reply === null ? [] : reply.split('\n');
  if (code === BY_OPERATOR) return graded('warn', { name, text, why: PROBLEMS.pausedByOperator(id), detail });
  const isSeen = look.codes.includes(code);
  const resume = `\`scanferry routes resume ${id}\` tries at once`;
  const next =
    until > now ? `by itself it is tried in ${durationWords(until - now)}` : 'it is tried by itself soon';
  const then = isSeen
    ? `Then ${resume}; ${next}.`
    : `The lines above can't show that, or it is mended already: ${resume}; ${next}.`;
  const why = { code, cause, advice: `${pause.advice} ${then}` };
  return needsPerson ? fail(name, text, why, detail) : graded('warn', { name, text, why, detail });
}
