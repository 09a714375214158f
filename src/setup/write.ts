/** Puts a planned config in its place: secrets first, the config last and in one step; an old config is kept. */
import { copyFileSync, existsSync } from 'node:fs';
import { writeFileDurably } from '../config/files.ts';
import { openSecretStore } from '../config/secret-store.ts';
import { renderYaml } from '../config/write-yaml.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import type { Plan } from './plan.ts';
import { PROBLEMS } from './problems.ts';

export interface WriteRequest {
  /** The config file. */
  file: string;
  dataDir: string;
  plan: Plan;
  /** Replace a config that is there. */
  force: boolean;
  /** Epoch milliseconds, for the name of what is kept. */
  now: number;
}

const COMMENTS = {
  site: 'Written by `scanferry init`. All keys: docs/reference/settings.md; `scanferry check` checks it.',
  intake: 'Where copiers hand in their scans.',
  routes: 'The way to Microsoft 365.',
  notices: 'Who is told when a scan could not be delivered.',
};

/** The config as it will be written. */
export function configText({ config }: Plan): string {
  return renderYaml(config, COMMENTS);
}

/** Resolves nothing and waits for nothing, so that no signal comes in between. Returns where the old config is kept. */
export function writeSetup({ file, dataDir, plan, force, now }: WriteRequest): { keptOld: string | null } {
  const isThere = existsSync(file);
  if (isThere && !force) throw new OperatorError(PROBLEMS.exists(file), { exitCode: 2 });
  try {
    const store = openSecretStore(dataDir);
    for (const [name, value] of plan.secrets) store.write(name, value);
    const keptOld = isThere
      ? `${file}.before-init-${new Date(now).toISOString().replace(/[:.]/g, '-')}`
      : null;
    if (keptOld !== null) copyFileSync(file, keptOld);
    writeFileDurably(file, configText(plan), 0o644);
    return { keptOld };
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause;
    throw new OperatorError(PROBLEMS.notWritten(file, describeError(cause)), { cause });
  }
}
