/** Renders docs/reference/metrics.md from the tables of health. */
import { METRICS } from '../../src/health/index.ts';
import type { MetricFamily } from '../../src/health/types.ts';

const FAMILIES: Record<MetricFamily, { title: string; intro: string }> = {
  spool: { title: 'Spool', intro: 'What waits, since when, and how much room is left.' },
  routes: { title: 'Routes', intro: 'Each route by its id: the key ends in it, with `_` for every `-`.' },
  devices: {
    title: 'Devices',
    intro: 'Each device of the config by its id: the key ends in it, with `_` for every `-`.',
  },
  box: {
    title: 'Box',
    intro: 'The computer itself. What it has no sensor for is unknown (null) and graded ok.',
  },
  broker: { title: 'Broker', intro: 'There only where `mqtt` is configured.' },
  agent: { title: 'Agent', intro: 'The program itself.' },
};

export function renderMetrics(): string {
  return [
    '# Metrics',
    '',
    'What health measures, once a minute and a moment after each change of the spool. `scanferry health` shows every',
    'reading, `scanferry status` what is not ok; with MQTT the topics `health` and `telemetry` carry them. A metric',
    'without a rule is only told. The grade of the whole is the worst of all; each grade that is not ok comes with a',
    'sentence and an advice ([errors](errors.md), `health.*`).',
    '',
    ...Object.entries(FAMILIES).flatMap(([family, { title, intro }]) => [
      `## ${title}`,
      '',
      intro,
      '',
      '| Name | Unit | What it is | Graded |',
      '|---|---|---|---|',
      ...METRICS.filter((metric) => metric.family === family).map(
        ({ name, unit, help, graded }) => `| \`${name}\` | ${unit} | ${help} | ${graded} |`,
      ),
      '',
    ]),
  ].join('\n');
}
