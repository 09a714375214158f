/** `scanferry run --demo`: a temporary site with a simulated tenant and simulated devices, told in a few readable lines. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { type Agent, type AgentStarted, createAgent } from '../agent.ts';
import type { DemoRequest } from '../cli/context.ts';
import { formatBytes, formatTable, type Output } from '../cli/output.ts';
import { loadConfig } from '../config/load.ts';
import { type Clock, createSystemClock } from '../core/clock.ts';
import { type ExitCode, OperatorError } from '../core/errors.ts';
import type { EventRecord } from '../core/events.ts';
import { describeError, type Log } from '../core/log.ts';
import type { TlsFacts } from '../core/message.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { createTurns } from '../core/turns.ts';
import type { Catalogue } from '../profiles/types.ts';
import { createLog } from '../program/log.ts';
import { PROBLEMS } from '../program/problems.ts';
import { type DemoBroker, startDemoBroker } from '../sandbox/broker.ts';
import { DEMO_DEVICES, type DemoDevice } from '../sandbox/demo-devices.ts';
import { type ScanResult, sendScan } from '../sandbox/device.ts';
import { createSandbox, type SandboxAddresses } from '../sandbox/sandbox.ts';
import { createScanMessage } from '../sandbox/scan.ts';
import type { MessageDetail } from '../spool/types.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { writeDemoConfig } from './demo-config.ts';

export interface DemoDeps extends DemoRequest {
  output: Output;
  profiles: Catalogue;
  startWorker(workerData: unknown): Worker;
  /** Resolves when somebody ends the program. */
  stopped: Promise<void>;
}

/** Long enough for a slow Raspberry Pi; a demo that hangs says so. */
const ARRIVAL_MAX_MS = 60_000;

/** Runs the demo; 0 when every simulated scan arrived. Leaves nothing behind. */
export async function runDemo(deps: DemoDeps): Promise<ExitCode> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-demo-'));
  const clock = createSystemClock(0);
  const log = createLog('warn', 2);
  const sandbox = createSandbox({ clock, log });
  let broker: DemoBroker | null = null;
  let agent: Agent | null = null;
  try {
    const addresses = await sandbox.start();
    broker = await startDemoBroker();
    // Free ones are chosen before the start, so that the config, and the sheets made of it, name them.
    const ports = { port: deps.port || (await freePort()), webPort: await freePort() };
    const file = writeDemoConfig({ directory, ...ports, sandbox, addresses, broker });
    const readConfig = (text?: string) => {
      const { config } = loadConfig({ file, text, env: {}, profileIds: [...deps.profiles.keys()] });
      return { config, warnings: [] };
    };
    const keptLog = createKeptLog({ clock, directory: path.join(directory, 'data') });
    agent = createAgent({
      ...{ config: readConfig().config, readConfig, configFile: file },
      profiles: deps.profiles,
      clock,
      log: createLog('warn', 2, keptLog.add),
      support: { env: {}, logTail: keptLog.tail },
      startWorker: deps.startWorker,
    });
    const started = await agent.start();
    introduce(deps.output, started, addresses);
    const arrived = await Promise.race([
      sendScans(deps.output, agent, { started, clock }),
      deps.stopped.then(() => false),
    ]);
    if (deps.once || !arrived) return arrived ? 0 : 1;
    invite(deps.output, directory, started, broker);
    const stopWatching = watchVisitors({ ...deps, log }, agent, await newestSeq(agent));
    await Promise.race([deps.stopped, agent.fatal]);
    stopWatching();
    return 0;
  } finally {
    await agent?.stop();
    await broker?.stop();
    await sandbox.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has no port');
  return address.port;
}

