/** The fleet over a real Mosquitto, with simulated sites that publish real payloads. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Alert } from '../../src/fleet/alerts.ts';
import { createFleetBroker, type FleetBroker } from '../../src/fleet/broker.ts';
import { createFleet, type Fleet, type Look } from '../../src/fleet/fleet.ts';
import type { SiteEvent } from '../../src/fleet/types.ts';
import { siteTopics } from '../../src/report/topics.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { type SimulatedSite, simulatedSite } from './support/simulated-site.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

let mosquitto: Mosquitto;
let sites: SimulatedSite[] = [];
let closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  mosquitto = await startMosquitto();
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
  await Promise.all(sites.map((site) => site.cut()));
  sites = [];
  await mosquitto.stop();
});

function site(id: string, name?: string): SimulatedSite {
  const made = simulatedSite(mosquitto.url, id, name);
  sites.push(made);
  return made;
}

interface Watching {
  clock: FakeClock;
  broker: FleetBroker;
  fleet: Fleet;
  alerts: Alert[];
  events: { site: string; event: SiteEvent }[];
  telemetry: string[];
  /** What was published before has arrived at the fleet. */
  arrived(): Promise<void>;
  /** Moves the clock in the fleet's steps until `isDone`, while real messages arrive. */
  until(isDone: () => boolean, what: string): Promise<void>;
}

/** The clock of the fleet is moved by hand; the broker and the messages are real. */
async function watch(group: string | null = null): Promise<Watching> {
  const clock = createFakeClock(Date.now());
  const log = createQuietLog();
  const settings = { url: mosquitto.url, version: '5' as const, clientId: `fleet-${closers.length}` };
  const broker = createFleetBroker({ clock, log, random: () => 0, settings });
  const [alerts, events, telemetry]: [Alert[], Watching['events'], string[]] = [[], [], []];
  const history = {
    addTelemetry: (id: string) => void telemetry.push(id),
    addEvent: (id: string, event: SiteEvent) => void events.push({ site: id, event }),
  };
  const fleet = createFleet({ clock, broker, history, group });
  fleet.onLook((look: Look) => void alerts.push(...look.alerts));
  closers.push(async () => {
    fleet.stop();
    await broker.stop();
  });
  const toAndFro = echo(broker);
  broker.start();
  await broker.connected();
  fleet.start();
  const until: Watching['until'] = async (isDone, what) => {
    const deadline = performance.now() + 10 * SECOND;
    while (!isDone()) {
      if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
      await toAndFro();
      await clock.advance(SECOND / 10);
    }
  };
  return { clock, broker, fleet, alerts, events, telemetry, arrived: toAndFro, until };
}

/** Once to the broker and back: whatever it had for the fleet before has arrived then. */
function echo(broker: FleetBroker): () => Promise<void> {
  const topic = `echo/${closers.length}`;
  let heard: () => void = () => {};
  broker.listen({ filters: [topic], qos: 1, onMessage: () => heard(), onDisconnected: () => heard() });
  return async () => {
    const answer = new Promise<void>((resolve) => {
      heard = resolve;
    });
    // Not before the fleet listens again: nobody would hear the echo.
    const isSent =
      broker.trouble() === null &&
      (await broker.publish({ topic, payload: '', qos: 1, retain: false }).then(
        () => true,
        () => false,
      ));
    await (isSent ? answer : new Promise((resolve) => setImmediate(resolve)));
  };
}

async function settled(watching: Watching): Promise<void> {
  let isIn = false;
  void watching.fleet.settled().then(() => {
    isIn = true;
  });
  await watching.until(() => isIn, 'the retained state');
}

