/** The clock: set at all, and right by an HTTPS answer and a time server. */
import { describeError } from '../core/log.ts';
import { CLOUDS } from '../routes/clouds.ts';
import { explainFault, faultCodeOf } from '../routes/faults.ts';
import { findAddresses } from '../routes/names.ts';
import { fail, ok, warn } from './findings.ts';
import { askHttpsDate } from './https-date.ts';
import { PROBLEMS } from './problems.ts';
import { askTimeServer } from './sntp.ts';
import { systemTimeServers } from './time-servers.ts';
import type { Check, CheckContext, Finding } from './types.ts';

export const CLOCK_CHECKS: readonly Check[] = [{ group: 'box', name: 'clock', run: checkClock }];

/** Within this the clock is right; an HTTPS Date counts whole seconds and takes its time. */
const OFF_WARN_MS = 10_000;
/** Sign-in by certificate and tokens allow about five minutes. */
const OFF_FAIL_MS = 120_000;
const NTP_PORT = 123;
const NAME = 'clock';

async function* checkClock(context: CheckContext): AsyncGenerator<Finding> {
  if (!context.clock.isSet()) {
    yield fail(NAME, 'not set', PROBLEMS.clockUnset());
    return;
  }
  const readings = await Promise.all([readHttps(context), readTimeServers(context)]);
  const known = readings.filter((reading) => reading.aheadMs !== null);
  const detail = readings.map(describeReading);
  const far = readings.find(({ certificateTrouble }) => certificateTrouble !== null);
  const [worst] = known.toSorted((a, b) => Math.abs(b.aheadMs ?? 0) - Math.abs(a.aheadMs ?? 0));
  if (worst !== undefined) yield judge(worst, detail);
  // A certificate that is not valid at this time is how a clock that is far off shows where nobody tells the time.
  else if (far?.certificateTrouble) yield fail(NAME, 'probably wrong', far.certificateTrouble, detail);
  else yield warn(NAME, 'not compared', PROBLEMS.clockUnknown(detail.join('; ')), detail);
}

interface Reading {
  source: string;
  /** Null where the source could not be asked. */
  aheadMs: number | null;
  trouble: string;
  certificateTrouble: ReturnType<typeof explainFault> | null;
}

function judge({ aheadMs, source }: Reading, detail: string[]): Finding {
  const offMs = Math.abs(aheadMs ?? 0);
  const text = `${(offMs / 1000).toFixed(1)} s off`;
  const direction = (aheadMs ?? 0) > 0 ? 'ahead of' : 'behind';
  const why = PROBLEMS.clockOff(`${Math.round(offMs / 1000)} seconds ${direction}`, source);
  if (offMs >= OFF_FAIL_MS) return fail(NAME, text, why, detail);
  if (offMs >= OFF_WARN_MS) return warn(NAME, text, why, detail);
  return ok(NAME, `right within ${Math.max(1, Math.ceil(offMs / 1000))} s`, detail);
}

function describeReading({ source, aheadMs, trouble }: Reading): string {
  if (aheadMs === null) return `${source}: ${trouble}`;
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(2);
  return `${source}: this box is ${seconds} s ${aheadMs >= 0 ? 'ahead' : 'behind'}`;
}

async function readHttps(context: CheckContext): Promise<Reading> {
  const { url, ca } = signInService(context);
  const source = new URL(url).host;
  const certificateTrouble = null;
  try {
    const aheadMs = await askHttpsDate({ ...context, url, ca });
    return { source, aheadMs, trouble: '', certificateTrouble };
  } catch (error) {
    const code = faultCodeOf(error);
    const isDate = code === 'route.certificate-expired' || code === 'route.certificate-not-yet-valid';
    return {
      ...{ source, aheadMs: null, trouble: troubleOf(error) },
      certificateTrouble: isDate ? explainFault(code, source, error) : null,
    };
  }
}

/** The sign-in service that the routes use, or Microsoft's own: every site sends there in the end. */
function signInService({ config }: CheckContext): { url: string; ca?: string | undefined } {
  for (const route of config?.routes ?? []) {
    if (route.kind !== 'submission' || route.auth.kind !== 'oauth') continue;
    const { authority, cloud } = route.auth;
    return { url: authority ?? CLOUDS[cloud].authority, ca: route.ca?.text };
  }
  return { url: CLOUDS.worldwide.authority };
}

/** The first time server that answers. */
async function readTimeServers(context: CheckContext): Promise<Reading> {
  const { clock, resolver, signal, systemRoot } = context;
  const troubles: string[] = [];
  for (const server of context.timeServers ?? (await systemTimeServers(systemRoot))) {
    const { host, port } = hostAndPort(server);
    try {
      const [address = host] = await findAddresses(resolver, host, { clock, signal });
      const aheadMs = await askTimeServer({ address, port, clock, signal });
      return { source: host, aheadMs, trouble: '', certificateTrouble: null };
    } catch (error) {
      troubles.push(`${host}: ${troubleOf(error)}`);
    }
    if (signal.aborted) break;
  }
  return {
    ...{ source: 'time servers', aheadMs: null, certificateTrouble: null },
    trouble: troubles.join('; '),
  };
}

/** The code of a failed lookup or connection says it; a sentence would be one too many. */
function troubleOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : describeError(cause);
}

function hostAndPort(server: string): { host: string; port: number } {
  const [, host, port] = /^([^:]+):(\d+)$/.exec(server) ?? [];
  return host === undefined ? { host: server, port: NTP_PORT } : { host, port: Number(port) };
}
