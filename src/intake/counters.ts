/** Counts events per key over a sliding window: messages of a device, failed sign-ins of an address. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { createBoundedMap } from './bounded-map.ts';

export interface WindowCounter {
  add(key: string): void;
  /** Events of the running window, the previous one weighed by its overlap. */
  count(key: string): number;
  clear(key: string): void;
}

interface Slot {
  window: number;
  current: number;
  previous: number;
}

/** Two numbers per key approximate a sliding window closely enough for a limit, in constant memory. */
export function createWindowCounter(clock: Clock, windowMs: number): WindowCounter {
  const slots = createBoundedMap<Slot>(LIMITS.trackedAddressesMax);

  function slotOf(key: string, nowMs: number): Slot {
    const window = Math.floor(nowMs / windowMs);
    const slot = slots.get(key) ?? { window, current: 0, previous: 0 };
    const passed = window - slot.window;
    if (passed === 0) return slot;
    return { window, current: 0, previous: passed === 1 ? slot.current : 0 };
  }

  return {
    add(key) {
      const slot = slotOf(key, clock.monotonicMs());
      slots.set(key, { ...slot, current: slot.current + 1 });
    },
    count(key) {
      const nowMs = clock.monotonicMs();
      const slot = slotOf(key, nowMs);
      return slot.current + slot.previous * (1 - (nowMs % windowMs) / windowMs);
    },
    clear: (key) => slots.delete(key),
  };
}
