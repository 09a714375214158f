/** The dashboard as Grafana reads it, as far as it is looked at. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PACKAGING } from './guarded-broker.ts';

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { refId: string; expr: string }[];
  transformations?: {
    id: string;
    options: { include?: { names: string[] }; renameByName?: Record<string, string> };
  }[];
}

export interface Dashboard {
  panels: Panel[];
  templating: { list: { name: string; definition?: string }[] };
}

export async function readDashboard(): Promise<Dashboard> {
  const file = path.join(PACKAGING, 'grafana/scanferry-fleet.json');
  // Looked at field by field by the tests.
  return JSON.parse(await readFile(file, 'utf8')) as Dashboard;
}

/** Those that show something: rows only part them. */
export function panelsOf({ panels }: Dashboard): Panel[] {
  return panels.filter(({ type }) => type !== 'row');
}