describe('a watcher that comes late', () => {
  test('reads how every site stands, the worst first', async () => {
    await site('alpha').connect();
    const bravo = site('bravo', 'Bravo Street');
    await bravo.connect();
    await bravo.health({
      ...{ grade: 'warn', grade_num: 1 },
      problems: [
        { key: 'spool_oldest_age_s', grade: 'warn', code: 'a.b', cause: 'It waits.', advice: 'Look.' },
      ],
    });
    const charlie = site('charlie');
    await charlie.connect();
    await charlie.cut();
    const delta = site('delta');
    await delta.connect();
    await delta.stop();
    await mosquitto.watch('scanferry/v1/charlie/status').then((sub) => sub.waitForLine(/offline/));

    const watching = await watch();
    await settled(watching);
    const rows = watching.fleet.registry.rows();
    expect(rows.map(({ site: id, level, reach }) => `${id} ${level} ${reach}`)).toEqual([
      'charlie fail offline',
      'bravo warn online',
      'alpha ok online',
      'delta off stopped',
    ]);
    expect(rows[1]).toMatchObject({
      name: 'Bravo Street',
      queue: 2,
      oldestS: 4,
      problem: { cause: 'It waits.' },
    });
    expect(watching.alerts.map(({ site: id, kind }) => `${id} ${kind}`)).toEqual(['charlie offline']);
  });

  test('shows devices, readings and problems of one site', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    await alpha.device('copier-2f', {
      grade: 'fail',
      grade_num: 2,
      problem: { code: 'd', cause: 'No.', advice: 'Yes.' },
    });
    await alpha.device('copier-1f');
    const watching = await watch();
    await settled(watching);
    const detail = watching.fleet.registry.detail('alpha');
    expect(detail?.devices.map(({ id }) => id)).toEqual(['copier-2f', 'copier-1f']);
    expect(detail?.devices[0]).toMatchObject({ tls: 'TLSv1', problem: { cause: 'No.' } });
    expect(detail?.readings.find(({ key }) => key === 'route_state_mailbox')?.value).toBe('open');
  });

  test('forgets a site whose retained status was cleared', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    expect(watching.fleet.registry.rows()).toHaveLength(1);
    await alpha.publish(siteTopics('alpha').status, '', true);
    await watching.until(() => watching.fleet.registry.rows().length === 0, 'no site');
  });
});

describe('a site that goes away', () => {
  test('alerts a few seconds after its will, and again when it is back', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    await alpha.cut();
    await watching.until(() => watching.alerts.length === 1, 'the alert');
    expect(watching.alerts[0]).toMatchObject({
      site: 'alpha',
      kind: 'offline',
      problem: { code: 'fleet.site-offline' },
    });
    await alpha.connect();
    await watching.until(() => watching.alerts.length === 2, 'the recovery');
    expect(watching.alerts[1]).toMatchObject({ site: 'alpha', kind: 'recovered' });
  });

  test('does not alert when it comes back within the few seconds', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    await alpha.cut();
    await watching.until(() => watching.fleet.registry.detail('alpha')?.reach === 'online', 'still online');
    await alpha.connect();
    await alpha.telemetry();
    await watching.until(() => watching.telemetry.length === 1, 'telemetry');
    await watching.clock.advance(30 * SECOND);
    expect(watching.alerts).toEqual([]);
  });

  test('is not taken for dead by the late will of its connection before', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    // The line was cut without the broker noticing: a new connection comes before the will of the old one.
    await alpha.connect();
    await watching.arrived();
    await alpha.status('offline');
    await watching.arrived();
    await watching.clock.advance(60 * SECOND);
    expect(watching.alerts).toEqual([]);
    await alpha.telemetry();
    await watching.until(() => watching.telemetry.length === 1, 'telemetry');
    await watching.clock.advance(2 * MINUTE);
    expect(watching.alerts).toEqual([]);
    expect(watching.fleet.registry.row('alpha')?.reach).toBe('online');
  });

  test('is no alert when somebody stopped it', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    await alpha.stop();
    await watching.until(() => watching.fleet.registry.row('alpha')?.reach === 'stopped', 'stopped');
    await watching.clock.advance(10 * MINUTE);
    expect(watching.alerts).toEqual([]);
  });

  test('alerts when it stays connected and says nothing any more', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    await alpha.telemetry();
    await watching.until(() => watching.telemetry.length === 1, 'telemetry');
    await watching.clock.advance(2 * MINUTE);
    expect(watching.alerts).toEqual([]);
    await watching.clock.advance(2 * MINUTE);
    expect(watching.alerts).toMatchObject([{ site: 'alpha', kind: 'silent' }]);
  });

  test('is given the time of its own telemetry before it counts as silent', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    await alpha.info({ telemetry_s: 600 });
    const watching = await watch();
    await settled(watching);
    await watching.clock.advance(25 * MINUTE);
    expect(watching.alerts).toEqual([]);
    await watching.clock.advance(6 * MINUTE);
    expect(watching.alerts).toMatchObject([{ kind: 'silent' }]);
  });
});

