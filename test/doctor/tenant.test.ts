/** The simulated tenant as its administrator may have left it: switches, secrets, connectors, names, SPF. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ZoneRecords } from '../../src/sandbox/dns-server.ts';
import { noFaults } from '../../src/sandbox/faults.ts';
import { DEFAULT_MAILBOX, type TenantState } from '../../src/sandbox/tenant.ts';
import { appOf, routeLines, siteLines, startTenantSite, type TenantSite } from '../flows/support/upstream.ts';
import { type Bench, createBench, secretsOf, troublesIn, verdictsIn } from './bench.ts';

let site: TenantSite;
let bench: Bench;

beforeAll(async () => {
  site = await startTenantSite();
  bench = createBench({ 'ca.pem': site.addresses.caPem });
});
afterAll(async () => {
  bench.remove();
  await site.stop();
});

const DAY_MS = 24 * 3600 * 1000;
const dayFromNow = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

interface Trouble {
  name: string;
  way: 'mailbox' | 'oauth' | 'direct' | 'connector';
  /** Breaks it; what it returns mends it. */
  break(tenant: TenantState): () => void;
  /** `[grade, name, code]` of what must be told, and nothing else. */
  told: [string, string, string][];
  /** Words of the advice of the first. */
  advice: RegExp;
}

const set =
  <K extends keyof TenantState>(key: K, value: TenantState[K]) =>
  (tenant: TenantState) => {
    const before = tenant[key];
    tenant[key] = value;
    return () => {
      tenant[key] = before;
    };
  };

const TROUBLES: Trouble[] = [
  {
    name: 'SMTP AUTH off for the mailbox, with the right password',
    way: 'mailbox',
    break: set('smtpAuthDisabled', 'mailbox'),
    told: [['fail', 'mailbox: sign-in', 'reply.smtp-auth-disabled-mailbox']],
    advice: /Switch on "Authenticated SMTP"/,
  },
  {
    name: 'SMTP AUTH off for the tenant, with a good token',
    way: 'oauth',
    break: set('smtpAuthDisabled', 'tenant'),
    told: [['fail', 'mailbox: sign-in', 'reply.smtp-auth-disabled-tenant']],
    advice: /Set-TransportConfig -SmtpClientAuthenticationDisabled \$false/,
  },
  {
    name: 'a wrong password, in the same words but for the code',
    way: 'mailbox',
    break(tenant) {
      const mailbox = tenant.mailboxes.get(DEFAULT_MAILBOX);
      if (mailbox === undefined) throw new Error('the tenant has no mailbox');
      tenant.mailboxes.set(DEFAULT_MAILBOX, { ...mailbox, password: 'changed' });
      wrongPassword = mailbox.password;
      return () => {
        tenant.mailboxes.set(DEFAULT_MAILBOX, mailbox);
        wrongPassword = null;
      };
    },
    told: [['fail', 'mailbox: sign-in', 'reply.sign-in-refused']],
    advice: /^Check user and password/,
  },
  {
    name: 'security defaults',
    way: 'mailbox',
    break: set('securityDefaults', true),
    told: [['fail', 'mailbox: sign-in', 'reply.security-defaults']],
    advice: /^Use OAuth for this route/,
  },
  {
    name: 'Conditional Access',
    way: 'mailbox',
    break: set('signInPolicy', 'criteria'),
    told: [['fail', 'mailbox: sign-in', 'reply.sign-in-criteria']],
    advice: /^Except the scan mailbox from the policy/,
  },
  {
    name: 'a client secret that has expired',
    way: 'oauth',
    break(tenant) {
      const [secret] = appOf(site.sandbox).secrets;
      if (secret === undefined) throw new Error('the app has no secret');
      secret.expiresAt = Date.now() - DAY_MS;
      tenant.revokeTokens();
      return () => {
        secret.expiresAt = null;
      };
    },
    told: [['fail', 'mailbox: token', 'route.sign-in.secret-expired']],
    advice: /secret/,
  },
  {
    name: 'an app without the role to send',
    way: 'oauth',
    break() {
      const app = appOf(site.sandbox);
      app.canSendAsApp = false;
      return () => {
        app.canSendAsApp = true;
      };
    },
    told: [['fail', 'mailbox: sign-in', 'reply.sign-in-refused']],
    advice: /SMTP\.SendAsApp/,
  },
  {
    name: 'Reject Direct Send',
    way: 'direct',
    break: set('rejectDirectSend', true),
    told: [['fail', 'direct: mail to postmaster@contoso.com', 'reply.direct-send-rejected']],
    advice: /-RejectDirectSend \$false/,
  },
  {
    name: 'a connector that names another address',
    way: 'connector',
    break: set('connector', { addresses: ['192.0.2.77'], certificateName: null, authorities: [] }),
    told: [['fail', 'connector: mail to postmaster@example.com', 'reply.tenant-attribution']],
    advice: /^Enter the public address in the connector/,
  },
  {
    name: 'STARTTLS removed on the way',
    way: 'direct',
    break: set('faults', { submission: noFaults(), mx: { ...noFaults(), stripStarttls: true } }),
    told: [['fail', 'direct: STARTTLS', 'route.starttls-missing']],
    advice: /SMTP inspection/,
  },
  {
    name: 'a domain without MX',
    way: 'direct',
    break: () => zone({ TXT: [SPF] }),
    told: [
      ['fail', 'MX of contoso.com', 'route.mx-missing'],
      ['fail', 'direct: name', 'route.mx-missing'],
    ],
    advice: /MX record/,
  },
];

