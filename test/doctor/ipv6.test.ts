/** A mail host with IPv6 addresses, alone and beside IPv4: the simulated MX, reached through [::1]. */
import { connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MX_HOST } from '../../src/sandbox/mx-policy.ts';
import { routeLines, siteLines, startTenantSite, type TenantSite } from '../flows/support/upstream.ts';
import { freePort } from '../support/processes.ts';
import { type Bench, createBench, verdictsIn } from './bench.ts';

let site: TenantSite;
let bench: Bench;
const doors: Server[] = [];

/** Opens a port on [::1] that leads to the simulated MX. */
async function openDoor(port: number): Promise<void> {
  const door = createServer((near) => {
    const far = connect(site.addresses.mx.port, site.addresses.mx.address);
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  doors.push(door);
  await new Promise<void>((resolve, reject) => {
    door.once('error', reject).listen(port, '::1', resolve);
  });
}

beforeAll(async () => {
  site = await startTenantSite();
  bench = createBench({ 'ca.pem': site.addresses.caPem });
});
afterAll(async () => {
  for (const door of doors) door.close();
  bench.remove();
  await site.stop();
});

const look = (port: number, A: string[] = []) => {
  site.sandbox.dns.zone.set(MX_HOST, { A, AAAA: ['::1'] });
  const direct = routeLines(site.addresses).direct.replace(
    `port: ${site.addresses.mx.port}`,
    `port: ${port}`,
  );
  return bench.diagnose(`${siteLines(site.addresses.dns)}routes:\n${direct}`, ['network', 'routes']);
};
const textOf = (lines: Awaited<ReturnType<typeof look>>, name: string) =>
  lines.find((line) => line.name === name)?.text;

test('alone, is reached over IPv6, and on port 25 it is said what Microsoft wants there', async () => {
  await openDoor(25);
  const lines = await look(25);
  expect(verdictsIn(lines).slice(0, 1)).toEqual([['warn', MX_HOST, 'doctor.ipv6-only']]);
  expect(textOf(lines, `${MX_HOST}: port 25`)).toBe('open over IPv6 (::1); the name has no IPv4');
  expect(textOf(lines, 'direct: STARTTLS')).toContain(`with ${MX_HOST}:25`);
  expect(textOf(lines, 'direct: mail to postmaster@contoso.com')).toContain('would be taken');
});

test('alone, on another port than 25, is as good as IPv4', async () => {
  const port = await freePort('::1');
  await openDoor(port);
  const lines = await look(port);
  expect(textOf(lines, MX_HOST)).toBe('::1');
  expect(verdictsIn(lines).filter(([grade]) => grade === 'fail')).toEqual([]);
});

test('beside IPv4, is not used, and it is said whether it would go', async () => {
  const { mx } = site.addresses;
  expect(textOf(await look(mx.port, [mx.address]), `${MX_HOST}: port ${mx.port}`)).toBe(
    `open over IPv4 (${mx.address}); not over IPv6, which is not needed`,
  );
  await openDoor(mx.port);
  expect(textOf(await look(mx.port, [mx.address]), `${MX_HOST}: port ${mx.port}`)).toBe(
    `open over IPv4 (${mx.address}); open over IPv6 too`,
  );
});
