/**
 * Looks at everything on its clock, keeps the latest report, and tells whoever listens.
 *
 * A look a minute sees everything; a short one without the box follows each change of the spool, so that a paused
 * route or a failed scan is told within seconds. Looks never overlap. A part that can't be looked at is a reading of
 * its own and takes no other along.
 */

import type { Timer } from '../core/clock.ts';
import { DAY_MS, HOUR_MS } from '../core/durations.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { createTurns } from '../core/turns.ts';
import type { SpoolStats } from '../spool/types.ts';
import type { BoxFacts } from './box-probe.ts';
import { countWaiting, lookAtDevices } from './device-look.ts';
import { createEventFollower } from './event-follower.ts';
import { FAMILIES } from './index.ts';
import { worst } from './metric.ts';
import { createProcessProbe } from './process-probe.ts';
import { countLately } from './sightings.ts';
import type { HealthDeps } from './sources.ts';
import type { DeviceHealth, HealthReport, HealthRoom, Reading } from './types.ts';

/** Makes the room; `start` begins the first look and does not wait for it. */
export function createHealth(deps: HealthDeps): HealthRoom {
  const { clock, log, spool } = deps;
  let isStopped = false;
  const follower = createEventFollower({
    ...{ clock, log, spool, isTelling: deps.isTelling },
    isStopped: () => isStopped,
  });
  const ownProcess = createProcessProbe(clock);
  const listeners = new Set<(report: HealthReport) => void>();
  const startedAt = clock.monotonicMs();
  let report: HealthReport = { ts: clock.now(), grade: 'ok', readings: [] };
  let devices: DeviceHealth[] = [];
  let box: BoxFacts | null = null;
  let isReady = false;
  let regular: Timer | null = null;
  let soon: Timer | null = null;
  const looks = createTurns();
  let unsubscribe = () => {};
  /** Parts whose look failed the last time: each is logged once. */
  let unreadable = new Set<string>();

  /** What `read` gives, or null and a note when it fails. */
  async function attempt<T>(part: string, failed: Set<string>, read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      failed.add(part);
      if (!unreadable.has(part)) log.error('health.look-failed', { part, error: describeError(error) });
      return null;
    }
  }

  async function look(isWhole: boolean): Promise<HealthReport> {
    const failed = new Set<string>();
    await attempt('events', failed, async () => {
      if (!isReady) await follower.start();
      isReady = true;
      await follower.follow(deps.devices());
    });
    const stats = await attempt('spool', failed, () => spool.stats());
    if (isWhole || box === null) box = await attempt('box', failed, () => deps.box.look());
    const readings = [
      ...(stats === null ? [] : spoolReadings(stats)),
      ...((await attempt('routes', failed, async () => routeReadings())) ?? []),
      ...((await attempt('devices', failed, () => deviceReadings(stats))) ?? []),
      ...(box === null ? [] : boxReadings(box)),
      ...((await attempt('broker', failed, async () => brokerReadings())) ?? []),
      ...agentReadings(failed, isWhole),
    ];
    unreadable = failed;
    return { ts: clock.now(), grade: worst(readings.map(({ grade }) => grade)), readings };
  }

  function spoolReadings(stats: SpoolStats): Reading[] {
    const { oldestPendingAt } = stats;
    const isKnown = oldestPendingAt !== null && clock.isSet();
    return FAMILIES.spool.read(
      {
        stats,
        oldestAgeMs: isKnown ? deps.ageMs(oldestPendingAt) : null,
        maxAgeMs: deps.maxAgeHours() * HOUR_MS,
        failedLately: countLately(follower.site().failures, clock.now()),
      },
      null,
    );
  }

  function routeReadings(): Reading[] {
    const at = { now: clock.now(), isClockSet: clock.isSet() };
    return deps.routes().flatMap((route) => FAMILIES.routes.read({ route, ...at }, route.id));
  }

  async function deviceReadings(stats: SpoolStats | null): Promise<Reading[]> {
    const { queued = 0, deferred = 0, sending = 0 } = stats?.recipients ?? {};
    const waiting = queued + deferred + sending > 0 ? await countWaiting(deps) : new Map<string, number>();
    const seen = lookAtDevices(deps, follower, waiting);
    devices = seen.devices;
    return seen.readings;
  }

  function boxReadings(facts: BoxFacts): Reading[] {
    return FAMILIES.box.read(
      { box: facts, isClockSet: clock.isSet(), clockSkewMs: deps.clockSkewMs() },
      null,
    );
  }

  function brokerReadings(): Reading[] {
    const broker = deps.broker();
    return broker === null ? [] : FAMILIES.broker.read({ broker, now: clock.now() }, null);
  }

  function agentReadings(failed: ReadonlySet<string>, isWhole: boolean): Reading[] {
    const { starts, uncleanAt } = follower.site();
    const now = clock.now();
    return FAMILIES.agent.read(
      {
        ...ownProcess.look(isWhole),
        version: deps.version,
        uptimeMs: clock.monotonicMs() - startedAt,
        startsLately: countLately(starts, now),
        wasUnclean: uncleanAt !== null && Math.abs(now - uncleanAt) < DAY_MS,
        unreadable: [...failed],
      },
      null,
    );
  }

  /** After the looks before it; whoever listens is told at the regular ones, else when something has changed. */
  function queueLook(kind: 'regular' | 'asked' | 'short'): Promise<HealthReport> {
    return looks.take(async () => {
      if (isStopped) return report;
      const before = report;
      report = await look(kind !== 'short');
      if (kind === 'regular' || isNews(before, report)) tell();
      return report;
    });
  }

  function tell(): void {
    for (const listener of [...listeners]) {
      try {
        listener(report);
      } catch (error) {
        log.error('health.listener-failed', { error: describeError(error) });
      }
    }
  }

  function lookRegularly(): void {
    if (isStopped) return;
    regular = clock.schedule(LIMITS.healthLookMs, lookRegularly);
    void queueLook('regular');
  }

  function lookSoon(): void {
    if (isStopped) return;
    soon ??= clock.schedule(LIMITS.healthSettleMs, () => {
      soon = null;
      void queueLook('short');
    });
  }

  return {
    async start() {
      isStopped = false;
      ownProcess.start();
      unsubscribe = spool.onChange(lookSoon);
      lookRegularly();
    },
    async stop() {
      isStopped = true;
      unsubscribe();
      regular?.cancel();
      soon?.cancel();
      soon = null;
      await looks.over();
      ownProcess.stop();
      await follower.save();
    },
    report: () => report,
    devices: () => devices,
    look: () => queueLook('asked'),
    refusalOf(device) {
      const refusal = follower.refusalOf(device);
      const isOld = refusal !== null && clock.now() - refusal.at > deps.historyDays() * DAY_MS;
      return refusal !== null && isOld && refusal.isOver ? null : refusal;
    },
    onReport(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Whether a grade or a sentence has changed. */
function isNews(before: HealthReport, after: HealthReport): boolean {
  return troublesOf(before) !== troublesOf(after);
}

function troublesOf({ readings }: HealthReport): string {
  return JSON.stringify(
    readings
      .filter(({ grade }) => grade !== 'ok')
      .map(({ metric, of, grade, why }) => [metric.name, of, grade, why?.cause]),
  );
}
