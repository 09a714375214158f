/** The notices to people as the config wants them, over the routes as they stand. */

import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { domainOf } from '../core/message.ts';
import type { Dispatch } from '../dispatch/types.ts';
import { createNotices } from '../notices/notices.ts';
import type { NoticeConfig, Notices, RoutePause } from '../notices/types.ts';
import { chooseRoute } from '../routes/choose.ts';
import type { RouteSettings } from '../routes/settings.ts';
import type { Spool } from '../spool/types.ts';
import { adviceFor } from './advice.ts';
import type { InForce } from './in-force.ts';

export interface AgentNoticesDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  dispatch: Pick<Dispatch, 'routes'>;
  inForce: InForce;
}

export function createAgentNotices({ inForce, dispatch, ...deps }: AgentNoticesDeps): Notices {
  return createNotices({
    ...deps,
    config: noticeConfig(inForce.config, inForce.devices),
    adviceFor,
    pauses: () => pausesOf(dispatch),
    canGoNow(recipient) {
      const open = new Set(dispatch.routes().flatMap(({ id, state }) => (state === 'open' ? [id] : [])));
      const routes = new Map(inForce.routes.map((route) => [route.id, route]));
      const { routing } = inForce.config;
      return chooseRoute(routing, recipient, (id) => open.has(id), routes).kind === 'use';
    },
  });
}

/** What the notices take from the config. */
export function noticeConfig(config: Config, devices: InForce['devices']): NoticeConfig {
  const { site, intake, notices, routes, spool } = config;
  const ownDomains = [...new Set(routes.flatMap(domainsOf))];
  return {
    settings: notices ?? null,
    siteName: site.name ?? site.id,
    hostname: intake.hostname,
    defaultFrom: defaultFrom(routes) ?? `postmaster@${intake.hostname}`,
    ownDomains,
    devices: new Map(
      devices.map(({ id, name, noticeToSender }) => [
        id,
        { name: name ?? null, toSender: noticeToSender ?? null },
      ]),
    ),
    maxAgeHours: spool.maxAgeHours,
    failedKeepDays: spool.failedKeepDays,
  };
}

/** A mailbox is an address that surely may send; without one it is the postmaster of the first domain. */
function defaultFrom(routes: readonly RouteSettings[]): string | null {
  for (const route of routes) if (route.kind === 'submission') return route.mailbox;
  const [first] = routes;
  return first?.kind === 'direct-send' || first?.kind === 'connector' ? `postmaster@${first.domain}` : null;
}

function domainsOf(route: RouteSettings): string[] {
  switch (route.kind) {
    case 'submission':
      return [domainOf(route.mailbox), ...route.sendAs.filter((entry) => !entry.includes('@'))];
    case 'direct-send':
      return [route.domain, ...route.domains];
    case 'connector':
      return [route.domain];
  }
}

function pausesOf(dispatch: Pick<Dispatch, 'routes'>): RoutePause[] {
  return dispatch.routes().flatMap(({ id, pause }) => {
    if (pause === null) return [];
    const { code, cause, advice, since, needsPerson } = pause;
    return [{ route: id, code, cause, advice, since, needsPerson }];
  });
}
