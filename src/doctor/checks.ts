/** The list of checks, in the order in which they are told. */
import { BOX_CHECKS } from './box.ts';
import { brokerChecks } from './broker.ts';
import { CLOCK_CHECKS } from './clock.ts';
import { CONFIG_CHECKS } from './config-check.ts';
import { listenerChecks } from './listeners.ts';
import { networkChecks } from './network.ts';
import { portsOutChecks } from './ports-out.ts';
import { routeChecks } from './routes-check.ts';
import { SPOOL_CHECKS } from './spool-check.ts';
import type { Check, DoctorDeps } from './types.ts';

/** Some depend on the config: one for each listener, host and route. */
export function checksFor(deps: DoctorDeps): Check[] {
  return [
    ...BOX_CHECKS,
    ...CLOCK_CHECKS,
    ...CONFIG_CHECKS,
    ...listenerChecks(deps),
    ...SPOOL_CHECKS,
    ...networkChecks(deps),
    ...portsOutChecks(deps),
    ...routeChecks(deps),
    ...brokerChecks(deps),
  ];
}
