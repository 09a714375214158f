/** The control socket as a client meets it: who may speak to it, and what it says to nonsense. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import type { ControlServer } from '../../src/control/server.ts';
import { controlSocketPath } from '../../src/control/socket.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { createQuietLog } from '../support/quiet-log.ts';

let sandbox: Sandbox;
let agent: TestAgent;
let dataDir: string;
beforeEach(async () => {
  sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
  const { mx, dns, caPem } = await sandbox.start();
  agent = await startTestAgent({
    yaml: `site: { id: control }
dns: { servers: ['${dns.address}:${dns.port}'] }
intake: { listeners: [{ address: 127.0.0.1, port: 0 }] }
spool: { minFreeBytes: 0 }
routes: [{ id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem }]
`,
    files: { 'ca.pem': caPem },
  });
  dataDir = path.join(agent.directory, 'data');
});
afterEach(async () => {
  await agent.stop();
  await sandbox.stop();
});

function post(name: string, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: controlSocketPath(dataDir), method: 'POST', path: `/v1/${name}` };
    const request = http.request(options, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
    });
    request.on('error', reject);
    request.end(body);
  });
}

test('is open to its owner only', () => {
  expect(statSync(controlSocketPath(dataDir)).mode & 0o777).toBe(0o600);
});

test.each([
  ['broken JSON', 'status', '{"a":'],
  ['an unknown key', 'status', '{"a":1}'],
  ['a limit out of range', 'queue.list', '{"filter":{},"limit":100000}'],
  ['a test scan to no address', 'send-test', '{"to":["nobody"]}'],
  ['a request too large to be one', 'status', `"${'x'.repeat(300_000)}"`],
])('answers %s with a sentence and the code for wrong usage', async (_, name, body) => {
  const answer = await post(name, body);
  expect(answer).toMatchObject({
    status: 422,
    body: { code: 'control.bad-input', cause: expect.any(String) },
  });
});

test('does not know other commands', async () => {
  expect(await post('shutdown', '{}')).toMatchObject({
    status: 422,
    body: { code: 'control.unknown-command' },
  });
});

test('a message that is not there is named in the answer', async () => {
  const client = createControlClient(dataDir);
  await expect(client.call('queue.show', { id: 'none' })).rejects.toMatchObject({
    explanation: { code: 'control.unknown-message', cause: 'There is no message none.' },
  });
  await expect(client.body('none')).rejects.toMatchObject({
    explanation: { code: 'control.unknown-message' },
  });
});

test('a second agent on the folder is refused and leaves the first its socket', async () => {
  await expect(startTestAgent({ yaml: secondYaml(), directory: agent.directory })).rejects.toMatchObject({
    explanation: { code: 'control.already-running' },
  });
  await expect(createControlClient(dataDir).call('status', {})).resolves.toMatchObject({ site: 'control' });
});

test('a folder whose path is too long for a socket is explained', async () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'scanferry-long-'));
  const directory = path.join(base, 'x'.repeat(120));
  mkdirSync(directory);
  try {
    await expect(startTestAgent({ yaml: secondYaml(), directory })).rejects.toMatchObject({
      explanation: { code: 'control.no-socket', advice: expect.stringContaining('shorter') },
    });
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
});

function secondYaml(): string {
  return `site: { id: second }
intake: { listeners: [{ address: 127.0.0.1, port: 0 }] }
spool: { minFreeBytes: 0 }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`;
}

test('a stopped server leaves nothing that answers', async () => {
  const server: Pick<ControlServer, 'stop'> = agent.agent;
  await server.stop();
  await expect(createControlClient(dataDir).call('status', {})).rejects.toMatchObject({
    explanation: { code: 'control.not-running' },
  });
});
