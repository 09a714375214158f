/** What health looks at in this agent: dispatch, routes, the config in force, the broker, the box. */
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { FileText } from '../core/settings.ts';
import { createClockWatch } from '../dispatch/clock-watch.ts';
import type { Dispatch } from '../dispatch/types.ts';
import { createBoxProbe } from '../health/box-probe.ts';
import { createHealth } from '../health/health.ts';
import type { BrokerFacts, HealthSpool, RouteFacts } from '../health/sources.ts';
import type { HealthRoom } from '../health/types.ts';
import { isTelling } from '../intake/replies.ts';
import { VERSION } from '../program/version.ts';
import type { RouteSettings } from '../routes/settings.ts';
import type { InForce } from './in-force.ts';

export interface AgentHealthDeps {
  clock: Clock;
  log: Log;
  spool: HealthSpool;
  dispatch: Pick<Dispatch, 'routes'>;
  /** Read anew at each look, so that a reload of the config takes effect at once. */
  inForce: InForce;
  dataDir: string;
  /** State of the connection to the broker; null where none is configured. */
  broker(): BrokerFacts | null;
}

/** Makes the health of this agent. */
export function createAgentHealth(deps: AgentHealthDeps): HealthRoom {
  const { clock, log, spool, inForce, dataDir } = deps;
  const watch = createClockWatch(clock);
  return createHealth({
    ...{ clock, log, spool, version: VERSION },
    ageMs(receivedAt) {
      watch.jumpMs();
      return watch.ageMs(receivedAt);
    },
    historyDays: () => inForce.config.spool.historyDays,
    isTelling,
    maxAgeHours: () => inForce.config.spool.maxAgeHours,
    routes: () => routeFacts(deps),
    devices: () =>
      inForce.devices.map(({ id, address, profile }) => ({
        ...{ id, address: address ?? null, profile: profile ?? null },
      })),
    broker: deps.broker,
    clockSkewMs: () => latestSkew(inForce),
    box: createBoxProbe({ clock, directory: dataDir }),
  });
}

function routeFacts({ dispatch, inForce }: AgentHealthDeps): RouteFacts[] {
  return dispatch.routes().map((status) => {
    const route = inForce.routes.find(({ id }) => id === status.id);
    const settings = inForce.config.routes.find(({ id }) => id === status.id);
    return {
      ...status,
      limits: route?.limits ?? null,
      tokenExpiresAt: route?.signInFacts?.().tokenExpiresAt ?? null,
      ...credentialEnds(settings),
    };
  });
}

/** How far the clock is ahead of the sign-in service's, as the route heard that spoke to it last. */
function latestSkew({ routes }: InForce): number | null {
  const heard = routes
    .flatMap((route) => route.signInFacts?.().clockSkew ?? [])
    .sort((a, b) => b.measuredAt - a.measuredAt);
  return heard[0]?.aheadMs ?? null;
}

interface CredentialEnds {
  secretExpiresAt: number | null;
  certificateExpiresAt: number | null;
}

const NO_ENDS: CredentialEnds = { secretExpiresAt: null, certificateExpiresAt: null };

function credentialEnds(settings: RouteSettings | undefined): CredentialEnds {
  if (settings?.kind === 'connector') {
    return { ...NO_ENDS, certificateExpiresAt: certificateEnd(settings.certificate?.cert) };
  }
  if (settings?.kind !== 'submission' || settings.auth.kind !== 'oauth') return NO_ENDS;
  const { clientSecretExpires, certificate } = settings.auth;
  return {
    secretExpiresAt: clientSecretExpires === undefined ? null : Date.parse(clientSecretExpires),
    certificateExpiresAt: certificateEnd(certificate?.cert),
  };
}

/** By text: a certificate is parsed once, and forgotten with the config it stood in. */
const ENDS = new WeakMap<FileText, number | null>();

function certificateEnd(cert: FileText | undefined): number | null {
  if (cert === undefined) return null;
  const known = ENDS.get(cert);
  if (known !== undefined) return known;
  const end = parseEnd(cert.text);
  ENDS.set(cert, end);
  return end;
}

function parseEnd(pem: string): number | null {
  try {
    const end = new X509Certificate(pem).validToDate.getTime();
    return Number.isFinite(end) ? end : null;
  } catch {
    // A certificate that can't be read pauses its route with that reason.
    return null;
  }
}
