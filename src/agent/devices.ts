/** The register of devices in this agent: what it learns, and who is told when the known devices change. */

import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createDevices } from '../devices/devices.ts';
import type { Devices } from '../devices/types.ts';
import type { Discovery } from '../discovery/types.ts';
import type { HealthRoom } from '../health/types.ts';
import type { Intake } from '../intake/types.ts';
import type { Notices } from '../notices/types.ts';
import { VERSION } from '../program/version.ts';
import type { Spool } from '../spool/types.ts';
import type { InForce } from './in-force.ts';
import { noticeConfig } from './notices.ts';
import type { CatalogueInUse } from './profile-packs.ts';

export interface AgentDevicesDeps extends CatalogueInUse {
  clock: Clock;
  log: Log;
  spool: Spool;
  inForce: InForce;
  discovery: Discovery;
  health: Pick<HealthRoom, 'look' | 'refusalOf'>;
  /** Those that follow; each is asked for when it is needed, for they are built later. */
  intake(): Pick<Intake, 'replaceDevices' | 'forgetTls' | 'capture'>;
  notices(): Pick<Notices, 'replace'> | null;
  wake(): void;
  /** Tells the broker of other devices. */
  refresh(): void;
}

export function createAgentDevices({ inForce, profiles, ...deps }: AgentDevicesDeps): Devices {
  const devices = createDevices({
    ...{ clock: deps.clock, log: deps.log, spool: deps.spool, catalogue: profiles },
    catalogueChanges: deps.profileChanges,
    configured: () => inForce.config.devices,
    discovery: deps.discovery,
    async onKnown(devices) {
      inForce.devices = devices;
      deps.intake().replaceDevices(devices);
      await deps.notices()?.replace(noticeConfig(inForce.config, devices));
      deps.refresh();
    },
    forgetTls: (address) => deps.intake().forgetTls(address),
    capture: (request) => deps.intake().capture(request),
    /** Also one of this moment. */
    async refusalOf(device) {
      await deps.health.look();
      return deps.health.refusalOf(device);
    },
    version: VERSION,
    wake: deps.wake,
  });
  return {
    ...devices,
    /** Those that were approved are known before anybody can connect. */
    async start() {
      await devices.start();
      inForce.devices = devices.withApproved(inForce.config.devices);
      deps.intake().replaceDevices([...inForce.devices]);
    },
  };
}
