/** Devices that answer garbage, too much, too slowly or with lies: a lower score or silence, and the search goes on. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import dns from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { parseNeighbours } from '../../src/discovery/arp.ts';
import { createRecordBook } from '../../src/discovery/dnssd-records.ts';
import { titleOf } from '../../src/discovery/http-title.ts';
import { decodeResponse } from '../../src/discovery/ipp-message.ts';
import { createJudge } from '../../src/discovery/judge.ts';
import { search } from '../../src/discovery/search.ts';
import type { DiscoveryStep, FoundDevice } from '../../src/discovery/types.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { freePort } from '../support/processes.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';
import { startSnmpAgent } from './snmp-agent.ts';

const seed = seedFromEnvironment();
const random = createRandom(seed);
console.log(`seed ${seed} (SEED=${seed} repeats it)`);
const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));

const at = (number: number) => `127.0.7.${number}`;
const SHARP = {
  objectId: '1.3.6.1.4.1.2385.3.1.112.1.2',
  values: { '1.3.6.1.2.1.1.1.0': 'SHARP MX-3570N', '1.3.6.1.2.1.1.5.0': 'copier' },
};
const RICOH = {
  objectId: '1.3.6.1.4.1.367.1.1',
  values: { '1.3.6.1.2.1.1.1.0': 'RICOH MP 3053 1.09 / RICOH Network Printer C model' },
};

let closers: (() => void)[] = [];
let ports: { snmp: number; ipp: number; http: number; https: number; mdns: number };
let steps: DiscoveryStep[] = [];

async function snmp(
  number: number,
  options: Partial<Parameters<typeof startSnmpAgent>[0]> = {},
): Promise<void> {
  const agent = await startSnmpAgent({ ...SHARP, address: at(number), port: ports.snmp, ...options });
  closers.push(agent.close);
}

async function tcp(number: number, port: number, onSocket: (socket: net.Socket) => void): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(port, at(number));
  await once(server, 'listening');
  closers.push(() => void server.close());
}

async function web(number: number, port: number, onRequest: http.RequestListener): Promise<void> {
  const server = http.createServer(onRequest);
  server.listen(port, at(number));
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
}

async function mdns(number: number, answer: (question: Buffer) => Buffer): Promise<void> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => socket.send(answer(message), from.port, from.address, () => {}));
  socket.bind(ports.mdns, at(number));
  await once(socket, 'listening');
  closers.push(() => socket.close());
}

/** Something that makes an address count as present, for devices whose badness comes later. */
const refuse = (socket: net.Socket): void => void socket.destroy();

const IPP_HEAD = Buffer.from([1, 1, 0, 0, 0, 0, 0, 1, 1]);

function huge(number: number): Buffer {
  const name = `scanner${number}._uscan._tcp.local`;
  return dns.encode({
    type: 'response',
    answers: [
      { type: 'PTR', name: '_uscan._tcp.local', data: name },
      ...Array.from({ length: 120 }, (_, row) => ({
        ...{ type: 'TXT' as const, name },
        data: [`ty=${'x'.repeat(200)}`, `key${row}=${'y'.repeat(200)}`],
      })),
    ],
  });
}

/** A name that points at itself (RFC 1035 section 4.1.4 forbids it). */
function loop(): Buffer {
  const head = Buffer.from([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12])]);
}

beforeAll(async () => {
  const [a, b, c, d, e] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
  ports = { snmp: a ?? 0, ipp: b ?? 0, http: c ?? 0, https: d ?? 0, mdns: e ?? 0 };
  await snmp(1, { spoil: () => bytes(40 + Math.floor(random() * 400)) });
  await snmp(2, { spoil: (answer) => answer.subarray(0, Math.floor(random() * 30)) });
  await snmp(3, { values: { '1.3.6.1.2.1.1.1.0': 'RICOH '.repeat(9000) } });
  await snmp(4, {
    ...RICOH,
    values: { '1.3.6.1.2.1.1.1.0': 'RICOH \u001b[2J\u0007MP\r\n 3053 \u202e1.09 / x' },
  });
  await snmp(5, { ...RICOH, isOld: true });
  await snmp(6, {
    spoil(answer) {
      const changed = Buffer.from(answer);
      for (let flips = 0; flips < 4; flips += 1)
        changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
      return changed;
    },
  });
  await web(7, ports.http, (_request, response) => {
    response.write('<html><title>');
    const pour = (): void => {
      while (!response.destroyed && response.write('endless '.repeat(1000)));
    };
    response.on('drain', pour);
    pour();
  });
  await tcp(8, ports.http, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket.write('x'), 100);
    socket.once('close', () => clearInterval(timer));
  });
  await web(9, ports.http, (request, response) => {
    const to =
      request.url === '/' ? '/again' : request.url === '/again' ? `http://${at(14)}:${ports.http}/` : '/';
    response.writeHead(302, { location: to }).end();
  });
  await web(10, ports.ipp, (_request, response) => response.end(bytes(500)));
  await web(11, ports.ipp, (_request, response) =>
    response.end(
      Buffer.concat([IPP_HEAD, Buffer.from([4, 0x41, 0xff, 0xff]), Buffer.from('printer-make-and-model')]),
    ),
  );
  await tcp(12, ports.http, refuse);
  await mdns(12, () => loop());
  await tcp(13, ports.http, refuse);
  await mdns(13, () => huge(13));
  await tcp(14, ports.http, refuse);
  await tcp(14, ports.https, (socket) => socket.end(bytes(2000)));
  await snmp(15);
  const clock = createSystemClock(0);
  const found = search(
    { clock, ports, judge: createJudge(builtInCatalogue()), seen: async () => [], configuredAs: () => null },
    {
      ...{ networks: [at(0).concat('/28'), at(15)], community: 'public', questionsPerSecond: 1000 },
      signal: new AbortController().signal,
    },
  );
  for await (const step of found) steps.push(step);
});
afterAll(() => {
  for (const close of closers) close();
  closers = [];
  steps = [];
});

