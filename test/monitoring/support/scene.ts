/** A real broker with a real room report on it that tells every metric there is, and what watches it. */
import { createSystemClock } from '../../../src/core/clock.ts';
import { createFleetBroker } from '../../../src/fleet/broker.ts';
import { createFleet } from '../../../src/fleet/fleet.ts';
import { createMetricsServer } from '../../../src/fleet/metrics-server.ts';
import { fullReadings } from '../../report/support/full-health.ts';
import { type Observer, observe } from '../../report/support/observer.ts';
import { startTestSite, type TestSite, testDevice } from '../../report/support/site.ts';
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

export const SITE = 'berlin-hq';
export const ROUTES = ['mail-box', 'direct'];
export const DEVICES = ['copier-2f', 'fax'];
export const READINGS = fullReadings({ routes: ROUTES, devices: DEVICES });

export interface Scene {
  broker: Mosquitto;
  site: TestSite;
  seen: Observer;
  /** The latest that was said on a topic. */
  latest(topic: string): string;
  /** Stops the agent on purpose. */
  stopSite(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the site has told everything once. */
export async function startScene(): Promise<Scene> {
  const broker = await startMosquitto();
  const seen = await observe(broker.url, 'scanferry/#');
  const site = await startTestSite({
    ...{ url: broker.url, id: SITE, readings: READINGS, settings: { telemetrySeconds: 5 } },
    devices: DEVICES.map((id) => testDevice(id)),
    facts: { routes: ROUTES, devices: DEVICES.map((id) => ({ id, name: id })) },
  });
  await seen.json(`scanferry/v1/${SITE}/telemetry`);
  let stopping: Promise<void> | null = null;
  const stopSite = () => {
    stopping ??= site.stop();
    return stopping;
  };
  return {
    ...{ broker, site, seen, stopSite },
    latest(topic) {
      const found = seen.heard.findLast((message) => message.topic === topic);
      if (found === undefined) throw new Error(`nothing was said on ${topic}`);
      return found.text;
    },
    async stop() {
      await stopSite();
      await seen.stop();
      await broker.stop();
    },
  };
}

/** The fleet with its numbers for Prometheus, on a free port; resolves when it knows every site. */
export async function startFleetMetrics(url: string): Promise<{ port: number; stop(): Promise<void> }> {
  const clock = createSystemClock(0);
  const log = createQuietLog();
  const settings = { url, version: '5' as const, clientId: 'fleet' };
  const broker = createFleetBroker({ clock, log, random: () => 0, settings });
  const fleet = createFleet({ clock, broker, history: null, group: null });
  broker.start();
  fleet.start();
  await fleet.settled();
  const server = createMetricsServer({
    ...{ log, listen: { address: '127.0.0.1', port: 0 } },
    source: () => ({
      ...{ rows: fleet.registry.rows(), telemetry: () => fleet.registry.telemetry() },
      ...{ isConnected: true, refused: fleet.registry.refused() },
    }),
  });
  const port = await server.start();
  return {
    port,
    async stop() {
      await server.stop();
      fleet.stop();
      await broker.stop();
    },
  };
}
