/** A config in a folder of its own, looked at by the doctor as the command line does where no agent runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { diagnoseAlone } from '../../src/agent/doctor.ts';
import { type Clock, createSystemClock } from '../../src/core/clock.ts';
import type { DoctorLine, Group } from '../../src/doctor/types.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import { appOf } from '../flows/support/upstream.ts';

export interface Bench {
  readonly directory: string;
  /** Writes the config and looks; `env` holds the secrets that it names. */
  diagnose(yaml: string, only?: Group[], env?: Record<string, string>): Promise<DoctorLine[]>;
  remove(): void;
}

export interface BenchOptions {
  /** That of an agent that has stopped; a new one when left out. */
  directory?: string;
  clock?: Clock;
}

/** `files` lie beside the config. */
export function createBench(
  files: Record<string, string> = {},
  {
    directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-doctor-')),
    clock = createSystemClock(0),
  }: BenchOptions = {},
): Bench {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text);
  return {
    directory,
    async diagnose(yaml, only, env = {}) {
      const config = path.join(directory, 'scanferry.yaml');
      writeFileSync(config, `dataDir: data\n${yaml}`, { mode: 0o644 });
      const lines: DoctorLine[] = [];
      const request = { config, env, profileIds: [], clock };
      for await (const line of diagnoseAlone(request, { only })) lines.push(line);
      return lines;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The secrets of the simulated tenant, as its config names them. */
export function secretsOf(sandbox: Sandbox): Record<string, string> {
  return {
    PASSWORD: sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.password ?? '',
    CLIENT_SECRET: appOf(sandbox).secrets[0]?.value ?? '',
  };
}

/** Those that are not ok. */
export function troublesIn(lines: readonly DoctorLine[]): DoctorLine[] {
  return lines.filter(({ grade }) => grade !== 'ok');
}

/** `[grade, name, code]` of each line that is not ok. */
export function verdictsIn(lines: readonly DoctorLine[]): (string | undefined)[][] {
  return troublesIn(lines).map(({ grade, name, why }) => [grade, name, why?.code]);
}
