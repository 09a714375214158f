/** What is in force at this moment: read anew at each use, so that a reload of the config takes effect at once. */
import type { Config } from '../config/schema.ts';
import type { DeviceSettings } from '../intake/settings.ts';
import type { ListenerAddress } from '../intake/types.ts';
import type { Route } from '../routes/types.ts';

/** A reload replaces it whole or not at all (docs/decisions/0006). */
export interface InForce {
  config: Config;
  routes: Route[];
  listeners: ListenerAddress[];
  /** Where the page of the box is bound; null where it is off. */
  webPort: number | null;
  /** Devices of the config, and those that were approved. */
  devices: readonly DeviceSettings[];
}