const device = (number: number): FoundDevice | undefined =>
  steps
    .flatMap((step) => (step.step === 'found' ? [step.device] : []))
    .find(({ address }) => address === at(number));

test('the search asks everybody to the end, and finds the sound ones among the others', () => {
  expect(steps.at(-1)).toMatchObject({ step: 'done', asked: 15, answered: 15, isComplete: true });
  expect(device(15)).toMatchObject({ verdict: 'identified', profile: 'sharp/mx', model: 'MX-3570N' });
});

describe('a device is not named where it', () => {
  test.each([
    [1, 'answers SNMP with noise'],
    [2, 'cuts its SNMP answers off'],
    [7, 'has a title without end'],
    [8, 'drips its header byte by byte'],
    [9, 'sends the browser in circles and elsewhere'],
    [10, 'answers IPP with noise'],
    [11, 'lies about a length in IPP'],
    [12, 'answers DNS-SD with a name that points at itself'],
    [13, 'fills DNS-SD with huge records'],
    [14, 'answers TLS with noise'],
  ])('%i %s', (number) => {
    expect(device(number)?.profile ?? null).toBeNull();
  });
});

test('a sysDescr without end is cut, and still only one signal', () => {
  expect(device(3)?.signals.snmpSysDescr?.length ?? 0).toBeLessThanOrEqual(LIMITS.discoveryTextMax);
  expect(device(3)?.verdict).not.toBe('identified');
});

test('what would move a cursor or turn text around is taken out before anybody sees it', () => {
  const found = device(4);
  expect(found).toMatchObject({ profile: 'ricoh/mp', verdict: 'identified' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(JSON.stringify(found)).not.toMatch(/[\u0000-\u001f\u202a-\u202e]|\\u00|\\r|\\n/);
});

test('an agent of the nineties is asked again in SNMP v1, name by name', () => {
  expect(device(5)).toMatchObject({ profile: 'ricoh/mp', firmware: '1.09', foundBy: ['snmp v1'] });
});

test('an answer with flipped bits is read as what it says, or not at all', () => {
  expect(['identified', 'likely', 'unknown', undefined]).toContain(device(6)?.verdict);
});

test('every text that was kept is bounded', () => {
  for (const step of steps) {
    if (step.step !== 'found') continue;
    for (const value of Object.values(step.device.signals)) {
      if (typeof value === 'string') expect(value.length).toBeLessThanOrEqual(LIMITS.discoveryTextMax);
    }
  }
});

describe('readers take any bytes', () => {
  const ROUNDS = 2000;

  test('of IPP', () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const noise = bytes(Math.floor(random() * 200));
      const found = decodeResponse(round % 2 === 0 ? noise : Buffer.concat([IPP_HEAD, noise]));
      for (const value of found?.values() ?? [])
        expect(value.length).toBeLessThanOrEqual(LIMITS.discoveryTextMax);
    }
  });

  test('of DNS-SD', () => {
    const sound = huge(1);
    for (let round = 0; round < 100; round += 1) {
      const packet = Buffer.from(sound.subarray(0, 200 + Math.floor(random() * 2000)));
      for (let flips = 0; flips < 6; flips += 1)
        packet[Math.floor(random() * 200)] = Math.floor(random() * 256);
      const book = createRecordBook();
      let decoded: dns.DecodedPacket | null = null;
      try {
        decoded = dns.decode(packet);
      } catch {
        // The library refuses it; what it takes, the book must take.
      }
      if (decoded !== null) book.add(decoded, at(1));
      for (const { ty } of book.facts().values())
        expect(ty?.length ?? 0).toBeLessThanOrEqual(LIMITS.discoveryTextMax);
    }
  });

  test('of pages and of the kernel’s table', () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const text = bytes(Math.floor(random() * 300)).toString('latin1');
      expect(titleOf(`<TITLE lang=en>${text}`)?.length ?? 0).toBeLessThanOrEqual(LIMITS.discoveryTextMax);
      for (const mac of parseNeighbours(text).values()) expect(mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    }
  });
});

describe('a title', () => {
  test.each([
    ['<title>Canon &amp; more</title>', 'Canon & more'],
    ['<TITLE\nlang="en">\n  Brother\n MFC  </TITLE>', 'Brother MFC'],
    ['<title></title>', null],
    ['no page at all', null],
    ['<title>cut off in the mid', 'cut off in the mid'],
  ])('of %j is %j', (page, title) => {
    expect(titleOf(page)).toBe(title);
  });
});
