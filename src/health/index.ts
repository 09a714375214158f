/** The list of what health measures: each family is one file. */
import { AGENT_FAMILY } from './agent-family.ts';
import { BOX_FAMILY } from './box-family.ts';
import { BROKER_FAMILY } from './broker-family.ts';
import { DEVICES_FAMILY } from './devices-family.ts';
import { describeFamily, type MetricDescription } from './metric.ts';
import { ROUTES_FAMILY } from './routes-family.ts';
import { SPOOL_FAMILY } from './spool-family.ts';
import type { MetricFamily } from './types.ts';

export const FAMILIES = {
  spool: SPOOL_FAMILY,
  routes: ROUTES_FAMILY,
  devices: DEVICES_FAMILY,
  box: BOX_FAMILY,
  broker: BROKER_FAMILY,
  agent: AGENT_FAMILY,
} as const satisfies Record<MetricFamily, unknown>;

/** Every metric there is, by family, with the rule that grades it; docs/reference/metrics.md shows it. */
export const METRICS: readonly MetricDescription[] = [
  ...describeFamily(FAMILIES.spool),
  ...describeFamily(FAMILIES.routes),
  ...describeFamily(FAMILIES.devices),
  ...describeFamily(FAMILIES.box),
  ...describeFamily(FAMILIES.broker),
  ...describeFamily(FAMILIES.agent),
];