function introduce(output: Output, started: AgentStarted, addresses: SandboxAddresses): void {
  const [listener] = started.listeners;
  const { submission, mx } = addresses;
  output.line('Scanferry demo. Everything here is simulated on this machine; no mail leaves it.');
  output.line();
  output.line(
    `  the box         ${listener?.address}:${listener?.port}, one port for plain text, STARTTLS and TLS, TLS 1.0 and up`,
  );
  output.line(`  route direct    direct send to ${mx.exchange}, for ${mx.domain} only`);
  output.line(`  route mailbox   submission to ${submission.host} with OAuth, for everyone else`);
  output.line();
}

/** Sends one scan from each simulated device and prints a row for each as it went the whole way. */
async function sendScans(output: Output, agent: Agent, site: DemoSite): Promise<boolean> {
  const journeys: Journey[] = [];
  for (const device of DEMO_DEVICES) journeys.push(await travel(device, agent, site));
  const header = ['DEVICE', 'RECIPIENT', 'TO THE BOX', 'ROUTE', 'TO MICROSOFT', 'SAFE', 'DELIVERED'];
  output.line(
    formatTable(
      header,
      journeys.map(({ row }) => row),
      journeys.map(({ trouble }) => trouble),
    ),
  );
  output.line();
  output.line(
    'Times count from the first contact of the device: until its scan was safe on the disk of the box,',
  );
  output.line('and until Microsoft 365 (simulated) had taken it.');
  output.line();
  return journeys.every(({ trouble }) => trouble === '');
}

/** What became of one device's scan. `trouble` is empty when it arrived. */
interface Journey {
  row: string[];
  trouble: string;
}

interface DemoSite {
  started: AgentStarted;
  clock: Clock;
}

async function travel(device: DemoDevice, agent: Agent, { started, clock }: DemoSite): Promise<Journey> {
  const startedAt = performance.now();
  const sent = await sendFrom(device, started);
  const detail = sent.id === null ? null : await whenSettled(agent, sent.id, clock);
  const isDelivered = detail?.recipients.every(({ state }) => state === 'delivered') ?? false;
  const attempt = detail?.attempts.at(-1);
  return {
    row: [
      device.title,
      device.to.join(', '),
      formatLeg(sent.tls),
      attempt?.routeId ?? '-',
      attempt?.tls ? formatLeg(attempt.tls) : '-',
      sent.id === null ? '-' : `${sent.elapsedMs} ms`,
      isDelivered ? `${Math.round(performance.now() - startedAt)} ms` : 'no',
    ],
    trouble: isDelivered ? '' : troubleOf(sent, detail),
  };
}

function troubleOf(sent: ScanResult, detail: MessageDetail | null): string {
  if (detail === null) return `The box did not take it: ${sent.failure ?? sent.replyText}`;
  return detail.recipients.flatMap(({ cause }) => cause ?? []).join(' ');
}

async function sendFrom(
  device: DemoDevice,
  started: AgentStarted,
): Promise<ScanResult & { id: string | null }> {
  const [listener] = started.listeners;
  if (listener === undefined) throw new Error('the demo has no listener');
  const result = await sendScan({
    ...device,
    connect: { host: listener.address, port: listener.port, localAddress: device.address },
    message: createScanMessage({
      from: device.from,
      to: device.to,
      subject: `Scan from ${device.title}`,
    }),
  });
  return { ...result, id: / as ([0-9a-z]+)\s*$/.exec(result.replyText)?.[1] ?? null };
}

async function whenSettled(agent: Agent, id: string, clock: Clock): Promise<MessageDetail> {
  const { spool } = agent.rooms;
  const late = Promise.withResolvers<never>();
  // It may be late while nobody waits for it.
  late.promise.catch(() => {});
  const timer = clock.schedule(ARRIVAL_MAX_MS, () =>
    late.reject(new OperatorError(PROBLEMS.demoNotDelivered(id, ARRIVAL_MAX_MS / 1000))),
  );
  let changed = Promise.withResolvers<void>();
  const unsubscribe = spool.onChange(() => changed.resolve());
  try {
    for (;;) {
      const detail = await spool.show(id);
      const isOver = detail?.recipients.every(({ state }) => state === 'delivered' || state === 'failed');
      if (detail && isOver) return detail;
      await Promise.race([changed.promise, late.promise]);
      changed = Promise.withResolvers<void>();
    }
  } finally {
    timer.cancel();
    unsubscribe();
  }
}

