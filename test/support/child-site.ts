/** The product as an administrator has it: the bundle as a process, its config in a folder, driven by its own commands. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { bundleFile } from './bundle.ts';
import { type CommandResult, freePort, type RunningProcess, runCommand, startProcess } from './processes.ts';
import { type SiteOptions, siteYaml, startTenant } from './site.ts';

export interface ChildSite {
  sandbox: Sandbox;
  agent: RunningProcess;
  port: number;
  config: string;
  dataDir: string;
  /** Runs one command of the command line against this site. */
  scanferry(...args: string[]): Promise<CommandResult>;
  /** Like scanferry, with `--json`: exit status and what was printed. */
  json(...args: string[]): Promise<{ code: number | null; value: unknown }>;
  stop(): Promise<void>;
}

export interface ChildSiteOptions extends Omit<SiteOptions, 'listeners'> {
  /** Data folder; one beside the config when left out. */
  dataDir?: string;
}

/** Runs the bundle with `args`; its own config and data are named in them or not at all. */
export async function runScanferry(args: readonly string[], input = ''): Promise<CommandResult> {
  const env = { SCANFERRY_CONFIG: undefined, SCANFERRY_DATA: undefined };
  return runCommand(process.execPath, [await bundleFile(), ...args], { env, input });
}

/** Starts the simulated tenant here and the agent as a process; it accepts connections when this resolves. */
export async function startChildSite(options: ChildSiteOptions = {}): Promise<ChildSite> {
  const { sandbox, addresses } = await startTenant();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-site-'));
  const config = path.join(folder, 'scanferry.yaml');
  const dataDir = options.dataDir ?? path.join(folder, 'data');
  const port = await freePort();
  const listeners = [`{ address: 127.0.0.1, port: ${port} }`];
  writeFileSync(path.join(folder, 'ca.pem'), addresses.caPem);
  writeFileSync(config, `dataDir: ${dataDir}\n${siteYaml(addresses, { ...options, listeners })}`);
  const agent = startProcess(process.execPath, [await bundleFile(), 'run', '--config', config]);
  const scanferry = (...args: string[]) => runScanferry([...args, '--config', config]);
  const stop = async () => {
    await agent.stop();
    await sandbox.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await agent.waitForLine(/"event":"agent\.started"/);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...{ sandbox, agent, port, config, dataDir, scanferry, stop },
    async json(...args) {
      const { code, stdout } = await scanferry(...args, '--json');
      return { code, value: JSON.parse(stdout) };
    },
  };
}
