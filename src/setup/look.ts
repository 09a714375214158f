/** Tries an answer live: names, ports, and the whole way of a route up to its envelope. Nothing is sent. */

import type { Clock } from '../core/clock.ts';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { RouteFault } from '../core/outcome.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { type ProbeStep, probeRoute, type RouteQuestion } from '../routes/probe.ts';
import { lookUpAddresses, lookUpMailHosts, tryConnection } from '../routes/reach.ts';
import type { RouteSettings } from '../routes/settings.ts';
import type { NameResolver, RouteDeps } from '../routes/types.ts';
import { isMicrosoftMx } from './advise.ts';

export interface SetupDeps {
  clock: Clock;
  log: Log;
  /** Name servers as `address` or `address:port`; null for those of the system. */
  resolver(servers: string[] | null): NameResolver;
}

export interface Finding {
  grade: 'ok' | 'warn' | 'fail';
  text: string;
  /** What to do about it; null where nothing has to be done. */
  advice: string | null;
}

interface LookDeps extends SetupDeps {
  servers: string[] | null;
}

const ok = (text: string): Finding => ({ grade: 'ok', text, advice: null });

/** The MX of the domain, and whose it is; `hosts` is null where it could not be looked up. */
export async function lookAtDomain(
  domain: string,
  deps: LookDeps,
): Promise<{ hosts: string[] | null; finding: Finding }> {
  const found = await lookUpMailHosts(domain, reachDeps(deps), limit());
  if ('fault' in found) return { hosts: null, finding: failed(found.fault) };
  const hosts = found.value;
  const mx = hosts.join(', ');
  if (isMicrosoftMx(hosts)) return { hosts, finding: ok(`The MX of ${domain} is ${mx}: Microsoft 365.`) };
  return {
    hosts,
    finding: {
      grade: 'warn',
      text: `The MX of ${domain} is ${mx}, which is not Microsoft's.`,
      advice:
        'Where a mail filter stands in front of Microsoft 365, submission goes past it; else look whether this is the right domain.',
    },
  };
}

/** Whether `host` takes a connection on `port`. */
export async function lookAtPort(
  host: string,
  port: number,
  deps: LookDeps,
): Promise<{ isOpen: boolean; finding: Finding }> {
  const { clock, log } = deps;
  const signal = limit();
  const addresses = await lookUpAddresses(host, reachDeps(deps), signal);
  const reached =
    'fault' in addresses
      ? addresses
      : await tryConnection({ host, port }, addresses.value, { clock, log, signal });
  return 'fault' in reached
    ? { isOpen: false, finding: { ...failed(reached.fault), grade: 'warn' } }
    : { isOpen: true, finding: ok(`${host} takes connections on port ${port}.`) };
}

/** Goes the way of a message up to its envelope, which is taken back. */
export async function* lookAtRoute(
  settings: RouteSettings,
  deps: LookDeps & { hostname: string },
  questions: readonly RouteQuestion[],
): AsyncGenerator<Finding> {
  const routeDeps: RouteDeps = {
    ...reachDeps(deps),
    hostname: deps.hostname,
    // A token of now, not one that still lives.
    facts: { get: async () => null, put: async () => {}, delete: async () => {} },
  };
  try {
    for await (const step of probeRoute(settings, routeDeps, { questions, signal: limit() }))
      yield tell(step);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    yield { grade: 'fail', text: error.explanation.cause, advice: error.explanation.advice };
  }
}

function tell(step: ProbeStep): Finding {
  switch (step.step) {
    case 'mail-hosts':
      return ok(`Mail goes to ${step.hosts.join(', ')}.`);
    case 'session': {
      const { upstream, extensions } = step;
      const seen = extensions.seenAddress === null ? '' : `; it sees this site as ${extensions.seenAddress}`;
      return ok(
        `${upstream.host} answers over ${upstream.tls === null ? 'TLS' : tlsVersionInWords(upstream.tls.protocol)} with a certificate that holds${seen}.`,
      );
    }
    case 'token':
      return ok('The sign-in service has given a token.');
    case 'signed-in':
      return ok(`${step.user} is signed in (${step.mechanism}).`);
    case 'answer': {
      const { question, refusal } = step;
      const envelope = `mail from ${question.sender} to ${question.recipient}`;
      if (refusal === null) return ok(`It takes ${envelope}.`);
      const { code, text } = refusal.reply;
      return {
        grade: 'fail',
        text: `It does not take ${envelope}: ${refusal.why.cause} (${code} ${text})`,
        advice: refusal.why.advice,
      };
    }
    case 'fault':
      return failed(step.fault);
  }
}

function failed({ why, reply }: RouteFault): Finding {
  const said =
    reply === null
      ? ''
      : ` (${reply.code}${reply.enhanced === null ? '' : ` ${reply.enhanced}`} ${reply.text})`;
  return { grade: 'fail', text: `${why.cause}${said}`, advice: why.advice };
}

function reachDeps({
  clock,
  log,
  resolver,
  servers,
}: LookDeps): Pick<RouteDeps, 'clock' | 'log' | 'resolver'> {
  return { clock, log, resolver: resolver(servers) };
}

function limit(): AbortSignal {
  return AbortSignal.timeout(LIMITS.setupTestMaxMs);
}
