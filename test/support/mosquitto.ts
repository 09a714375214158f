/** A real Mosquitto of the test's own on loopback: plain, TLS and WebSocket listeners, passwords, certificates, ACLs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningProcess, runOrThrow, startProcess, waitForPort } from './processes.ts';

export interface MosquittoOptions {
  /** Further lines of mosquitto.conf before the listeners (global options). */
  config?: readonly string[];
  /** Lines of an ACL file. */
  acl?: readonly string[];
  /** User name → password; left out, anonymous clients are let in. */
  passwords?: Readonly<Record<string, string>>;
  /** Adds a TLS listener; with `requireClientCertificate` the common name is the user name. */
  tls?: {
    caFile: string;
    certFile: string;
    keyFile: string;
    requireClientCertificate?: boolean;
    /** MQTT over WebSockets on it. */
    isWebSocket?: boolean;
  };
  /** Adds a listener for MQTT over WebSockets. */
  websockets?: boolean;
}

export interface Mosquitto {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** 0 where there is no such listener. */
  readonly tlsPort: number;
  readonly websocketPort: number;
  /** Everything the broker has logged since its latest start. */
  log(): string;
  /** Resolves when the broker has logged a matching line. */
  logged(pattern: RegExp, limitMs?: number): Promise<void>;
  /** Ends the broker without a word, as a power cut does. */
  kill(): Promise<void>;
  /** Starts it again on the same ports; retained messages are gone. */
  restart(): Promise<void>;
  /** Starts `mosquitto_sub -v`; the lines are `topic payload`. It connects again after a restart. */
  watch(...topics: string[]): Promise<RunningProcess>;
  /** Stops everything and removes the folder. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

/** Starts a broker that accepts connections when this resolves. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const directory = await mkdtemp(join(tmpdir(), 'scanferry-mosquitto-'));
  const port = await freePort(HOST);
  const tlsPort = options.tls === undefined ? 0 : await freePort(HOST);
  const websocketPort = options.websockets === true ? await freePort(HOST) : 0;
  const file = join(directory, 'mosquitto.conf');
  await writeFile(file, await configText({ ...options, directory, port, tlsPort, websocketPort }));
  // Root would be given up for the user `mosquitto`, who must then be able to read all this.
  await runOrThrow('chmod', ['-R', 'a+rX', directory]);
  const watchers: RunningProcess[] = [];

  async function start(): Promise<RunningProcess> {
    const started = startProcess('mosquitto', ['-v', '-c', file], { env: { PATH } });
    await started.waitForLine(/mosquitto version .* running/);
    for (const each of [port, tlsPort, websocketPort]) if (each !== 0) await waitForPort(HOST, each);
    return started;
  }
  let broker = await start();

  async function kill(): Promise<void> {
    broker.signal('SIGKILL');
    await broker.waitForExit();
  }

  return {
    ...{ host: HOST, port, tlsPort, websocketPort, url: `mqtt://${HOST}:${port}` },
    log: () => `${broker.stdout()}${broker.stderr()}`,
    async logged(pattern, limitMs) {
      await broker.waitForLine(pattern, limitMs);
    },
    kill,
    async restart() {
      if (!broker.hasEnded()) await kill();
      broker = await start();
    },
    async watch(...topics) {
      const filters = topics.flatMap((topic) => ['-t', topic]);
      const id = `watcher-${watchers.length}`;
      const watcher = startProcess('mosquitto_sub', [
        '-h',
        HOST,
        '-p',
        `${port}`,
        '-i',
        id,
        '-v',
        ...filters,
      ]);
      watchers.push(watcher);
      await broker.waitForLine(new RegExp(`Sending SUBACK to ${id}`));
      return watcher;
    },
    async stop() {
      await Promise.all(watchers.map((watcher) => watcher.stop()));
      await broker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface ConfigPlace extends MosquittoOptions {
  directory: string;
  port: number;
  tlsPort: number;
  websocketPort: number;
}

async function configText(place: ConfigPlace): Promise<string> {
  const { directory, passwords, acl, tls, websocketPort } = place;
  const access: string[] = [passwords === undefined ? 'allow_anonymous true' : 'allow_anonymous false'];
  if (passwords !== undefined) {
    const file = join(directory, 'passwords');
    await writeFile(file, '');
    for (const [user, password] of Object.entries(passwords))
      await runOrThrow('mosquitto_passwd', ['-b', file, user, password]);
    access.push(`password_file ${file}`);
  }
  if (acl !== undefined) {
    const file = join(directory, 'acl');
    await writeFile(file, `${acl.join('\n')}\n`);
    access.push(`acl_file ${file}`);
  }
  return [
    'per_listener_settings false',
    'persistence false',
    ...access,
    ...(place.config ?? []),
    `listener ${place.port} ${HOST}`,
    ...(tls === undefined
      ? []
      : [
          `listener ${place.tlsPort} ${HOST}`,
          ...[`cafile ${tls.caFile}`, `certfile ${tls.certFile}`, `keyfile ${tls.keyFile}`],
          ...(tls.isWebSocket === true ? ['protocol websockets'] : []),
          ...(tls.requireClientCertificate === true
            ? ['require_certificate true', 'use_identity_as_username true']
            : []),
        ]),
    ...(websocketPort === 0 ? [] : [`listener ${websocketPort} ${HOST}`, 'protocol websockets']),
    '',
  ].join('\n');
}