function formatLeg(tls: TlsFacts | null): string {
  return tls === null ? 'plain text' : tlsVersionInWords(tls.protocol);
}

function invite(output: Output, directory: string, started: AgentStarted, broker: DemoBroker): void {
  const [listener] = started.listeners;
  const program = [process.execPath, process.argv[1] ?? 'scanferry'].map(shortestPath).join(' ');
  output.line('Your turn; the agent goes on until Ctrl-C. In another terminal, in this folder:');
  output.line(
    `  swaks --server ${listener?.address}:${listener?.port} --tls --from you@contoso.com --to anna@contoso.com`,
  );
  // The Node.js of this process: another one in the path may be too old.
  const config = path.join(directory, 'scanferry.yaml');
  output.line(`  alias scanferry='${program} --config ${config}'`);
  output.line('  scanferry status');
  output.line('  scanferry queue list --state delivered');
  output.line('  scanferry queue show ID        (cipher suites and verbatim replies)');
  const { hostname, port } = new URL(broker.url);
  output.line('What an IT department sees of it, over the MQTT broker of this demo:');
  output.line(`  mosquitto_sub -h ${hostname} -p ${port} -v -t 'scanferry/#'`);
  output.line(`  scanferry fleet --broker ${broker.url}`);
  output.line(`  scanferry fleet send demo flush --broker ${broker.url} \\`);
  output.line(`    --key ${path.join(directory, 'demo.key.pem')}`);
  output.line('Also:');
  output.line(`  https://127.0.0.1:${started.webPort}/   the page of the box, with its root certificate`);
  output.line(`  ${config}   the config of this demo`);
  output.line();
}

/** A path as one would type it here. */
function shortestPath(file: string): string {
  const relative = path.relative('.', file);
  return relative.length < file.length ? relative : file;
}

const EVENTS_PAGE = 100;

/** One line for each thing that happens to a visitor's message. */
function watchVisitors(
  { output, log }: { output: Output; log: Log },
  agent: Agent,
  afterSeq: number,
): () => void {
  const { spool } = agent.rooms;
  let cursor = afterSeq;
  // One after the other, so that no event is told twice.
  const reads = createTurns();

  async function read(): Promise<void> {
    for (;;) {
      const events = await spool.events(cursor, EVENTS_PAGE);
      for (const event of events) {
        cursor = event.seq;
        const line = describeEvent(event);
        if (line !== null) output.line(line);
      }
      if (events.length < EVENTS_PAGE) return;
    }
  }

  return spool.onChange(() => {
    // What could not be read is read at the next change; a spool that has died ends the demo by itself.
    reads.take(read).catch((error: unknown) => {
      log.warn('demo.events-unread', { error: describeError(error) });
    });
  });
}

/** The demo has made a handful of events by now; a visitor wants those that follow. */
async function newestSeq(agent: Agent): Promise<number> {
  return (await agent.rooms.spool.events(0, 1000)).at(-1)?.seq ?? 0;
}

function describeEvent(event: EventRecord): string | null {
  switch (event.type) {
    case 'message.accepted':
      return `accepted   ${event.data.message} from ${event.data.address}, ${formatLeg(event.data.tls)}, ${formatBytes(event.data.bodyBytes)}`;
    case 'message.delivered':
      return `delivered  ${event.data.message} to ${event.data.recipient} by ${event.data.route}, ${formatLeg(event.data.tls)}: ${event.data.reply}`;
    case 'message.deferred':
    case 'message.failed':
    case 'message.held':
      return `${event.type.slice('message.'.length).padEnd(9)}  ${event.data.message} to ${event.data.recipient}: ${event.data.cause}`;
    case 'session.refused':
      return `refused    ${event.data.address}: ${event.data.reply}`;
    default:
      return null;
  }
}
