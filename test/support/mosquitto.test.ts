/** The broker that other tests rely on does what its options say. */
import { afterEach, expect, test } from 'vitest';
import { createTestCertificates } from './certificates.ts';
import { type Mosquitto, type MosquittoOptions, startMosquitto } from './mosquitto.ts';
import { runCommand } from './processes.ts';

let broker: Mosquitto | null = null;
afterEach(async () => {
  await broker?.stop();
  broker = null;
});

async function start(options?: MosquittoOptions): Promise<Mosquitto> {
  broker = await startMosquitto(options);
  return broker;
}

const publish = (port: number, ...more: string[]) =>
  runCommand('mosquitto_pub', ['-h', '127.0.0.1', '-p', `${port}`, '-t', 'a/b', '-m', 'hello', ...more]);

test('carries a message to a watcher', async () => {
  const { port, watch } = await start();
  const watcher = await watch('a/#');
  expect((await publish(port)).code).toBe(0);
  await watcher.waitForLine(/^a\/b hello$/);
});

test('lets in whoever has the password', async () => {
  const { port } = await start({ passwords: { berlin: 'correct' } });
  expect((await publish(port)).code).not.toBe(0);
  expect((await publish(port, '-u', 'berlin', '-P', 'wrong')).code).not.toBe(0);
  expect((await publish(port, '-u', 'berlin', '-P', 'correct')).code).toBe(0);
});

test('asks for a client certificate and takes its name', async () => {
  const certificates = await createTestCertificates({
    names: ['broker.contoso.com'],
    addresses: ['127.0.0.1'],
  });
  try {
    const server = await certificates.server('valid');
    const client = await certificates.client('berlin-hq');
    const { tlsPort, logged } = await start({
      tls: { caFile: certificates.caFile, ...server, requireClientCertificate: true },
    });
    const trust = ['--cafile', certificates.caFile];
    expect((await publish(tlsPort, ...trust)).code).not.toBe(0);
    const own = ['--cert', client.certFile, '--key', client.keyFile];
    expect((await publish(tlsPort, ...trust, ...own)).code).toBe(0);
    await logged(/u'berlin-hq'/);
  } finally {
    await certificates.remove();
  }
});

test('has forgotten its retained messages after a restart', async () => {
  const { port, restart } = await start();
  await publish(port, '-r');
  const read = () => runCommand('mosquitto_sub', ['-h', '127.0.0.1', '-p', `${port}`, '-t', '#', '-W', '1']);
  expect((await read()).stdout).toContain('hello');
  await restart();
  expect((await read()).stdout).toBe('');
});
