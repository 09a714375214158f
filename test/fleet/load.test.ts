/** The load of scripts/fleet-load.ts in small: two hundred sites, one Mosquitto that is restarted, one fleet. */
import { expect, test } from 'vitest';
import { createLoadSites } from '../../scripts/fleet-load/sites.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import type { Alert } from '../../src/fleet/alerts.ts';
import { createFleetBroker } from '../../src/fleet/broker.ts';
import { createFleet, type Look } from '../../src/fleet/fleet.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { createQuietLog } from '../support/quiet-log.ts';

const SITES = 200;

test('two hundred sites are all back after a restart of the broker, and none is told as gone', async () => {
  // The state of all of them is more than the thousand messages that Mosquitto keeps for a subscriber.
  const mosquitto = await startMosquitto({ config: ['max_queued_messages 0'] });
  const clock = createSystemClock(0);
  const sites = createLoadSites({
    ...{ url: mosquitto.url, first: 1, count: SITES, devicesPerSite: 4, scansPerHour: 0, rampMs: 0 },
    ...{ ca: undefined, clock, random: () => 0.02 },
  });
  const settings = { url: mosquitto.url, version: '5' as const, clientId: 'fleet' };
  const broker = createFleetBroker({ clock, log: createQuietLog(), random: () => 0, settings });
  const fleet = createFleet({ clock, broker, history: null, group: null });
  const alerts: Alert[] = [];
  fleet.onLook((look) => alerts.push(...look.alerts));
  const until = (isDone: (look: Look) => boolean) =>
    new Promise<void>((resolve) => {
      const end = fleet.onLook((look) => {
        if (!isDone(look)) return;
        end();
        resolve();
      });
    });
  const reached = (reach: string) => (look: Look) =>
    look.rows.filter((row) => row.reach === reach).length === SITES;
  try {
    sites.start();
    broker.start();
    await broker.connected();
    fleet.start();
    await until(reached('online'));
    await mosquitto.kill();
    await until(() => broker.trouble() !== null);
    await mosquitto.restart();
    await until((look) => broker.trouble() === null && reached('online')(look));
    expect(alerts).toEqual([]);
    expect(sites.figures()).toMatchObject({ connected: SITES, connects: 2 * SITES, losses: SITES });
  } finally {
    fleet.stop();
    await sites.stop();
    await broker.stop();
    await mosquitto.stop();
  }
});
