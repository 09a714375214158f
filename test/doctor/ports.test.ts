/** Ports 25 and 587 outward: open, refused, and silent (a listener whose queue is full, so that Linux drops what comes). */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createDnsServer } from '../../src/sandbox/dns-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { poll } from '../support/poll.ts';
import { type RunningProcess, startProcess } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { createBench, verdictsIn } from './bench.ts';

/** Addresses of this test alone; ports below 1024 need root, as the packages of the tests do. */
const ADDRESSES = { open: '127.25.0.1', refused: '127.25.0.2', silent: '127.25.0.3' } as const;
type State = keyof typeof ADDRESSES;
const PORTS = [25, 587] as const;
const MX = 'contoso-com.mail.protection.outlook.com';

/** Fills the one place in its queue itself and never takes what waits there. */
const SILENT = `
import socket, sys, time
held = []
for port in (25, 587):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((sys.argv[1], port))
    listener.listen(0)
    held += [listener, socket.create_connection((sys.argv[1], port))]
print('ready', flush=True)
time.sleep(600)
`;

const dns = createDnsServer({ log: createQuietLog(), address: '127.0.0.1' });
let names: { address: string; port: number };
const servers: Server[] = [];
let silent: RunningProcess;

/** As much of a mail server as is asked before TLS. */
async function greet(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) =>
      socket.write(String(data).startsWith('EHLO') ? '250 here\r\n' : '221 bye\r\n'),
    );
    socket.write('220 here ESMTP\r\n');
  });
  servers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, ADDRESSES.open, resolve);
  });
}

beforeAll(async () => {
  names = await dns.start();
  for (const port of PORTS) await greet(port);
  silent = startProcess('python3', ['-c', SILENT, ADDRESSES.silent]);
  await silent.waitForLine(/^ready$/);
});
afterAll(async () => {
  await silent.stop();
  for (const server of servers) server.close();
  await dns.stop();
});

const ROUTES = {
  direct: 'id: direct, kind: direct-send, domain: contoso.com',
  mailbox: 'id: mailbox, kind: submission, mailbox: scan@contoso.com, auth: { kind: basic, password: x }',
  second: 'id: second, kind: submission, mailbox: scan@fabrikam.com, auth: { kind: basic, password: x }',
  government:
    'id: government, kind: submission, host: smtp.office365.us, port: 25, mailbox: scan@contoso.com, auth: { kind: oauth, cloud: us-government, tenant: contoso.com, clientId: x, clientSecret: x }',
  third: 'id: third, kind: submission, mailbox: hr@contoso.com, auth: { kind: basic, password: x }',
};

/** Microsoft's hosts stand at an address where both ports are in that state. */
async function look(state: State, routes: (keyof typeof ROUTES)[], mailDomain = 'contoso.com') {
  dns.zone.clear();
  dns.zone.set(mailDomain, { MX: [{ exchange: MX, preference: 0 }] });
  // A name with several addresses, as Microsoft's have: none of them may cost the time of another.
  const A = state === 'silent' ? Array.from({ length: 4 }, () => ADDRESSES.silent) : [ADDRESSES[state]];
  for (const host of [MX, 'smtp.office365.com', 'smtp.office365.us']) dns.zone.set(host, { A });
  const clock = createFakeClock();
  const bench = createBench({}, { clock });
  const diagnosis = bench.diagnose(
    `site: { id: site }
dns: { servers: ['${names.address}:${names.port}'] }
intake: { listeners: [{ address: 127.0.0.1, port: 0 }], trustedNetworks: [], unknownDevices: accept }
routes:
${routes.map((id) => `  - { ${ROUTES[id]} }\n`).join('')}`,
    state === 'silent' ? ['network', 'routes'] : ['network'],
  );
  if (state === 'silent') {
    // The port that is needed, the one that is not, and the route itself.
    await poll(async () => (waiting() === 3 * A.length ? true : null), 'all are being tried');
    await clock.advance(LIMITS.routeConnectMaxMs);
  }
  const lines = await diagnosis;
  bench.remove();
  return lines;
}

/** Connections to the silent address that wait for an answer: the kernel's own list (state 02 is SYN_SENT). */
function waiting(): number {
  return readFileSync('/proc/net/tcp', 'utf8').match(/: \w+:\w+ 0300197F:\w+ 02 /g)?.length ?? 0;
}

/** What is needed by each route, and what is not. */
const LINES = {
  direct: { needed: `${MX}: port 25`, unneeded: 'port 587 out' },
  mailbox: { needed: 'smtp.office365.com: port 587', unneeded: 'port 25 out' },
} as const;

test.each([
  ['open', 'direct', null],
  ['open', 'mailbox', null],
  ['refused', 'direct', 'route.refused'],
  ['refused', 'mailbox', 'route.refused'],
  ['silent', 'direct', 'doctor.port-25-blocked'],
  ['silent', 'mailbox', 'doctor.port-silent'],
] as const)('%s, where the only route is %s: a fault where it is needed', async (state, route, code) => {
  const all = await look(state, [route]);
  const lines = all.filter(({ group }) => group === 'network');
  const { needed, unneeded } = LINES[route];
  const faults = [['fail', needed, code]];
  expect(verdictsIn(lines)).toEqual(code === null ? [] : faults);
  // Each address has its time, and all of them have it at once.
  if (state === 'silent')
    expect(verdictsIn(all)).toContainEqual(['fail', `${route}: connection`, 'route.timeout']);
  const last = lines.at(-1);
  expect(last).toMatchObject({ name: unneeded, grade: 'ok' });
  expect(last?.text).toContain('; no route needs it');
  if (state === 'open') expect(last?.text).toMatch(/^open to \S+ over IPv4 \(127\.25\.0\.1\)/);
  const cause = { open: undefined, refused: 'refused the connection', silent: 'not even a refusal' }[state];
  if (cause !== undefined) expect(last?.text).toContain(cause);
});

test('each is told by the route that uses it, and then no second time', async () => {
  const lines = await look('open', ['direct', 'mailbox']);
  expect(lines.map(({ name }) => name).filter((name) => name.includes('port'))).toEqual([
    `${MX}: port 25`,
    'smtp.office365.com: port 587',
  ]);
});

test('port 25 is not tried where nobody knows the mail host of the tenant, which is well', async () => {
  const lines = await look('open', ['mailbox'], 'fabrikam.com');
  expect(verdictsIn(lines)).toEqual([]);
  expect(lines.at(-1)?.text).toBe(
    'not tried, because no mail host of contoso.com is known; no route needs it',
  );
});

test('port 25 is tried once for each domain that has a mailbox', async () => {
  const lines = await look('open', ['mailbox', 'second', 'third']);
  expect(verdictsIn(lines)).toEqual([]);
  expect(lines.filter(({ name }) => name === 'port 25 out').map(({ text }) => text)).toEqual([
    expect.stringContaining(`open to ${MX} `),
    'not tried, because no mail host of fabrikam.com is known; no route needs it',
  ]);
});

test('port 587 is tried in the cloud of the mailbox', async () => {
  const lines = await look('open', ['government']);
  expect(lines.filter(({ name }) => name === 'port 587 out').map(({ text }) => text)).toEqual([
    expect.stringContaining('open to smtp.office365.us '),
  ]);
});
