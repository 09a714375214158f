/** What a setup sheet says, before it is text or a page. */
import type { DeviceProfile } from '../profiles/types.ts';

/** A port of the box where devices send. */
export interface SheetListener {
  port: number;
  tls: 'none' | 'starttls' | 'implicit' | 'auto';
  floor: 'legacy' | 'modern';
}

/** What the sheet needs to know of this box. */
export interface SheetBox {
  siteName: string;
  hostname: string;
  /** IP addresses a device may reach it by, the best first. */
  addresses: readonly string[];
  listeners: readonly SheetListener[];
  /** Address of the box page, such as `https://scanferry.local`; null where it is off. */
  pageUrl: string | null;
  maxMessageBytes: number;
  /** A domain of the organisation, for examples. */
  domain: string | null;
  /** How the box sends on, a phrase for each way. */
  routes: readonly string[];
}

/** The device the sheet is for; for a mere profile most is null. */
export interface SheetDevice {
  /** Null for a sheet of a profile. */
  id: string | null;
  name: string;
  profile: DeviceProfile | null;
  firmware: string | null;
  address: string | null;
  /** Whether the password fits is always said; `isShown` prints it as well. */
  login: { user: string; password: string; isShown: boolean } | null;
  from: string | null;
  maxMessageBytes: number | null;
}

export interface SheetValue {
  label: string;
  value: string;
  note: string | null;
}

export interface SheetStep {
  /** Menu path, each item as it is labelled. */
  path: readonly string[];
  label: string | null;
  set: string;
  limit: string | null;
}

export interface SheetWay {
  title: string;
  /** How sure it is and where it comes from. */
  evidence: string;
  steps: readonly SheetStep[];
  note: string | null;
}

/** One leg of the way a scan takes. */
export interface SheetLeg {
  from: string;
  to: string;
  /** Such as `TLS 1.0 or newer, STARTTLS`. */
  encryption: string;
  isEncrypted: boolean;
}

export interface Sheet {
  title: string;
  device: string;
  site: string;
  /** What is known of such a device, one sentence. */
  knowledge: string;
  /** What to enter, whatever the fields are called. */
  values: readonly SheetValue[];
  /** Where to enter it, as far as a source shows it. */
  ways: readonly SheetWay[];
  legs: readonly [SheetLeg, SheetLeg];
  /** What does not fit, or needs care; the box can't solve it alone. */
  warnings: readonly string[];
  certificate: string;
  test: readonly string[];
  errors: readonly { code: string; meaning: string; advice: string | null }[];
  /** Page of this sheet on the box; null where there is none. */
  url: string | null;
}
