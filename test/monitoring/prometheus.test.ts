/** Prometheus, its alerts, the dashboard of Grafana, and mqtt2prometheus: the programs themselves over a real site. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prometheusOf } from '../../src/fleet/metrics-text.ts';
import { METRICS } from '../../src/health/index.ts';
import type { MetricDescription } from '../../src/health/metric.ts';
import { poll } from '../support/poll.ts';
import { freePort, runCommand, runOrThrow, startProcess, waitForPort } from '../support/processes.ts';
import { type Panel, panelsOf, readDashboard } from './support/grafana.ts';
import { PACKAGING } from './support/guarded-broker.ts';
import { type Prometheus, type Series, startPrometheus } from './support/prometheus.ts';
import { DEVICES, ROUTES, type Scene, SITE, startFleetMetrics, startScene } from './support/scene.ts';

const at = (name: string) => path.join(PACKAGING, name);

let scene: Scene;
let fleet: Awaited<ReturnType<typeof startFleetMetrics>>;
let exporter: Awaited<ReturnType<typeof startExporter>>;
let prometheus: Prometheus;
beforeAll(async () => {
  scene = await startScene();
  fleet = await startFleetMetrics(scene.broker.url);
  exporter = await startExporter(scene.broker.port);
  const scrape = await readFile(at('mqtt2prometheus/scrape.yml'), 'utf8');
  prometheus = await startPrometheus(
    fleet.port,
    `\n${indented(scrape.replace('9641', `${exporter.port}`).replace('30s', '250ms'))}\n`,
  );
  await prometheus.until('scanferry_spool_waiting{job="scanferry"}');
  await prometheus.until('scanferry_spool_waiting{job="scanferry-mqtt"}');
});
afterAll(async () => {
  await prometheus.stop();
  await exporter.stop();
  await fleet.stop();
  await scene.stop();
});

/** The shipped config of mqtt2prometheus, with Debian's program. */
async function startExporter(brokerPort: number): Promise<{ port: number; stop(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'scanferry-exporter-'));
  const file = path.join(directory, 'config.yaml');
  const shipped = await readFile(at('mqtt2prometheus/mqtt-exporter.yaml'), 'utf8');
  await writeFile(file, shipped.replace('ssl://broker.example:8884', `tcp://127.0.0.1:${brokerPort}`));
  const port = await freePort();
  const program = startProcess('prometheus-mqtt-exporter', [
    ...['-config', file, '-listen-address', '127.0.0.1', '-listen-port', `${port}`],
  ]);
  await waitForPort('127.0.0.1', port);
  return {
    port,
    async stop() {
      await program.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** An entry of a list, below `scrape_configs:`. */
function indented(yaml: string): string {
  return yaml.replaceAll(/^(?=.)/gm, '  ');
}

function metricsIn(expression: string): string[] {
  return expression.match(/\bscanferry_\w+/g) ?? [];
}

function numbers(series: readonly Series[]): number[] {
  return series.map(({ value }) => Number(value[1]));
}

/** Of which there are several, with underscores as in keys and labels. */
function idsOf({ each }: MetricDescription): (string | null)[] {
  if (each === null) return [null];
  return (each === 'route' ? ROUTES : DEVICES).map((id) => id.replaceAll('-', '_'));
}

/** Every metric that a site tells, by its name in Prometheus. */
const names = METRICS.map((metric) => ({ metric, ...prometheusOf(metric) }));

describe('Prometheus over scanferry fleet', () => {
  test('has every number of the site, of each route and each device', async () => {
    const telemetry = JSON.parse(scene.latest(`scanferry/v1/${SITE}/telemetry`)) as Record<string, number>;
    for (const { metric, name, scale } of names)
      for (const id of idsOf(metric)) {
        const [key, label] = id === null ? ['', ''] : [`_${id}`, `,${metric.each}="${id}"`];
        const found = await prometheus.query(`${name}{job="scanferry",site="${SITE}"${label}}`);
        const expected = (telemetry[`${metric.name}${key}`] ?? Number.NaN) * scale;
        expect([name, id, numbers(found)]).toEqual([name, id, [expected]]);
      }
    // What a site grades itself as has a name of its own there.
    expect(numbers(await prometheus.query('scanferry_fleet_unknown_numbers'))).toEqual([1]);
  });

  test('takes the alerts, evaluates each, and each is about metrics that there are', async () => {
    const { groups } = (await poll(async () => {
      const answer = (await prometheus.ask('rules')) as { groups: RuleGroup[] };
      return answer.groups.every(({ rules }) => rules.every(({ health }) => health === 'ok')) ? answer : null;
    }, 'all rules evaluated')) as { groups: RuleGroup[] };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(15);
    for (const { name, query } of rules)
      for (const metric of metricsIn(query))
        expect([name, metric, (await prometheus.query(`${metric}{job="scanferry"}`)).length]).not.toContain(
          0,
        );
  });

  test('fires the alerts that their tests say, and at that time', async () => {
    const output = await runOrThrow('promtool', [
      'test',
      'rules',
      path.join(import.meta.dirname, 'alerts.promtool.yml'),
    ]);
    expect(output).toMatch(/SUCCESS/);
  });

  test('finds nothing wrong with the text that the fleet offers', async () => {
    const response = await fetch(`http://127.0.0.1:${fleet.port}/metrics`);
    const { code, stdout, stderr } = await runCommand('promtool', ['check', 'metrics'], {
      input: await response.text(),
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('checks the shipped config as it stands', async () => {
    const output = await runOrThrow('promtool', ['check', 'config', at('prometheus/prometheus.yml')]);
    expect(output).toMatch(/1 rule files found/);
  });
});

interface RuleGroup {
  rules: { name: string; query: string; health: string }[];
}

describe('the dashboard of Grafana', () => {
  test('asks for numbers that there are, in every panel', async () => {
    const panels = panelsOf(await readDashboard());
    expect(panels.length).toBeGreaterThan(20);
    for (const { title, targets } of panels)
      for (const { expr } of targets) {
        const asked = expr.replaceAll('$site', SITE);
        expect([title, asked, (await prometheus.query(asked)).length]).not.toContain(0);
        for (const metric of metricsIn(asked))
          expect([metric, (await prometheus.query(`${metric}{job="scanferry"}`)).length]).not.toContain(0);
      }
  });

  test('shows the columns that its queries give', async () => {
    for (const panel of panelsOf(await readDashboard()).filter(({ type }) => type === 'table')) {
      const fields = new Set(['Time', ...panel.targets.map(({ refId }) => `Value #${refId}`)]);
      for (const { expr } of panel.targets)
        for (const { metric } of await prometheus.query(expr.replaceAll('$site', SITE)))
          for (const label of Object.keys(metric)) fields.add(label);
      expect(shownColumns(panel).filter((name) => !fields.has(name))).toEqual([]);
    }
  });

  test('offers the sites that there are', async () => {
    const { templating } = await readDashboard();
    const site = templating.list.find(({ name }) => name === 'site');
    expect(site?.definition).toBe('label_values(scanferry_site_info, site)');
    expect(await prometheus.ask('label/site/values?match[]=scanferry_site_info')).toEqual([SITE]);
  });

  test('has panels beside each other, each with an id, a source and a sentence', async () => {
    const { panels } = await readDashboard();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of panels) {
      const { x, y, w, h } = panel.gridPos;
      expect(x + w).toBeLessThanOrEqual(24);
      const over = panels.filter(
        ({ id, gridPos: other }) =>
          id !== panel.id &&
          other.x < x + w &&
          x < other.x + other.w &&
          other.y < y + h &&
          y < other.y + other.h,
      );
      expect([panel.title, over.map(({ title }) => title)]).toEqual([panel.title, []]);
      if (panel.type === 'row') continue;
      expect(panel.description).toMatch(/\.$/);
      expect(panel.datasource?.uid).toMatch(/^\$\{datasource\}$/);
    }
  });
});

function shownColumns({ transformations = [] }: Panel): string[] {
  return transformations.flatMap(({ id, options }) => {
    if (id === 'filterFieldsByName') return options.include?.names ?? [];
    return id === 'organize' ? Object.keys(options.renameByName ?? {}) : [];
  });
}

describe('mqtt2prometheus', () => {
  test('gives each number of a site under the name and the label that the fleet gives it', async () => {
    for (const { metric, name } of names.filter(({ metric: { each } }) => each === null)) {
      const [own, fleets] = [
        await prometheus.query(`${name}{job="scanferry-mqtt"}`),
        await prometheus.query(`${name}{job="scanferry"}`),
      ];
      expect([metric.name, numbers(own)]).toEqual([metric.name, numbers(fleets)]);
      expect(own.map(({ metric: { site, sensor, topic } }) => ({ site, sensor, topic }))).toEqual([
        { site: SITE, sensor: undefined, topic: undefined },
      ]);
    }
    expect(numbers(await prometheus.query('scanferry_site_grade{job="scanferry-mqtt"}'))).toEqual([0]);
  });
});
