/** Looks at one address: whether somebody is there, then what it says of itself, the last hints only where needed. */
import { readNeighbours } from './arp.ts';
import { probePort } from './connect.ts';
import { askDirectly } from './dnssd.ts';
import type { DnssdFacts } from './dnssd-records.ts';
import { askTitle } from './http-title.ts';
import { askIpp } from './ipp.ts';
import { MODEL_OIDS, SYSTEM_OIDS } from './oids.ts';
import type { Pace } from './pace.ts';
import { type Answers, describe, signalsOf } from './signals.ts';
import { openSnmp, type SnmpPeer, type SnmpValues } from './snmp.ts';
import { askSubject } from './tls-certificate.ts';
import { type DiscoveryPorts, type FoundDevice, type SearchDeps, STANDARD_PORTS } from './types.ts';

export interface LookDeps extends SearchDeps {
  pace: Pace;
  community: string;
}

/** What is known of an address before it is asked. */
export interface Beforehand {
  dnssd: DnssdFacts | null;
  ehlo: string | null;
}

export interface Look {
  /** Whether anything at all answered. */
  isPresent: boolean;
  /** Null where nothing told what it is. */
  device: FoundDevice | null;
}

const ABSENT: Look = { isPresent: false, device: null };

/** Asks one IPv4 address. Takes some seconds at most, whatever the device does. */
export async function lookAt(
  deps: LookDeps,
  { address, known, signal }: { address: string; known: Beforehand; signal: AbortSignal },
): Promise<Look> {
  const at: Target = { address, ports: deps.ports ?? STANDARD_PORTS, signal };
  const peer = await openSnmp(deps, { ...snmpTarget(deps, at), version: 'v2c' });
  try {
    const [system, ipp, web] = await Promise.all([
      peer.get(SYSTEM_OIDS),
      probePort(deps, { address, port: at.ports.ipp, signal }),
      probePort(deps, { address, port: at.ports.http, signal }),
    ]);
    const isPresent = system !== null || ipp !== 'silent' || web !== 'silent' || isKnown(known);
    if (!isPresent || signal.aborted) return ABSENT;
    const answers = await askMore(deps, at, { peer, system, hasIpp: ipp === 'open', known });
    return { isPresent, device: await judge(deps, at, { answers, hasWeb: web === 'open' }) };
  } finally {
    peer.close();
  }
}

/** What an address that can't be asked has told by itself: IPv6, by DNS-SD or by sending. */
export function describeUnasked(deps: SearchDeps, address: string, known: Beforehand): FoundDevice {
  const none = { mac: null, snmp: null, ipp: null, title: null, subject: null };
  return conclude(deps, { address, ...none, ...known });
}

interface Target {
  address: string;
  ports: DiscoveryPorts;
  signal: AbortSignal;
}

function snmpTarget({ community }: LookDeps, { address, ports, signal }: Target) {
  return { address, port: ports.snmp, community, signal };
}

function isKnown({ dnssd, ehlo }: Beforehand): boolean {
  return dnssd !== null || ehlo !== null;
}

interface FirstAnswers {
  peer: SnmpPeer;
  system: SnmpValues | null;
  hasIpp: boolean;
  known: Beforehand;
}

async function askMore(deps: LookDeps, at: Target, first: FirstAnswers): Promise<Answers> {
  const { address, ports, signal } = at;
  const { dnssd, ehlo } = first.known;
  const [snmp, ipp, direct, neighbours] = await Promise.all([
    first.system === null ? askOldSnmp(deps, at) : askModel(deps, first.peer, first.system),
    first.hasIpp ? askIpp(deps, { address, port: ports.ipp, signal }) : null,
    dnssd ?? askDirectly(deps, { address, port: ports.mdns, signal }),
    readNeighbours(),
  ]);
  const mac = neighbours.get(address) ?? null;
  return { address, mac, snmp, ipp, dnssd: direct, title: null, subject: null, ehlo };
}

async function askModel(deps: LookDeps, peer: SnmpPeer, system: SnmpValues): Promise<Answers['snmp']> {
  return { version: 'v2c', values: await withModel(deps, peer, system) };
}

/** Devices of the nineties know SNMPv1 alone. */
async function askOldSnmp(deps: LookDeps, at: Target): Promise<Answers['snmp']> {
  const peer = await openSnmp(deps, { ...snmpTarget(deps, at), version: 'v1' });
  try {
    const system = await peer.get(SYSTEM_OIDS);
    return system === null ? null : { version: 'v1', values: await withModel(deps, peer, system) };
  } finally {
    peer.close();
  }
}

async function withModel(deps: LookDeps, peer: SnmpPeer, system: SnmpValues): Promise<SnmpValues> {
  const wanted = [...new Set([...MODEL_OIDS, ...deps.judge.profileOids()])].filter((oid) => !system.has(oid));
  return new Map([...system, ...((await peer.get(wanted)) ?? [])]);
}

/** Web page and certificate are asked only where the better signals do not name a profile for certain. */
async function judge(
  deps: LookDeps,
  { address, ports, signal }: Target,
  { answers, hasWeb }: { answers: Answers; hasWeb: boolean },
): Promise<FoundDevice | null> {
  const first = conclude(deps, answers);
  if (first.verdict === 'identified') return first;
  await deps.pace.turn(signal);
  const [title, subject] = await Promise.all([
    hasWeb ? askTitle(deps.clock, { address, port: ports.http, signal }) : null,
    askSubject(deps.clock, { address, port: ports.https, signal }),
  ]);
  const all = conclude(deps, { ...answers, title, subject });
  return Object.keys(all.signals).length === 0 && !all.isDevice ? null : all;
}

function conclude(deps: SearchDeps, answers: Answers): FoundDevice {
  const signals = signalsOf(answers);
  const identified = deps.judge.identify(signals);
  return describe(answers, { signals, identified, configuredAs: deps.configuredAs(answers.address) });
}
