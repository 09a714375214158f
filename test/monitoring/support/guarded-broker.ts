/** The real Mosquitto with the config and the access list that packaging/monitoring has, on free ports. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { createTestCertificates, type TestCertificates } from '../../support/certificates.ts';
import { freePort, runOrThrow, startProcess, waitForPort } from '../../support/processes.ts';

export const PACKAGING = path.resolve(import.meta.dirname, '../../../packaging/monitoring');
const HOST = '127.0.0.1';
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;

export interface ConnectOptions extends IClientOptions {
  url?: string;
  /** Neither user name nor password: a certificate says who it is. */
  isNameless?: boolean;
}

export interface GuardedBroker {
  /** Where sites connect. */
  siteUrl: string;
  /** Where the IT department connects. */
  staffUrl: string;
  /** Without TLS, for peers of a test that would need a certificate store otherwise; the same users and rights. */
  plainUrl: string;
  certificates: TestCertificates;
  /** A client of MQTT.js; its password is its user name with `-password`. */
  connect(user: string, options?: ConnectOptions): Promise<MqttClient>;
  /** Resolves when the broker has logged a matching line. */
  logged(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
}

/** @param edit changes the text of the config as an operator would. */
export async function startGuardedBroker(
  users: readonly string[],
  edit: (config: string) => string = (config) => config,
): Promise<GuardedBroker> {
  const directory = await mkdtemp(path.join(tmpdir(), 'scanferry-guarded-'));
  const certificates = await createTestCertificates({ names: ['localhost'], addresses: [HOST] });
  const server = await certificates.server('valid');
  const ports = { site: await freePort(HOST), staff: await freePort(HOST), plain: await freePort(HOST) };
  const passwords = path.join(directory, 'passwords');
  await writeFile(passwords, '');
  for (const user of users) await runOrThrow('mosquitto_passwd', ['-b', passwords, user, passwordOf(user)]);
  await writeFile(
    path.join(directory, 'acl'),
    await readFile(path.join(PACKAGING, 'mosquitto/scanferry.acl')),
  );
  const shipped = edit(await readFile(path.join(PACKAGING, 'mosquitto/scanferry.conf'), 'utf8'));
  const config = shipped
    .replace('/etc/mosquitto/scanferry.passwords', passwords)
    .replace('/etc/mosquitto/scanferry.acl', path.join(directory, 'acl'))
    .replaceAll('/etc/mosquitto/certs/ca.pem', certificates.caFile)
    .replaceAll('/etc/mosquitto/certs/server.pem', server.certFile)
    .replaceAll('/etc/mosquitto/certs/server.key', server.keyFile)
    .replace('listener 8883', `listener ${ports.site} ${HOST}`)
    .replace('listener 8884', `listener ${ports.staff} ${HOST}`)
    .replace('persistence true', 'persistence false');
  if (/\/etc\/|listener 888/.test(config.replaceAll(/^#.*$/gm, '')))
    throw new Error(`something of the config was not replaced:\n${config}`);
  const file = path.join(directory, 'mosquitto.conf');
  await writeFile(file, `${config}\nlistener ${ports.plain} ${HOST}\n`);
  // Root would be given up for the user `mosquitto`, who must then be able to read all this.
  await runOrThrow('chmod', ['-R', 'a+rX', directory]);
  const broker = startProcess('mosquitto', ['-v', '-c', file], { env: { PATH } });
  await broker.waitForLine(/mosquitto version .* running/);
  for (const port of Object.values(ports)) await waitForPort(HOST, port);
  const clients: MqttClient[] = [];
  const urls = {
    siteUrl: `mqtts://${HOST}:${ports.site}`,
    staffUrl: `mqtts://${HOST}:${ports.staff}`,
    plainUrl: `mqtt://${HOST}:${ports.plain}`,
  };

  return {
    ...urls,
    certificates,
    async connect(user, { url, isNameless = false, ...options } = {}) {
      const login = isNameless ? {} : { username: user, password: passwordOf(user) };
      const client = await connectAsync(url ?? (user.includes('.') ? urls.staffUrl : urls.siteUrl), {
        ...{ ...login, ca: certificates.ca, protocolVersion: 5, reconnectPeriod: 0 },
        ...{ connectTimeout: 10_000, ...options },
      });
      // What a broker says when it ends a connection is what a test may look at.
      client.on('error', () => {});
      clients.push(client);
      return client;
    },
    async logged(pattern) {
      await broker.waitForLine(pattern);
    },
    async stop() {
      await Promise.all(clients.map((client) => client.endAsync(true)));
      await broker.stop();
      await certificates.remove();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function passwordOf(user: string): string {
  return `${user}-password`;
}
