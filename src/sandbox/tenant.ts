/** The simulated tenant: its mailboxes, apps, policies and switches, all changeable while it runs. */
import { randomBytes } from 'node:crypto';
import { domainOf } from '../core/message.ts';
import { type CertificateKind, type FaultSwitches, noFaults } from './faults.ts';
import { createReplyScript, type ReplyScript } from './reply-script.ts';
import type { TokenService } from './tokens.ts';

export interface Mailbox {
  address: string;
  password: string;
  /** Sign-in fails for this mailbox until unlocked. */
  locked: boolean;
  /** Sent Items full: messages are refused at the end of DATA. */
  full: boolean;
  /** Further addresses or domains it may send as. */
  sendAs: string[];
  /** Persons whose own sign-in may use it (a shared mailbox). */
  delegates: string[];
  /** Largest message it may send; 35 MB by default (docs/sources.md, limits). */
  sendBytesMax: number;
}

/** An app registration. */
export interface App {
  secrets: { value: string; expiresAt: number | null }[];
  /** PEM certificates whose keys may sign an assertion. */
  certificates: string[];
  /** Whether SMTP.SendAsApp was granted. */
  canSendAsApp: boolean;
  /** Mailboxes it has permission for. */
  mailboxes: string[];
}

/** An inbound connector: known by caller address or by the name in a client certificate. */
export interface InboundConnector {
  addresses: string[];
  certificateName: string | null;
  /** PEM certificates of the authorities a client certificate must chain to. */
  authorities: string[];
}

/** A policy that refuses sign-in with the shared code 535 5.7.139. */
export type SignInPolicy = 'basic' | 'criteria' | 'federated';

export interface TenantState extends Pick<ReplyScript, 'replyTo' | 'raise' | 'clearReplies'> {
  /** What the tenant goes by in sign-in addresses. */
  ids: string[];
  /** Accepted domains, lower case. */
  domains: Set<string>;
  /** Addresses in accepted domains that don't exist; every other one does. */
  missingRecipients: Set<string>;
  /** By lower-case address. */
  mailboxes: Map<string, Mailbox>;
  /** By client id. */
  apps: Map<string, App>;
  smtpAuthDisabled: 'tenant' | 'mailbox' | null;
  securityDefaults: boolean;
  basicAuthRemoved: boolean;
  signInPolicy: SignInPolicy | null;
  rejectDirectSend: boolean;
  connector: InboundConnector | null;
  /** Whether rates, connections and daily recipients of a mailbox are enforced. */
  enforceLimits: boolean;
  limits: {
    messagesPerMinute: number;
    connections: number;
    recipientsPerDay: number;
    recipientsPerMessage: number;
    envelopeAtMx: number;
  };
  /** Largest message the tenant's mailboxes receive; 36 MB by default (docs/sources.md, limits). */
  receiveBytesMax: number;
  /** Conditional access blocks sign-in by device code. */
  deviceCodeBlocked: boolean;
  /** Seconds a client is told to wait between two polls. */
  deviceCodeIntervalS: number;
  /** The sign-in service answers 503. */
  authorityDown: boolean;
  authorityCertificate: CertificateKind;
  faults: FaultSwitches;
  /** Ends every token issued so far. */
  revokeTokens(): void;
  tokensIssued(): number;
  /** Signs `mailbox` in with the code a device shows; false for an unknown code. */
  approveDeviceCode(userCode: string, mailbox: string): boolean;
  declineDeviceCode(userCode: string): boolean;
}

/** Codes that wait for a person. */
export type PendingCodes = Map<
  string,
  { clientId: string; scope: string; userCode: string; expiresAt: number; answer: string | 'declined' | null }
>;

const MIB = 1024 * 1024;
export const DEFAULT_DOMAIN = 'contoso.com';
export const DEFAULT_MAILBOX = 'scanner@contoso.com';
export const DEFAULT_CLIENT_ID = '6f0d3c52-8a41-4b7e-9d15-2c7be0a4f913';
const TENANT_IDS = ['contoso.onmicrosoft.com', 'a1f7c9e4-35d2-4c86-b0f1-7e92d64b8a05', DEFAULT_DOMAIN];

/** Makes a mailbox with a random password. */
export function createMailbox(address: string): Mailbox {
  return {
    address,
    password: randomBytes(12).toString('base64url'),
    locked: false,
    full: false,
    sendAs: [],
    delegates: [],
    sendBytesMax: 35 * MIB,
  };
}

/** The tenant as it stands at the start: one mailbox, one app, direct send on, no connector. */
export function createTenant(deps: { tokens: TokenService; codes: PendingCodes }): {
  tenant: TenantState;
  script: ReplyScript;
} {
  const script = createReplyScript();
  const { tokens, codes } = deps;
  const answerCode = (userCode: string, answer: string) => {
    const pending = [...codes.values()].find((code) => code.userCode === userCode);
    if (pending) pending.answer = answer;
    return pending !== undefined;
  };
  const tenant: TenantState = {
    ids: [...TENANT_IDS],
    domains: new Set([DEFAULT_DOMAIN]),
    missingRecipients: new Set([`nobody@${DEFAULT_DOMAIN}`]),
    mailboxes: new Map([[DEFAULT_MAILBOX, createMailbox(DEFAULT_MAILBOX)]]),
    apps: new Map([[DEFAULT_CLIENT_ID, createApp()]]),
    smtpAuthDisabled: null,
    securityDefaults: false,
    basicAuthRemoved: false,
    signInPolicy: null,
    rejectDirectSend: false,
    connector: null,
    enforceLimits: false,
    limits: {
      messagesPerMinute: 30,
      connections: 3,
      recipientsPerDay: 10_000,
      recipientsPerMessage: 500,
      envelopeAtMx: 200,
    },
    receiveBytesMax: 36 * MIB,
    deviceCodeBlocked: false,
    deviceCodeIntervalS: 5,
    authorityDown: false,
    authorityCertificate: 'valid',
    faults: { submission: noFaults(), mx: noFaults() },
    replyTo: script.replyTo,
    raise: script.raise,
    clearReplies: script.clearReplies,
    revokeTokens: () => tokens.revokeAll(),
    tokensIssued: () => tokens.issued(),
    approveDeviceCode: (userCode, mailbox) => answerCode(userCode, mailbox),
    declineDeviceCode: (userCode) => answerCode(userCode, 'declined'),
  };
  return { tenant, script };
}

function createApp(): App {
  return {
    secrets: [{ value: randomBytes(24).toString('base64url'), expiresAt: null }],
    certificates: [],
    canSendAsApp: true,
    mailboxes: [DEFAULT_MAILBOX],
  };
}

/** Whether `list` names the address itself or its domain. */
export function listed(list: string[], address: string): boolean {
  const wanted = address.toLowerCase();
  return list.some((one) => one.toLowerCase() === wanted || one.toLowerCase() === domainOf(wanted));
}
