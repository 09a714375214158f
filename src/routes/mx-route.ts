/** What both ways over port 25 share: the MX is looked up, and each message has a connection of its own. */
import type { SecureContext } from 'node:tls';
import { deliver, type Way } from './deliver.ts';
import { findMailHosts } from './names.ts';
import { createSessionOpener, openFirst } from './open-route-session.ts';
import { shapeForMx } from './rewrite.ts';
import type { ConnectorSettings, DirectSendSettings } from './settings.ts';
import type { Route, RouteDeps } from './types.ts';

/** Connections are not reused: Microsoft's MX cuts long sessions (4.4.1, facts of GitHub haraka/Haraka#2321). */
export function createMxRoute(
  settings: ConnectorSettings | DirectSendSettings,
  deps: RouteDeps,
  tls: SecureContext,
): Omit<Route, 'canCarry'> {
  const open = createSessionOpener(deps, tls);
  const ownDomains = [settings.domain, ...('domains' in settings ? settings.domains : [])];
  const hasCertificate = settings.kind === 'connector' && settings.certificate !== undefined;
  const way: Way = {
    kind: settings.kind,
    limits: settings.limits,
    ownDomains,
    log: deps.log,
    clock: deps.clock,
    async acquire(signal) {
      const bounds = { clock: deps.clock, signal };
      const hosts =
        settings.host === undefined
          ? await findMailHosts(deps.resolver, settings.domain, bounds)
          : [settings.host];
      const session = await openFirst(hosts, (host) => open({ host, port: settings.port }, signal), deps.log);
      return { session, isKept: false };
    },
    release: (session) => session.quit(),
    shape: (header, head) => shapeForMx(header, head, { hasCertificate }),
  };
  return {
    id: settings.id,
    kind: settings.kind,
    limits: settings.limits,
    ownDomains,
    deliver: (message, signal) => deliver(way, message, signal),
    stop: async () => {},
  };
}
