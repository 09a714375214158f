/** The real Prometheus with the shipped config and alerts, pointed at a port of the test. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { poll } from '../../support/poll.ts';
import { freePort, startProcess, waitForPort } from '../../support/processes.ts';
import { PACKAGING } from './guarded-broker.ts';

const HOST = '127.0.0.1';

export interface Series {
  metric: Record<string, string>;
  value: [number, string];
}

export interface Prometheus {
  query(expression: string): Promise<Series[]>;
  /** Resolves with what the query gives, once that is something. */
  until(expression: string): Promise<Series[]>;
  /** Any endpoint below /api/v1/ and its data. */
  ask(endpoint: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** @param scrape further entries of scrape_configs, as text. */
export async function startPrometheus(fleetPort: number, scrape = ''): Promise<Prometheus> {
  const directory = await mkdtemp(path.join(tmpdir(), 'scanferry-prometheus-'));
  await mkdir(path.join(directory, 'data'));
  const shipped = await readFile(path.join(PACKAGING, 'prometheus/prometheus.yml'), 'utf8');
  const config = shipped.replace('127.0.0.1:9108', `${HOST}:${fleetPort}`).replaceAll('30s', '250ms');
  await writeFile(path.join(directory, 'prometheus.yml'), `${config}${scrape}`);
  await writeFile(
    path.join(directory, 'alerts.yml'),
    await readFile(path.join(PACKAGING, 'prometheus/alerts.yml')),
  );
  const port = await freePort(HOST);
  const server = startProcess('prometheus', [
    ...[`--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`],
    `--web.listen-address=${HOST}:${port}`,
  ]);
  await waitForPort(HOST, port);
  await server.waitForLine(/Server is ready to receive web requests/);

  async function ask(endpoint: string): Promise<unknown> {
    const response = await fetch(`http://${HOST}:${port}/api/v1/${endpoint}`);
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`${endpoint}: ${answer.error}`);
    return answer.data;
  }

  async function query(expression: string): Promise<Series[]> {
    const data = (await ask(`query?query=${encodeURIComponent(expression)}`)) as { result: Series[] };
    return data.result;
  }

  return {
    ask,
    query,
    until: (expression) =>
      poll(async () => {
        const found = await query(expression);
        return found.length > 0 ? found : null;
      }, expression),
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
