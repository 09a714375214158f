/** The search for devices in the running agent: when asked and on a schedule, one at a time, its result kept. */

import type { Timer } from '../core/clock.ts';
import { HOUR_MS } from '../core/durations.ts';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { network as networkSetting } from '../core/settings.ts';
import { createKeptDevices } from './kept.ts';
import { areTooLarge, isWithin } from './networks.ts';
import { PROBLEMS } from './problems.ts';
import { search } from './search.ts';
import type { DiscoverRequest, Discovery, DiscoveryDeps, DiscoveryStep, FoundDevice } from './types.ts';

const DEFAULT_COMMUNITY = 'public';

export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { clock, log } = deps;
  const kept = createKeptDevices({ store: deps.store, configuredAs: deps.configuredAs });
  const stopping = new AbortController();
  let { inForce } = deps;
  let timer: Timer | null = null;
  /** Resolves when the search under way is over; null while there is none. */
  let underWay: Promise<void> | null = null;

  async function* discover(request: DiscoverRequest): AsyncGenerator<DiscoveryStep> {
    const networks = networksOf(request.network, inForce.networks);
    if (underWay !== null) throw new OperatorError(PROBLEMS.busy());
    const { questionsPerSecond, community } = inForce;
    const over = Promise.withResolvers<void>();
    const ended = new AbortController();
    underWay = over.promise;
    try {
      const steps = search(deps, {
        networks,
        questionsPerSecond,
        community: community?.reveal() ?? DEFAULT_COMMUNITY,
        signal: AbortSignal.any([request.signal, stopping.signal, ended.signal]),
      });
      for await (const step of steps) {
        if (step.step === 'found' && step.device.isDevice) await keep(step.device);
        yield step;
      }
    } finally {
      // Whoever listened may have gone in the middle.
      ended.abort();
      underWay = null;
      over.resolve();
    }
  }

  async function keep(device: FoundDevice): Promise<void> {
    const isNew = await kept.keep(device, clock.now());
    if (!isNew) return;
    const { address, mac, model, firmware, profile, configuredAs } = device;
    const data = { address, mac, model, firmware, profile, device: configuredAs };
    log.info('device.discovered', data);
    await deps.record({ type: 'device.discovered', data });
  }

  function plan(delayMs: number): void {
    timer?.cancel();
    timer = inForce.everyHours === null ? null : clock.schedule(delayMs, () => void searchOnSchedule());
  }

  async function searchOnSchedule(): Promise<void> {
    plan((inForce.everyHours ?? 0) * HOUR_MS);
    // Somebody is searching by hand: that is as good.
    if (underWay !== null) return;
    try {
      for await (const step of discover({ signal: stopping.signal })) {
        if (step.step === 'done') log.info('discovery.done', { ...step });
      }
    } catch (error) {
      log.error('discovery.failed', { error: describeError(error) });
    }
  }

  return {
    async start() {
      await kept.load();
      plan(LIMITS.discoveryFirstDelayMs);
    },
    async stop() {
      timer?.cancel();
      stopping.abort();
      await underWay;
    },
    replace(next) {
      const hasNewSchedule = next.everyHours !== inForce.everyHours;
      inForce = next;
      if (hasNewSchedule) plan(LIMITS.discoveryFirstDelayMs);
    },
    discover,
    found: () => kept.list(),
    foundAt: (address) => kept.at(address),
  };
}

/**
 * The networks of one search.
 * @param asked the one a person named, if any.
 * @param allowed those of the config; null where there is no config yet, and the person's word is enough.
 */
export function networksOf(asked: string | undefined, allowed: readonly string[] | null): readonly string[] {
  if (asked !== undefined && !networkSetting().safeParse(asked).success) {
    throw new OperatorError(PROBLEMS.badNetwork(asked), { exitCode: 2 });
  }
  const networks = asked === undefined ? (allowed ?? []) : [asked];
  if (networks.length === 0 || allowed?.length === 0) {
    throw new OperatorError(PROBLEMS.noNetwork(), { exitCode: 2 });
  }
  if (asked !== undefined && allowed !== null && !isWithin(asked, allowed)) {
    throw new OperatorError(PROBLEMS.notConfigured(asked, allowed.join(', ')), { exitCode: 2 });
  }
  if (areTooLarge(networks)) {
    throw new OperatorError(PROBLEMS.tooLarge(networks.join(', '), LIMITS.discoveryAddressesMax), {
      exitCode: 2,
    });
  }
  return networks;
}
