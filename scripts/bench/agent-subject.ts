/** The agent as it is shipped: dist/scanferry.cjs in a process of its own, its log in a file beside its data. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, startProcess, waitForPort } from '../../test/support/processes.ts';
import { MESSAGE_BYTES_MAX, type Place, type Subject, UPSTREAM_CONNECTIONS } from './subject.ts';

const BUNDLE = path.resolve(import.meta.dirname, '../../dist/scanferry.cjs');

export interface AgentOptions {
  /** Port to listen on; a free one when left out. */
  port?: number;
  /** A line of shell that runs in the process before it becomes the agent. */
  prepare?: string;
}

/** Starts the agent on the data in `place.folder`; resolves when it takes connections. */
export async function startAgent(
  place: Place,
  options: AgentOptions = {},
): Promise<Subject & { autoPort: number }> {
  await mkdir(place.folder, { recursive: true });
  const port = options.port ?? (await freePort());
  const autoPort = await freePort();
  const config = path.join(place.folder, 'scanferry.yaml');
  await writeFile(config, configOf(place, { port, autoPort }));
  // The shell becomes the agent, so that this process's end ends it too. A box has no authorities of this machine: with
  // the list of Debian in NODE_EXTRA_CA_CERTS Node.js holds 1 MiB more.
  const log = path.join(place.folder, 'agent.log');
  const agent = startProcess('sh', [
    ...[
      '-c',
      `${options.prepare ?? ':'}; unset NODE_EXTRA_CA_CERTS; log=$1; shift; exec "$@" >>"$log" 2>&1`,
      'sh',
      log,
    ],
    ...[process.execPath, BUNDLE, 'run', '--config', config],
  ]);
  const stop = () => agent.stop(20_000);
  try {
    await waitForPort('127.0.0.1', port);
  } catch (error) {
    await stop();
    throw new Error(`the agent did not start; its log is ${log}`, { cause: error });
  }
  return { name: 'Scanferry', pid: agent.pid, port, autoPort, stop };
}

/** The limits of a Microsoft 365 mailbox and of a device are raised: the work is to be the bound. */
function configOf({ upstreamPort, caFile }: Place, ports: { port: number; autoPort: number }): string {
  return `site: { id: bench }
dataDir: data
intake:
  hostname: scanferry.contoso.com
  listeners:
    - { address: 127.0.0.1, port: ${ports.port}, tls: starttls, floor: legacy }
    - { address: 127.0.0.1, port: ${ports.autoPort}, tls: auto, floor: legacy }
  trustedNetworks: [127.0.0.0/8]
  unknownDevices: accept
  maxMessageBytes: ${MESSAGE_BYTES_MAX}
  messagesPerHour: 100000000
  connectionsPerDevice: 500
routes:
  - id: sink
    kind: connector
    domain: contoso.com
    host: 127.0.0.1
    port: ${upstreamPort}
    ca: ${caFile}
    limits:
      messagesPerMinute: 100000000
      connections: ${UPSTREAM_CONNECTIONS}
      recipientsPerDay: 1000000000
      messageBytesMax: ${MESSAGE_BYTES_MAX}
routing: [{ use: [sink] }]
`;
}
