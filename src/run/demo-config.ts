/** The config of the demo's site, and the files it names. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeKey } from '../fleet/keys.ts';
import { COMMAND_VERBS } from '../report/settings.ts';
import type { DemoBroker } from '../sandbox/broker.ts';
import { DEMO_DEVICES } from '../sandbox/demo-devices.ts';
import type { Sandbox, SandboxAddresses } from '../sandbox/sandbox.ts';

/** Nobody starts a demo again that has ended. */
const DEMO_VERBS = COMMAND_VERBS.filter((verb) => verb !== 'restart');

interface DemoPlace {
  directory: string;
  port: number;
  webPort: number;
  sandbox: Sandbox;
  addresses: SandboxAddresses;
  broker: DemoBroker;
}

/** Writes them into the folder; returns the path of the config. */
export function writeDemoConfig({ directory, port, webPort, sandbox, addresses, broker }: DemoPlace): string {
  const [mailbox] = sandbox.tenant.mailboxes.keys();
  const [app] = sandbox.tenant.apps;
  const secret = app?.[1].secrets[0]?.value ?? '';
  const { submission, mx, authority, dns } = addresses;
  const devices = DEMO_DEVICES.map(
    ({ id, address, profile }) => `  - { id: ${id}, address: ${address}, profile: ${profile} }`,
  );
  writeFileSync(path.join(directory, 'simulated-ca.pem'), addresses.caPem);
  writeFileSync(path.join(directory, 'client-secret'), secret, { mode: 0o600 });
  const key = makeKey(path.join(directory, 'demo'));
  const file = path.join(directory, 'scanferry.yaml');
  writeFileSync(
    file,
    `# The demo's own site. A real one looks the same, without dns, host, port, ca and authority.
site: { id: demo, name: Demo site }
dataDir: data
dns: { servers: ['${dns.address}:${dns.port}'] }
intake:
  hostname: scanferry.local
  listeners: [{ address: 127.0.0.1, port: ${port}, tls: auto, floor: legacy }]
  trustedNetworks: [127.0.0.0/8]
  unknownDevices: accept
spool: { minFreeBytes: 67108864 }
devices:
${devices.join('\n')}
routes:
  - id: mailbox
    kind: submission
    host: ${submission.host}
    port: ${submission.port}
    ca: simulated-ca.pem
    mailbox: ${mailbox}
    auth: { kind: oauth, tenant: contoso.onmicrosoft.com, clientId: ${app?.[0]}, clientSecret: { file: client-secret }, authority: '${authority.url}' }
  - { id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: simulated-ca.pem }
routing:
  - { recipients: [${mx.domain}], use: [direct, mailbox] }
  - { use: [mailbox] }
mqtt:
  url: ${broker.url}
  version: 3.1.1
  telemetrySeconds: 10
  homeAssistant: true
  commandKeys:
    - { id: ${key.id}, publicKey: ${path.basename(key.publicFile)}, verbs: [${DEMO_VERBS.join(', ')}] }
web: { address: 127.0.0.1, port: ${webPort} }
`,
  );
  return file;
}
