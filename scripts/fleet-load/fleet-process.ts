/** `scanferry fleet` as it is shipped, with dashboard, history and numbers, and what a Prometheus would see of it. */
import path from 'node:path';
import { startProcess } from '../../test/support/processes.ts';

export interface Scrape {
  /** Sites by how they stand. */
  levels: Record<string, number>;
  up: number;
  bytes: number;
  ms: number;
}

export interface FleetProcess {
  readonly pid: number;
  readonly web: string;
  scrape(): Promise<Scrape>;
  /** Milliseconds that the first page takes. */
  page(): Promise<number>;
  /** Lines of alerts so far, by kind. */
  alerts(): Record<string, number>;
  errors(): string;
  stop(): Promise<void>;
}

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/scanferry.cjs');

export async function startFleetProcess(url: string, folder: string): Promise<FleetProcess> {
  const child = startProcess(process.execPath, [
    ...[BUNDLE, 'fleet', '--broker', url, '--json', '--data', path.join(folder, 'fleet')],
    ...['--metrics', '127.0.0.1:0', '--web', '127.0.0.1:0'],
  ]);
  const [, metrics = ''] = await child.waitForLine(/Numbers for Prometheus: (\S+)/);
  const [, web = ''] = await child.waitForLine(/Dashboard: (\S+)/);
  return {
    pid: child.pid,
    web,
    async scrape() {
      const begun = performance.now();
      const text = await (await fetch(metrics)).text();
      const levels = [...text.matchAll(/^scanferry_fleet_sites\{level="(\w+)"\} (\d+)$/gm)];
      return {
        levels: Object.fromEntries(levels.map(([, level = '', count]) => [level, Number(count)])),
        up: text.match(/^scanferry_site_up\{[^}]*\} 1$/gm)?.length ?? 0,
        bytes: Buffer.byteLength(text),
        ms: performance.now() - begun,
      };
    },
    async page() {
      const begun = performance.now();
      await (await fetch(web)).text();
      return performance.now() - begun;
    },
    alerts() {
      const kinds = [...child.stdout().matchAll(/"kind":"(\w+)"/g)].map(([, kind = '']) => kind);
      return Object.fromEntries(
        Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([kind, list]) => [
          kind,
          list?.length ?? 0,
        ]),
      );
    },
    errors: () => child.stderr(),
    stop: () => child.stop(),
  };
}
