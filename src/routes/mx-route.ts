/** What both ways over port 25 share: the MX is looked up, and messages that follow each other share a connection. */
import { deliver, type Way } from './deliver.ts';
import { createIdleSessions } from './idle-sessions.ts';
import { findMailHosts } from './names.ts';
import { createSessionOpener, openFirst } from './open-route-session.ts';
import { shapeForMx } from './rewrite.ts';
import type { ConnectorSettings, DirectSendSettings } from './settings.ts';
import type { RouteTls } from './tls.ts';
import type { Route, RouteDeps } from './types.ts';

export function createMxRoute(
  settings: ConnectorSettings | DirectSendSettings,
  deps: RouteDeps,
  tls: RouteTls,
): Omit<Route, 'canCarry'> {
  const open = createSessionOpener(deps, tls);
  const idle = createIdleSessions(deps.clock, settings.limits.connections);
  const ownDomains = [settings.domain, ...('domains' in settings ? settings.domains : [])];
  const hasCertificate = settings.kind === 'connector' && settings.certificate !== undefined;
  const way: Way = {
    kind: settings.kind,
    limits: settings.limits,
    ownDomains,
    log: deps.log,
    clock: deps.clock,
    async acquire(signal, isFreshWanted) {
      const kept = isFreshWanted ? null : idle.take();
      if (kept !== null) return { session: kept, isKept: true };
      const bounds = { clock: deps.clock, signal };
      const hosts =
        settings.host === undefined
          ? await findMailHosts(deps.resolver, settings.domain, bounds)
          : [settings.host];
      const session = await openFirst(hosts, (host) => open({ host, port: settings.port }, signal), deps.log);
      return { session, isKept: false };
    },
    release: (session) => idle.keep(session),
    shape: (header, head) => shapeForMx(header, head, { hasCertificate }),
  };
  return {
    id: settings.id,
    kind: settings.kind,
    limits: settings.limits,
    ownDomains,
    deliver: (message, signal) => deliver(way, message, signal),
    stop: async () => idle.stop(),
  };
}
