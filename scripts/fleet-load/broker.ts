/** Debian's Mosquitto with room for many clients, on several loopback addresses, its retained messages on the disk. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, type RunningProcess, startProcess, waitForPort } from '../../test/support/processes.ts';

export interface LoadBroker {
  pid(): number;
  /** One for each process of sites, then one for those who watch. */
  urls: string[];
  watchUrl: string;
  /** Ends it as `systemctl restart` does, and starts it again after `downMs`. */
  restart(downMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface LoadBrokerOptions {
  folder: string;
  /** Processes of sites. */
  addresses: number;
  filesMax: number;
  /** PEM files; null is plain text. Watchers come in plain text either way. */
  tls: { certFile: string; keyFile: string } | null;
  log(line: string): void;
}

const WATCH_ADDRESS = '127.0.1.100';
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;
/** Reading them again takes as long. */
const START_MS = 120_000;
/** Writing the retained messages of a large fleet to the disk takes a while. */
const STOP_MS = 60_000;

export async function startLoadBroker(options: LoadBrokerOptions): Promise<LoadBroker> {
  const { folder, filesMax, tls } = options;
  const addresses = Array.from({ length: options.addresses }, (_, index) => `127.0.1.${index + 1}`);
  const port = await freePort(WATCH_ADDRESS);
  const file = path.join(folder, 'mosquitto.conf');
  await mkdir(path.join(folder, 'persistence'));
  const secure = tls === null ? [] : [`certfile ${tls.certFile}`, `keyfile ${tls.keyFile}`];
  await writeFile(
    file,
    [
      'per_listener_settings false',
      'allow_anonymous true',
      // Who starts it is no root on a machine that is set up well; here it may be.
      'user root',
      ...['persistence true', `persistence_location ${folder}/persistence/`],
      // The retained state of all sites is more than the thousand messages that are kept for a subscriber by default.
      'max_queued_messages 0',
      'log_type error',
      'log_type warning',
      ...addresses.flatMap((address) => [`listener ${port} ${address}`, ...secure]),
      `listener ${port} ${WATCH_ADDRESS}`,
      '',
    ].join('\n'),
  );
  let running = await start();

  async function start(): Promise<RunningProcess> {
    const limits = ['prlimit', `--nofile=${filesMax}:${filesMax}`, '--'];
    const [program = '', ...args] = [...limits, 'mosquitto', '-c', file];
    const started = startProcess(program, args, { env: { PATH } });
    for (const address of [...addresses, WATCH_ADDRESS]) await waitForPort(address, port, START_MS);
    return started;
  }

  return {
    pid: () => running.pid,
    urls: addresses.map((address) => `${tls === null ? 'mqtt' : 'mqtts'}://${address}:${port}`),
    watchUrl: `mqtt://${WATCH_ADDRESS}:${port}`,
    async restart(downMs) {
      await running.stop(STOP_MS);
      options.log(`broker: ${running.stderr().trim().split('\n').slice(-3).join(' / ') || 'said nothing'}`);
      await new Promise((resolve) => setTimeout(resolve, downMs));
      running = await start();
    },
    stop: () => running.stop(STOP_MS),
  };
}
