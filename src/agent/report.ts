/** What the agent tells over MQTT, as the config wants it: begun, changed and ended without anybody waiting for a broker. */
import { isIPv4 } from 'node:net';
import os from 'node:os';
import { configFingerprint, isSame } from '../config/compare.ts';
import type { Config } from '../config/schema.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { createTurns } from '../core/turns.ts';
import type { BrokerFacts } from '../health/sources.ts';
import type { Health } from '../health/types.ts';
import { VERSION } from '../program/version.ts';
import type { ExecuteCommand } from '../report/commands.ts';
import { PROBLEMS } from '../report/problems.ts';
import { createReport } from '../report/report.ts';
import type { Report, SiteFacts } from '../report/types.ts';
import type { Spool } from '../spool/types.ts';
import { boxAddresses } from './box-addresses.ts';
import type { InForce } from './in-force.ts';

export interface AgentReportDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  health: Pick<Health, 'report' | 'devices' | 'onReport'>;
  inForce: InForce;
  /** The box key: the fingerprint of a config tells nothing without it. */
  key: Buffer;
  startedAt: number;
  execute: ExecuteCommand;
}

export interface AgentReport {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * The config in force has changed. Other settings of the broker end the connection and make a new one, after the
   * commands under way have been answered; this does not wait for it.
   */
  refresh(): void;
  /** Null where the config has no broker. */
  broker(): BrokerFacts | null;
}

export function createAgentReport(deps: AgentReportDeps): AgentReport {
  const { clock, log, inForce } = deps;
  let current: { report: Report; settings: Config['mqtt'] } | null = null;
  /** Since when no connection is even tried. */
  let idleSince = clock.now();
  let again: Timer | null = null;
  const changes = createTurns();
  let isStopped = false;

  async function begin(): Promise<void> {
    const settings = inForce.config.mqtt;
    if (settings === undefined || isStopped) return;
    const report = createReport({
      ...{ ...deps, settings, random: Math.random },
      site: () => siteFacts(inForce, deps.key),
    });
    await report.start();
    current = { report, settings };
  }

  async function end(): Promise<void> {
    if (current === null) return;
    const { report } = current;
    current = null;
    idleSince = clock.now();
    await report.stop();
  }

  async function change(): Promise<void> {
    if (isSame(current?.settings, inForce.config.mqtt)) return current?.report.refresh();
    await end();
    await begin();
  }

  function refresh(): void {
    again?.cancel();
    changes.take(change).catch((error: unknown) => {
      // A site that can't report still delivers; a spool that can't be read heals.
      log.error('mqtt.change-failed', { error: describeError(error) });
      if (!isStopped) again = clock.schedule(LIMITS.brokerBackoffMaxMs, refresh);
    });
  }

  return {
    start: () => changes.take(begin),
    stop() {
      isStopped = true;
      again?.cancel();
      return changes.take(end);
    },
    refresh,
    broker() {
      if (current === null && inForce.config.mqtt === undefined) return null;
      if (current === null)
        return {
          ...{ connected: false, since: idleSince },
          error: isStopped ? PROBLEMS.stopped() : PROBLEMS.connecting(),
        };
      const { isConnected, since, problem } = current.report.state();
      return { connected: isConnected, since, error: problem };
    },
  };
}

function siteFacts({ config, devices }: InForce, key: Buffer): SiteFacts {
  const { site, routes } = config;
  return {
    ...{ id: site.id, name: site.name ?? site.id, version: VERSION, host: os.hostname() },
    config: configFingerprint(config, key),
    url: pageUrl(config),
    routes: routes.map(({ id }) => id),
    devices: devices.map(({ id, name }) => ({ id, name: name ?? id })),
  };
}

/** Where a person finds the page of the box. */
function pageUrl({ web, intake }: Config): string | null {
  if (web === undefined || web.port === 0) return null;
  const isAny = web.address === '0.0.0.0' || web.address === '::';
  const host = isAny ? (networkAddress() ?? intake.hostname) : web.address;
  const name = host.includes(':') ? `[${host}]` : host;
  return `https://${name}${web.port === 443 ? '' : `:${web.port}`}/`;
}

/** One that others can reach; IPv4 before IPv6, as offices have it. */
function networkAddress(): string | null {
  const addresses = boxAddresses().filter((address) => !address.startsWith('127.') && address !== '::1');
  return addresses.find((address) => isIPv4(address)) ?? addresses[0] ?? null;
}