const SPF = 'v=spf1 include:spf.protection.outlook.com -all';
let wrongPassword: string | null = null;

/** Other records of contoso.com; what it returns puts the old ones back. */
function zone(records: ZoneRecords): () => void {
  const { zone: names } = site.sandbox.dns;
  const before = names.get('contoso.com');
  names.set('contoso.com', records);
  return () => {
    if (before !== undefined) names.set('contoso.com', before);
  };
}

/** Without the port that no route needs: the tenant listens on neither 25 nor 587. */
async function look(way: Trouble['way'], more = '') {
  const lines = await bench.diagnose(
    `${siteLines(site.addresses.dns)}routes:\n${routeLines(site.addresses, { auth: `clientSecret: { env: CLIENT_SECRET } ${more}` })[way]}`,
    ['network', 'routes'],
    {
      ...secretsOf(site.sandbox),
      ...(wrongPassword === null ? {} : { PASSWORD: wrongPassword }),
    },
  );
  return lines.filter(({ name }) => !/^port \d+ out$/.test(name));
}

test.each(TROUBLES)(
  'names $name, and is content again when it is mended',
  async ({ way, told, advice, ...trouble }) => {
    // Without a connector the tenant relays nothing, which is another trouble.
    const { tenant } = site.sandbox;
    tenant.connector = { addresses: ['127.0.0.1'], certificateName: null, authorities: [] };
    if (way === 'direct') tenant.connector = null;
    const mend = trouble.break(tenant);
    const lines = await look(way);
    mend();
    expect(verdictsIn(lines)).toEqual(told);
    expect(troublesIn(lines)[0]?.why?.advice).toMatch(advice);
    if (trouble.name !== 'a connector that names another address')
      expect(verdictsIn(await look(way))).toEqual([]);
  },
);

test.each([
  [-1, 'fail', 'doctor.secret-expired'],
  [10, 'warn', 'doctor.secret-expires'],
  [60, 'ok', undefined],
] as const)('a client secret that ends in %d days is %s', async (days, grade, code) => {
  const lines = await look('oauth', `, clientSecretExpires: ${dayFromNow(days)}`);
  const line = lines.find(({ name }) => name === 'mailbox: client secret');
  expect([line?.grade, line?.why?.code]).toEqual([grade, code]);
});

test('a server that takes less than the route would send', async () => {
  const { direct } = routeLines(site.addresses);
  const route = direct.replace('ca: ca.pem', 'ca: ca.pem, limits: { messageBytesMax: 500000000 }');
  const lines = await bench.diagnose(`${siteLines(site.addresses.dns)}routes:\n${route}`, ['routes']);
  expect(verdictsIn(lines)).toEqual([['warn', 'direct: size', 'doctor.size-smaller']]);
});

test('something that takes the connection and is no mail server', async () => {
  const server = createServer((socket) =>
    socket.on('error', () => {}).end('HTTP/1.0 400 Bad Request\r\n\r\n'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const route = routeLines(site.addresses).direct.replace(`port: ${site.addresses.mx.port}`, `port: ${port}`);
  const lines = await bench.diagnose(`${siteLines(site.addresses.dns)}routes:\n${route}`, ['network']);
  server.close();
  expect(verdictsIn(lines)).toEqual([
    ['warn', 'contoso-com.mail.protection.outlook.com: greeting', 'doctor.greeting-odd'],
  ]);
});

const DAMAGED = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
test.each([
  ['holds none', () => 'no certificate\n', 'file', 'doctor.config-error'],
  [
    'has a damaged chain',
    (cert: string) => `${cert}${DAMAGED}`,
    'connector: own certificate',
    'doctor.certificate-unreadable',
  ],
] as const)('a certificate file that %s', async (_title, textOf, name, code) => {
  const own = await site.sandbox.issueCertificate({ names: ['scan.contoso.com'] });
  writeFileSync(path.join(bench.directory, 'own.pem'), textOf(own.cert));
  writeFileSync(path.join(bench.directory, 'own.key'), own.key, { mode: 0o600 });
  const { connector } = routeLines(site.addresses, {
    connector: ', certificate: { cert: own.pem, key: own.key }',
  });
  const lines = await bench.diagnose(`${siteLines(site.addresses.dns)}routes:\n${connector}`, ['routes']);
  expect(verdictsIn(lines)[0]).toEqual(['fail', name, code]);
});

test.each([
  ['self-signed', { selfSigned: true }, 'fail', 'doctor.connector-self-signed'],
  ['that has ended', { expired: true }, 'fail', 'doctor.certificate-expired'],
  ['without its chain', {}, 'warn', 'doctor.connector-chain-missing'],
  ['of an authority that is known', {}, 'ok', undefined],
] as const)('the certificate for a connector, %s', async (title, kind, grade, code) => {
  const own = await site.sandbox.issueCertificate({ names: ['scan.contoso.com'], ...kind });
  writeFileSync(path.join(bench.directory, 'own.pem'), own.cert);
  writeFileSync(path.join(bench.directory, 'own.key'), own.key, { mode: 0o600 });
  const { connector } = routeLines(site.addresses, {
    connector: ', certificate: { cert: own.pem, key: own.key }',
  });
  // The authority of the sandbox is no public one: left out, nothing here knows it.
  const route = title === 'without its chain' ? connector.replace(', ca: ca.pem', '') : connector;
  const lines = await bench.diagnose(`${siteLines(site.addresses.dns)}routes:\n${route}`, ['routes']);
  const line = lines.find(({ name }) => name === 'connector: own certificate');
  expect([line?.grade, line?.why?.code]).toEqual([grade, code]);
});
