/** Simulated sites in this process: each is room report as an agent runs it, with a connection of its own. */
import type { Clock } from '../../src/core/clock.ts';
import type { EventData } from '../../src/core/events.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Log } from '../../src/core/log.ts';
import { createReport } from '../../src/report/report.ts';
import { mqttSettings } from '../../src/report/settings.ts';
import type { Report } from '../../src/report/types.ts';
import { createSiteHealth, type SiteHealth } from './site-health.ts';
import { createSiteSpool, type SiteSpool } from './site-spool.ts';

export interface SitesOptions {
  /** One of the broker's addresses; a port of this machine goes with one connection to each. */
  url: string;
  /** Number of the first site; ids are `site-<number>`. */
  first: number;
  count: number;
  devicesPerSite: number;
  scansPerHour: number;
  /** The start of the sites is spread over this. */
  rampMs: number;
  /** Authority of the broker, PEM, with mqtts. */
  ca: string | undefined;
  clock: Clock;
  random(): number;
}

export interface LoadSites {
  start(): void;
  stop(): Promise<void>;
  figures(): SitesFigures;
}

export interface SitesFigures {
  connected: number;
  /** Connections that came about, that were lost, and waits before another try, since the start. */
  connects: number;
  losses: number;
  waits: number;
  /** Other lines that a log would have shown, by name. */
  warnings: Record<string, number>;
  scans: number;
}

interface LoadSite {
  report: Report;
  health: SiteHealth;
  spool: SiteSpool;
}

export function siteId(number: number): string {
  return `site-${String(number).padStart(5, '0')}`;
}

export function createLoadSites(options: SitesOptions): LoadSites {
  const { clock, random } = options;
  const figures: SitesFigures = { connected: 0, connects: 0, losses: 0, waits: 0, warnings: {}, scans: 0 };
  const log = createCountingLog(figures);
  const startedAt = clock.now();
  const sites = Array.from({ length: options.count }, (_, index) => makeSite(options.first + index));
  let isStopped = false;

  function makeSite(number: number): LoadSite {
    const now = () => clock.now();
    const spool = createSiteSpool(now);
    const health = createSiteHealth({ devices: options.devicesPerSite, now, random });
    const ca = options.ca === undefined ? undefined : { path: 'ca.pem', text: options.ca };
    const report = createReport({
      ...{ clock, log, spool, health, startedAt },
      // Without Home Assistant, the wait before another try is all that chance decides.
      random() {
        figures.waits += 1;
        return random();
      },
      settings: { ...mqttSettings().parse({ url: options.url }), ca },
      site: () => ({
        ...{ id: siteId(number), name: `Office ${number}`, version: '0.1.0', host: `box-${number}` },
        ...{ config: 'c0ffee', url: null, routes: ['mailbox', 'direct'] },
        devices: health.devices().map(({ id }) => ({ id, name: id })),
      }),
      execute: async () => ({ result: null }),
    });
    return { report, health, spool };
  }

  function later(delayMs: number, act: () => void): void {
    clock.schedule(delayMs, () => {
      if (!isStopped) act();
    });
  }

  async function run(site: LoadSite): Promise<void> {
    await site.report.start();
    const look = (): void => {
      site.health.look();
      later(LIMITS.healthLookMs, look);
    };
    later(random() * LIMITS.healthLookMs, look);
    if (options.scansPerHour === 0) return;
    const scan = (): void => {
      scanAt(site);
      figures.scans += 1;
      later(untilNextScanMs(), scan);
    };
    later(untilNextScanMs(), scan);
  }

  /** Scans come one by one, independent of each other. */
  function untilNextScanMs(): number {
    return (-Math.log(1 - random()) * 3_600_000) / options.scansPerHour;
  }

  function scanAt({ health, spool }: LoadSite): void {
    const device = Math.floor(random() * options.devicesPerSite);
    health.scan(device);
    spool.add({ type: 'message.accepted', data: accepted(device) });
    spool.add({ type: 'message.delivered', data: DELIVERED });
  }

  return {
    start() {
      sites.forEach((site, index) => {
        later((index / options.count) * options.rampMs, () => {
          run(site).catch((error: unknown) => {
            throw error;
          });
        });
      });
    },
    async stop() {
      isStopped = true;
      await Promise.all(sites.map(({ report }) => report.stop()));
    },
    figures() {
      const connected = sites.filter(({ report }) => report.state().isConnected).length;
      return { ...figures, connected, losses: figures.connects - connected };
    },
  };
}

function accepted(device: number): EventData['message.accepted'] {
  return {
    ...{ message: '01JD7Q3M8V5XWZ2K4N6P8R0T1A', device: `copier-${device + 1}`, address: '192.168.50.21' },
    ...{ listener: '0.0.0.0:25', sender: 'scanner@contoso.com', recipients: 1, bodyBytes: 842_133 },
    ...{ tls: { protocol: 'TLSv1.2', cipher: 'ECDHE-RSA-AES256-GCM-SHA384' }, held: null },
  };
}

const DELIVERED: EventData['message.delivered'] = {
  ...{ message: '01JD7Q3M8V5XWZ2K4N6P8R0T1A', recipient: 'anna@contoso.com', route: 'mailbox' },
  ...{ tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }, waitedMs: 2310 },
  reply: '250 2.0.0 OK <f3c1@contoso.com> [Hostname=AM0PR03MB1234.eurprd03.prod.outlook.com]',
};

function createCountingLog(figures: SitesFigures): Log {
  const count = (event: string): void => {
    // The same loss is said again when its reason changes; the connections are counted where they begin.
    if (event !== 'mqtt.disconnected') figures.warnings[event] = (figures.warnings[event] ?? 0) + 1;
  };
  const log: Log = {
    debug() {},
    info(event) {
      if (event === 'mqtt.connected') figures.connects += 1;
    },
    warn: count,
    error: count,
    child: () => log,
  };
  return log;
}
