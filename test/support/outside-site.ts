/** The agent in a network of its own (a Linux network namespace), so that devices can come from real outside addresses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundleFile } from './bundle.ts';
import { type CommandResult, type RunningProcess, runCommand, startProcess } from './processes.ts';

/** Addresses for documentation (RFC 5737); they exist in the namespace only. */
export const BOX = '192.0.2.1';
export const STRANGER = '192.0.2.7';
export const OFFICE_DEVICE = '198.51.100.9';

export interface OutsideSite {
  directory: string;
  port: number;
  agent: RunningProcess;
  /** Runs a program inside the namespace. */
  inside(file: string, args: readonly string[], input?: string | Buffer): Promise<CommandResult>;
  /** Runs swaks as a device at `address`, toward the box. */
  swaks(address: string, args: readonly string[]): Promise<CommandResult>;
  stop(): Promise<void>;
}

/** Starts the bundled agent; nothing can leave its namespace, so what it accepts stays in the spool. */
export async function startOutsideSite(yaml: string, port = 2525): Promise<OutsideSite> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-outside-'));
  const config = path.join(directory, 'scanferry.yaml');
  writeFileSync(config, yaml);
  const addresses = [BOX, STRANGER, OFFICE_DEVICE].map((address) => `ip address add ${address}/32 dev lo`);
  const script = ['ip link set lo up', ...addresses, 'exec "$@"'].join(' && ');
  const bundle = await bundleFile();
  const agent = startProcess('unshare', [
    ...['--net', '--', 'sh', '-c', script, 'sh'],
    ...[process.execPath, bundle, 'run', '--config', config],
  ]);
  await agent.waitForLine(/"event":"agent\.started"/);
  const inside: OutsideSite['inside'] = (file, args, input) =>
    runCommand('nsenter', ['--target', String(agent.pid), '--net', '--', file, ...args], {
      ...(input === undefined ? {} : { input }),
    });
  return {
    directory,
    port,
    agent,
    inside,
    swaks: (address, args) =>
      inside('swaks', [
        ...['--server', BOX, '--port', String(port), '--local-interface', address, '--ehlo', 'copier'],
        ...['--from', 'copier@contoso.com', '--to', 'anna@fabrikam.com', ...args],
      ]),
    async stop() {
      await agent.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
