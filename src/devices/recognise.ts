/** Which profile an address has: one that a person gave it, or one that its signals speak for. */
import { LIMITS } from '../core/limits.ts';
import type { FoundDevice } from '../discovery/types.ts';
import { firmwareOf } from '../profiles/firmware.ts';
import { createIdentifier, type Identification, type Identifier } from '../profiles/identify.ts';
import type { DeviceSignals } from '../profiles/signals.ts';
import type { Catalogue, DeviceProfile } from '../profiles/types.ts';

export interface Recognised {
  identification: Identification;
  /** The recognised profile; null where it is not certain. */
  profile: DeviceProfile | null;
  signals: DeviceSignals;
}

export interface Recogniser {
  /** What the signals of an address say: what discovery found there, and its latest greeting. */
  recognise(address: string, found: FoundDevice | null, greeting: string | null): Recognised;
  /** Firmware version of a device that has this profile; null where its signals don't tell. */
  firmware(profile: DeviceProfile, signals: DeviceSignals): string | null;
}

interface Memory {
  found: FoundDevice | null;
  greeting: string | null;
  recognised: Recognised;
}

/** Compiles the rules at the first question, and judges an address anew only when its signals, or the rules, have changed. */
export function createRecogniser(catalogue: Catalogue, changes: () => number): Recogniser {
  let compiled: { identifier: Identifier; at: number } | null = null;
  const memory = new Map<string, Memory>();

  function currentIdentifier(): Identifier {
    const at = changes();
    if (compiled?.at !== at) {
      compiled = { identifier: createIdentifier(catalogue), at };
      memory.clear();
    }
    return compiled.identifier;
  }

  function judge(found: FoundDevice | null, greeting: string | null): Recognised {
    const signals: DeviceSignals = { ...found?.signals, ...(greeting === null ? {} : { ehlo: greeting }) };
    const identification = currentIdentifier()(signals);
    const { verdict, profile } = identification;
    return {
      identification,
      profile: verdict === 'identified' && profile !== null ? (catalogue.get(profile) ?? null) : null,
      signals,
    };
  }

  return {
    recognise(address, found, greeting) {
      currentIdentifier();
      const known = memory.get(address);
      if (known !== undefined && known.found === found && known.greeting === greeting) {
        return known.recognised;
      }
      const recognised = judge(found, greeting);
      memory.delete(address);
      memory.set(address, { found, greeting, recognised });
      const oldest = memory.keys().next();
      if (memory.size > LIMITS.learnedDevicesMax && !oldest.done) memory.delete(oldest.value);
      return recognised;
    },
    firmware: (profile, signals) => firmwareOf(profile, signals),
  };
}
