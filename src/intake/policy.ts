/** Who may send what through this box: pure decisions, told as a code of the reply table. */
import { domainToASCII } from 'node:url';
import { LIMITS } from '../core/limits.ts';
import { createNetworkList, isLoopback, matchesMailRules, normaliseAddress } from './addresses.ts';
import { HELD_UNKNOWN_DEVICE, type ReplyCode } from './replies.ts';
import type { DeviceSettings, IntakeSettings } from './settings.ts';

/** What is known of the other end when a decision is made. */
export interface Peer {
  /** Normalised IP address. */
  address: string;
  tls: boolean;
  /** The device that signed in, `test` for a login of the box itself, null when nobody did. */
  signedIn: DeviceSettings | 'test' | null;
}

export type Decision =
  | { kind: 'allow'; held: { code: string; cause: string } | null }
  | { kind: 'refuse'; code: ReplyCode };

export interface Policy {
  /** The device an address belongs to, by configuration. */
  deviceAt(address: string): DeviceSettings | null;
  /** Trusted network, or the address of a configured device. */
  isTrusted(address: string): boolean;
  /** Whether a password may cross the wire without TLS: in trusted networks, and on the box itself. */
  mayAuthInClear(address: string): boolean;
  /** Refuses at once who could never send: outside the trusted networks while there is no login at all. */
  connection(address: string, hasLogins: boolean): ReplyCode | null;
  sender(peer: Peer, sender: string, declaredBytes: number): Decision;
  recipient(peer: Peer, recipient: string, already: number): ReplyCode | null;
  maxMessageBytes(peer: Peer): number;
  messagesPerHour(peer: Peer): number;
}

const NOT_ASCII = /[^\0-\x7f]/;

/** Builds the policy from settings; the result holds no state. */
export function createPolicy(settings: IntakeSettings, devices: readonly DeviceSettings[]): Policy {
  const isInTrustedNetwork = createNetworkList(settings.trustedNetworks);
  const byAddress = new Map(
    devices.flatMap((device) =>
      device.address === undefined ? [] : [[normaliseAddress(device.address), device] as const],
    ),
  );
  const isTrusted = (address: string) => isInTrustedNetwork(address) || byAddress.has(address);

  /** A login says more than an address: a device may have moved, or share one behind NAT. */
  function deviceOf(peer: Peer): DeviceSettings | null {
    if (peer.signedIn !== null && peer.signedIn !== 'test') return peer.signedIn;
    return byAddress.get(peer.address) ?? null;
  }

  function isKnown(peer: Peer): boolean {
    return peer.signedIn !== null || byAddress.has(peer.address);
  }

  /** Outside the trusted networks nobody gets past here without a login over TLS: no open relay. */
  function entrance(peer: Peer): ReplyCode | null {
    if (isTrusted(peer.address)) return null;
    if (peer.signedIn !== null && (peer.tls || isLoopback(peer.address))) return null;
    return peer.tls || isLoopback(peer.address) ? 'intake.sign-in-required' : 'intake.tls-required';
  }

  const maxMessageBytes = (peer: Peer) => deviceOf(peer)?.maxMessageBytes ?? settings.maxMessageBytes;

  function senderRefusal(peer: Peer, sender: string, declaredBytes: number): ReplyCode | null {
    const refused = entrance(peer);
    if (refused) return refused;
    if (!isKnown(peer) && settings.unknownDevices === 'reject') return 'intake.device-unknown';
    if (!isAscii(sender)) return 'intake.address-not-ascii';
    const senders = deviceOf(peer)?.senders ?? settings.senders;
    if (senders && !matchesMailRules(senders, sender)) return 'intake.sender-not-allowed';
    if (declaredBytes > maxMessageBytes(peer)) return 'intake.message-too-large';
    return null;
  }

  return {
    deviceAt: (address) => byAddress.get(address) ?? null,
    isTrusted,
    mayAuthInClear: (address) => isTrusted(address) || isLoopback(address),
    connection: (address, hasLogins) =>
      isTrusted(address) || hasLogins ? null : 'intake.network-not-trusted',
    sender(peer, sender, declaredBytes) {
      const code = senderRefusal(peer, sender, declaredBytes);
      if (code) return { kind: 'refuse', code };
      const isHeld = !isKnown(peer) && settings.unknownDevices === 'hold';
      return { kind: 'allow', held: isHeld ? HELD_UNKNOWN_DEVICE : null };
    },
    recipient(peer, recipient, already) {
      if (!recipient.includes('@')) return 'intake.recipient-incomplete';
      if (!isAscii(recipient)) return 'intake.address-not-ascii';
      const recipients = deviceOf(peer)?.recipients ?? settings.recipients;
      if (recipients && !matchesMailRules(recipients, recipient)) return 'intake.recipient-not-allowed';
      return already >= LIMITS.recipientsPerMessageMax ? 'intake.too-many-recipients' : null;
    },
    maxMessageBytes,
    messagesPerHour: (peer) => deviceOf(peer)?.messagesPerHour ?? settings.messagesPerHour,
  };
}

/**
 * The address with its domain in the form that every server takes: smtp-server turns `xn--` domains into
 * Unicode, and those may not go out without SMTPUTF8 (RFC 5891, RFC 6531). A full stop of another script becomes a dot
 * (RFC 3490 3.1), and at the end goes as the one of the root does.
 */
export function asciiAddress(address: string): string {
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1);
  if (at < 0 || isAscii(domain)) return address;
  return `${address.slice(0, at)}@${(domainToASCII(domain) || domain).replace(/\.$/, '')}`;
}

function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text);
}
