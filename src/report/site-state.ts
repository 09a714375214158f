/** The retained state of a site: status, info, health, each device, and the announcement to Home Assistant. */
import * as z from 'zod';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Health, HealthReport } from '../health/types.ts';
import type { Spool } from '../spool/types.ts';
import { FACTS_ROOM } from './facts.ts';
import { homeAssistantConfig } from './home-assistant.ts';
import type { InfoPayload } from './payloads.ts';
import type { RetainedState } from './retained.ts';
import type { MqttSettings } from './settings.ts';
import { devicePayload, healthPayload } from './site-payloads.ts';
import { homeAssistantTopic, type SiteTopics } from './topics.ts';
import type { SiteFacts } from './types.ts';

export interface SiteStateDeps {
  clock: Clock;
  log: Log;
  spool: Pick<Spool, 'getFacts' | 'putFact'>;
  health: Pick<Health, 'report' | 'devices'>;
  settings: Pick<MqttSettings, 'homeAssistant' | 'homeAssistantButtons' | 'telemetrySeconds'>;
  site(): SiteFacts;
  startedAt: number;
  retained: RetainedState;
  topics: SiteTopics;
  /** Address of the box toward the broker. */
  address(): string | null;
}

export interface SiteState {
  start(): Promise<void>;
  stop(): void;
  /** Counts a new connection. */
  connected(): Promise<void>;
  /** The broker holds what was noted: remembers what would have to be taken away again. */
  published(): void;
  onHealth(report: HealthReport): void;
  /** Notes all there is to tell. */
  refresh(): void;
  /** Publishes the announcement to Home Assistant again. */
  announceAgain(): void;
  /** Notes that the site stops on purpose. */
  goodbye(): void;
}

/** What earlier runs have left on the broker. */
const savedSchema = z.object({
  connection: z.int().min(0).catch(0),
  devices: z.array(z.string()).catch([]),
  components: z.record(z.string(), z.string()).catch({}),
});

const KEYS = { connection: 'connection', devices: 'devices', components: 'components' } as const;

export function createSiteState(deps: SiteStateDeps): SiteState {
  const { clock, log, retained, topics } = deps;
  let saved: z.output<typeof savedSchema> = { connection: 0, devices: [], components: {} };
  /** What this run has noted for the broker, not yet known to be there. */
  const held: Pick<typeof saved, 'devices' | 'components'> = { devices: [], components: {} };
  let isRunning = true;
  let shown: { at: number; key: string } = { at: Number.NEGATIVE_INFINITY, key: '' };
  let later: Timer | null = null;

  async function save(key: keyof typeof KEYS): Promise<void> {
    try {
      await deps.spool.putFact(FACTS_ROOM, KEYS[key], saved[key]);
    } catch (error) {
      // A full disk. The number goes on in memory; what was left on the broker is found again when it can be written.
      log.warn('mqtt.fact-not-written', { key, error: describeError(error) });
    }
  }

  function tellInfo(): void {
    const { id, name, version, host, config } = deps.site();
    const info: InfoPayload = {
      ...{ site: id, name, version, host, address: deps.address(), started: deps.startedAt },
      ...{ connection: saved.connection, config, running: isRunning },
      telemetry_s: deps.settings.telemetrySeconds,
    };
    retained.set(topics.info, JSON.stringify(info));
  }

  function tellHealth(report: HealthReport): void {
    const payload = healthPayload(report);
    const key = JSON.stringify([
      payload.grade,
      payload.problems.map(({ key: of, grade, code }) => [of, grade, code]),
    ]);
    const age = clock.monotonicMs() - shown.at;
    if (key === shown.key && age < LIMITS.reportHealthRefreshMs) return;
    if (age < LIMITS.reportHealthMinGapMs) {
      tellHealthLater(LIMITS.reportHealthMinGapMs - age);
      return;
    }
    shown = { at: clock.monotonicMs(), key };
    retained.set(topics.health, JSON.stringify(payload));
  }

  /** What changes to and fro within a moment is told as it is after it. */
  function tellHealthLater(ms: number): void {
    later ??= clock.schedule(ms, () => {
      later = null;
      tellHealth(deps.health.report());
    });
  }

  function tellDevices(): void {
    const devices = deps.health.devices().slice(0, LIMITS.reportDevicesMax);
    for (const device of devices)
      retained.set(topics.device(device.id), JSON.stringify(devicePayload(device)));
    const ids = devices.map(({ id }) => id).sort();
    const gone = [...saved.devices, ...held.devices].filter((id) => !ids.includes(id));
    for (const id of gone) retained.set(topics.device(id), '');
    held.devices = ids;
  }

  function announce(): void {
    const site = deps.site();
    const topic = homeAssistantTopic(site.id);
    if (!deps.settings.homeAssistant) {
      // Announced by an earlier config: an empty one removes the device.
      if (Object.keys(saved.components).length > 0) retained.set(topic, '');
      held.components = {};
      return;
    }
    const options = {
      ...{
        site: site.id,
        name: site.name,
        version: site.version,
        topics,
        url: site.url,
        routes: site.routes,
      },
      devices: site.devices.slice(0, LIMITS.reportDevicesMax),
      hasButtons: deps.settings.homeAssistantButtons,
    };
    const { payload, components } = homeAssistantConfig(options, { ...saved.components, ...held.components });
    retained.set(topic, payload);
    held.components = Object.fromEntries(
      Object.entries(components).map(([id, { platform }]) => [id, platform]),
    );
  }

  function refresh(): void {
    tellInfo();
    shown = { at: Number.NEGATIVE_INFINITY, key: '' };
    tellHealth(deps.health.report());
    // Home Assistant takes an entity away before its topic is cleared: its templates can't read an empty payload.
    announce();
    tellDevices();
  }

  return {
    async start() {
      const facts = await deps.spool.getFacts(FACTS_ROOM);
      saved = savedSchema.parse(Object.fromEntries(Object.values(KEYS).map((key) => [key, facts.get(key)])));
      // First, so that it is the first on each connection.
      retained.set(topics.status, 'online');
    },
    async connected() {
      saved = { ...saved, connection: saved.connection + 1 };
      await save('connection');
    },
    published() {
      // What is gone is forgotten only now: before, the broker may not have heard of it.
      const { devices, components } = held;
      const isNew = (key: 'devices' | 'components') =>
        JSON.stringify(saved[key]) !== JSON.stringify(held[key]);
      const changed = (['devices', 'components'] as const).filter(isNew);
      saved = { ...saved, devices, components };
      for (const key of changed) void save(key);
    },
    onHealth(report) {
      tellHealth(report);
      tellDevices();
    },
    refresh,
    announceAgain: () => retained.touch(homeAssistantTopic(deps.site().id)),
    goodbye() {
      isRunning = false;
      tellInfo();
      retained.set(topics.status, 'offline');
    },
    stop: () => later?.cancel(),
  };
}