describe('the broker', () => {
  test('that is away makes no site silent, and all are read again when it is back', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    await mosquitto.kill();
    await watching.until(() => watching.broker.trouble() !== null, 'the loss');
    await watching.clock.advance(10 * MINUTE);
    expect(watching.alerts).toEqual([]);
    await mosquitto.restart();
    await alpha.connect();
    await alpha.health({ grade: 'warn', grade_num: 1 });
    await watching.until(() => watching.broker.trouble() === null, 'the connection');
    await watching.until(() => watching.fleet.registry.row('alpha')?.level === 'warn', 'the state');
    expect(watching.alerts).toEqual([]);
  });

  test('that takes all sites along raises no alert for those that come back, and one for the one that does not', async () => {
    const [alpha, bravo] = [site('alpha'), site('bravo')];
    await alpha.connect();
    await bravo.connect();
    const watching = await watch();
    await settled(watching);
    await mosquitto.kill();
    await watching.until(() => watching.broker.trouble() !== null, 'the loss');
    // It comes back empty: nothing at the broker says that the sites were ever there.
    await mosquitto.restart();
    await watching.until(() => watching.broker.trouble() === null, 'the connection');
    await watching.until(() => watching.fleet.registry.row('alpha')?.reach === 'returning', 'the look');
    await alpha.connect();
    await watching.until(() => watching.fleet.registry.row('alpha')?.reach === 'online', 'alpha is back');
    for (let minute = 0; minute < 5; minute += 1) {
      await alpha.telemetry();
      await watching.arrived();
      await watching.clock.advance(MINUTE);
    }
    expect(watching.alerts).toEqual([]);
    expect(watching.fleet.registry.row('bravo')).toMatchObject({ reach: 'returning', level: 'warn' });
    await alpha.telemetry();
    await watching.arrived();
    await watching.clock.advance(MINUTE);
    expect(watching.alerts.map(({ site: id, kind }) => `${id} ${kind}`)).toEqual(['bravo silent']);
  });

  test('that goes away again before the sites are back raises no alert for them either', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    await alpha.cut();
    // The will that the broker publishes with its last breath, and keeps.
    const will = { topic: siteTopics('alpha').status, payload: 'offline', qos: 1, retain: true } as const;
    await watching.arrived();
    for (let loss = 0; loss < 2; loss += 1) {
      await mosquitto.kill();
      await watching.until(() => watching.broker.trouble() !== null, 'the loss');
      await mosquitto.restart();
      await watching.until(() => watching.broker.trouble() === null, 'the connection');
      await watching.broker.publish(will);
      await watching.arrived();
      await watching.clock.advance(30 * SECOND);
      expect(watching.fleet.registry.row('alpha')?.reach).toBe('returning');
    }
    await alpha.connect();
    await watching.until(() => watching.fleet.registry.row('alpha')?.reach === 'online', 'alpha is back');
    expect(watching.alerts).toEqual([]);
  });

  test('that is not there is a sentence', async () => {
    await mosquitto.kill();
    const clock = createFakeClock();
    const settings = { url: mosquitto.url, version: '5' as const, clientId: 'fleet' };
    const broker = createFleetBroker({ clock, log: createQuietLog(), random: () => 0, settings });
    broker.start();
    await expect(broker.connected()).rejects.toMatchObject({
      explanation: { code: 'fleet.broker-unreachable' },
    });
    await broker.stop();
  });
});

describe('two watchers of one group', () => {
  test('share the events and both know every state', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const [one, two] = [await watch('night'), await watch('night')];
    await settled(one);
    await settled(two);
    for (let seq = 1; seq <= 20; seq += 1) await alpha.event(seq);
    await one.until(() => one.events.length + two.events.length >= 20, 'all events');
    const seqs = [...one.events, ...two.events].map(({ event }) => event.seq).sort((a, b) => a - b);
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(one.events.length).toBeGreaterThan(0);
    expect(two.events.length).toBeGreaterThan(0);
    for (const { fleet } of [one, two]) expect(fleet.registry.row('alpha')?.level).toBe('ok');
  });
});

describe('what a site should not send', () => {
  test('is counted and changes nothing', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    const watching = await watch();
    await settled(watching);
    const topics = siteTopics('alpha');
    await alpha.publish(topics.health, '{"grade":"excellent"}', true);
    await alpha.publish(topics.telemetry, 'not json', false);
    await alpha.publish(topics.telemetry, `{"a":${'1'.repeat(70_000)}}`, false);
    await alpha.publish(topics.status, 'maybe', true);
    await watching.until(() => watching.fleet.registry.refused().unreadable === 4, 'four refusals');
    expect(watching.fleet.registry.row('alpha')).toMatchObject({ level: 'ok', reach: 'online' });
  });

  test('can be no site with a name that no config allows', async () => {
    const alpha = site('alpha');
    await alpha.connect();
    await alpha.publish('scanferry/v1/<b>/status', 'online', true);
    const watching = await watch();
    await settled(watching);
    expect(watching.fleet.registry.rows().map(({ site: id }) => id)).toEqual(['alpha']);
  });

  test('loses its control characters before anybody sees it', async () => {
    await site('alpha', 'Alpha\u001b[2J\u0007\u202eHQ').connect();
    const watching = await watch();
    await settled(watching);
    expect(watching.fleet.registry.row('alpha')?.name).toBe('Alpha [2J HQ');
  });
});
