/** What DNS-SD answers add up to: services, their descriptions, and the addresses of the hosts that offer them. */
import type { Answer, Packet, TxtData } from 'dns-packet';
import { LIMITS } from '../core/limits.ts';
import { cleanBytes, cleanText } from './text.ts';

/** Printers and scanners announce themselves under these (RFC 6763; Bonjour Printing 1.2.1; eSCL for _uscan). */
export const SERVICES = ['_ipp', '_ipps', '_printer', '_uscan', '_scanner', '_pdl-datastream'].map(
  (name) => `${name}._tcp.local`,
);

export interface DnssdFacts {
  /** `ty` of the TXT record: make and model. */
  ty: string | null;
  /** `product` of the TXT record, as in the PPD: a model in parentheses. */
  product: string | null;
  /** Make and model of the USB descriptor. */
  usbMfg: string | null;
  usbMdl: string | null;
  /** The place that a person has entered, `note`. */
  note: string | null;
  /** Host name, such as `RNP002673AABBCC.local`. */
  host: string | null;
  /** Service types without domain, such as `_ipp._tcp`. */
  services: string[];
  /** All addresses of the host, as far as told. */
  addresses: string[];
}

export interface RecordBook {
  /** Takes in one answer; `from` is who sent it. */
  add(packet: Packet, from: string): void;
  /** Names of services that still lack a host or a description. */
  missing(): string[];
  /** Address to what was told of it. */
  facts(): Map<string, DnssdFacts>;
}

interface Instance {
  from: string;
  services: Set<string>;
  host: string | null;
  texts: Map<string, string> | null;
}

const TEXT_KEYS = ['ty', 'product', 'usb_mfg', 'usb_mdl', 'note'];

export function createRecordBook(): RecordBook {
  const instances = new Map<string, Instance>();
  const addresses = new Map<string, Set<string>>();
  let left: number = LIMITS.discoveryRecordsMax;

  function take(answer: Answer, from: string): void {
    if (left <= 0) return;
    left -= 1;
    if (answer.type === 'PTR') takePointer(answer.name, answer.data, from);
    else if (answer.type === 'SRV') takeHost(answer.name, answer.data.target);
    else if (answer.type === 'TXT') takeTexts(answer.name, answer.data);
    else if (answer.type === 'A' || answer.type === 'AAAA') takeAddress(answer.name, answer.data);
  }

  function takePointer(name: string, target: string, from: string): void {
    const service = SERVICES.find((known) => known === name.toLowerCase());
    if (service === undefined) return;
    const key = target.toLowerCase();
    const found = instances.get(key) ?? { from, services: new Set(), host: null, texts: null };
    found.services.add(service.replace(/\.local$/, ''));
    instances.set(key, found);
  }

  // A description without its service is of something that was not asked for.
  function takeHost(name: string, target: string): void {
    const found = instances.get(name.toLowerCase());
    if (found !== undefined) found.host ??= target.toLowerCase();
  }

  function takeTexts(name: string, data: TxtData): void {
    const found = instances.get(name.toLowerCase());
    if (found !== undefined) found.texts ??= readTexts(data);
  }

  function takeAddress(name: string, address: string): void {
    const host = name.toLowerCase();
    const known = addresses.get(host) ?? new Set();
    known.add(address);
    addresses.set(host, known);
  }

  return {
    add(packet, from) {
      const all = [...(packet.answers ?? []), ...(packet.additionals ?? [])];
      // Services first: the rest is only kept where it belongs to one, in whatever order it came.
      for (const answer of all) if (answer.type === 'PTR') take(answer, from);
      for (const answer of all) if (answer.type !== 'PTR') take(answer, from);
    },
    missing: () =>
      [...instances].flatMap(([name, { host, texts }]) => (host === null || texts === null ? [name] : [])),
    facts() {
      const found = new Map<string, DnssdFacts>();
      for (const instance of instances.values()) {
        const told = [...(addresses.get(instance.host ?? '') ?? [])];
        for (const address of told.length > 0 ? told : [instance.from]) {
          found.set(address, merge(found.get(address), instance, told));
        }
      }
      return found;
    },
  };
}

function merge(before: DnssdFacts | undefined, instance: Instance, addresses: string[]): DnssdFacts {
  const { host, texts, services } = instance;
  const text = (key: string) => texts?.get(key) ?? null;
  return {
    ty: before?.ty ?? text('ty'),
    product: before?.product ?? text('product'),
    usbMfg: before?.usbMfg ?? text('usb_mfg'),
    usbMdl: before?.usbMdl ?? text('usb_mdl'),
    note: before?.note ?? text('note'),
    host: before?.host ?? (host === null ? null : cleanText(host)),
    services: [...new Set([...(before?.services ?? []), ...services])].sort(),
    addresses: [...new Set([...(before?.addresses ?? []), ...addresses])].sort(),
  };
}

/** The keys of interest out of `key=value` strings; the first of each counts (RFC 6763 section 6.4). */
function readTexts(data: TxtData): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of [data].flat()) {
    const bytes = Buffer.from(part);
    const at = bytes.indexOf('=');
    const key = bytes.subarray(0, Math.max(at, 0)).toString('latin1').toLowerCase();
    if (!TEXT_KEYS.includes(key) || found.has(key)) continue;
    const value = cleanBytes(bytes.subarray(at + 1));
    if (value !== null) found.set(key, value);
  }
  return found;
}
