/** What a profile's file says of a device, what was measured, and what the box does, side by side in words. Pure. */
import { tlsVersionInWords } from '../core/tls-version.ts';
import { suiteNames } from '../intake/cipher-suites.ts';
import type { KnownDevice, Treatment } from '../intake/treatment.ts';
import { treatmentOf } from '../intake/treatment.ts';
import { tlsFor } from '../profiles/firmware.ts';
import type { OverlayRow } from './types.ts';

/** Rows in the order in which a person asks. */
export function overlayOf(known: KnownDevice): OverlayRow[] {
  const applied = treatmentOf(known);
  // What the file alone would do shows where the measurement has the last word.
  const byFile = treatmentOf({ ...known, measured: null });
  return [
    startRow(known, applied, byFile),
    versionsRow(known, applied, byFile),
    suitesRow(known),
    greetingRow(known),
    signInRow(known, applied, byFile),
    offersRow(known, applied, byFile),
    waitRow('wait for a command', known, { applied, byFile, key: 'commandIdleMaxMs' }),
    waitRow('wait inside a message', known, { applied, byFile, key: 'dataIdleMaxMs' }),
    sizesRow(known),
    recipientsRow(known, applied),
    goodbyeRow(known),
    repairsRow(known),
  ];
}

const STARTS = { plain: 'plain text', starttls: 'STARTTLS', implicit: 'TLS at once' } as const;
const BANNER = {
  none: 'banner at once',
  usual: 'banner after a moment',
  long: 'banner waits for its hello',
} as const;

function startRow(
  { profile, firmware, measured }: KnownDevice,
  applied: Treatment,
  byFile: Treatment,
): OverlayRow {
  const mode = profile === null ? undefined : tlsFor(profile, firmware).mode;
  return {
    what: 'start of TLS',
    file: mode === undefined ? null : STARTS[mode],
    measured: measured === null ? null : `${STARTS[measured.start]}, ${times(measured.startInRow)} in a row`,
    applied: BANNER[applied.bannerWait],
    isOverridden: applied.bannerWait !== byFile.bannerWait,
  };
}

function versionsRow(
  { profile, firmware, measured }: KnownDevice,
  applied: Treatment,
  byFile: Treatment,
): OverlayRow {
  const { protocols, floor } = profile === null ? {} : tlsFor(profile, firmware);
  const { hello = null, tls = null } = measured ?? {};
  const format = hello?.format === 'v2' ? ', in the format of SSL 2.0' : '';
  const said = [...(protocols ?? []), ...(floor === 'modern' ? ['1.2 at least'] : [])];
  return {
    what: 'TLS versions',
    file: said.length === 0 ? null : said.join(', '),
    measured:
      hello === null
        ? null
        : `offers ${hello.versions.map(tlsVersionInWords).join(', ') || 'none that is known'}${format}${tls === null ? '' : `; spoke ${tlsVersionInWords(tls.protocol)}`}`,
    applied: applied.isModern ? 'TLS 1.2 and up' : 'as the listener and its network allow',
    isOverridden: applied.isModern !== byFile.isModern,
  };
}

function suitesRow({ profile, firmware, measured }: KnownDevice): OverlayRow {
  const { ciphersNeeded } = profile === null ? {} : tlsFor(profile, firmware);
  const { hello = null, tls = null } = measured ?? {};
  return {
    what: 'cipher suites',
    file: ciphersNeeded === undefined ? null : `needs ${ciphersNeeded.join(', ')}`,
    measured:
      hello === null
        ? null
        : `offers ${suiteNames(hello.suites)}${tls === null ? '' : `; took ${tls.cipher}`}`,
    applied: 'the best that both have',
    isOverridden: false,
  };
}

function greetingRow({ profile, measured }: KnownDevice): OverlayRow {
  const { verb, prefix } = profile?.smtp?.helo ?? {};
  const file = [verb, prefix === undefined ? undefined : `${prefix}…`].filter((part) => part !== undefined);
  const greeting = measured?.greeting ?? null;
  return {
    what: 'greeting',
    file: file.length === 0 ? null : file.join(' '),
    measured: greeting === null ? null : `${greeting.verb} ${greeting.name ?? '(no name)'}`,
    applied: 'any',
    isOverridden: false,
  };
}

function signInRow({ profile, measured }: KnownDevice, applied: Treatment, byFile: Treatment): OverlayRow {
  const { advertise, auth } = profile?.smtp ?? {};
  const file = advertise?.auth ?? auth?.mechanisms;
  return {
    what: 'sign-in',
    file: file === undefined ? null : file.join(' ') || 'none',
    measured: measured?.mechanism ?? (measured === null ? null : 'has not signed in'),
    applied: `${applied.offers.mechanisms.join(' ')} where it has a login`,
    isOverridden: applied.offers.mechanisms.length !== byFile.offers.mechanisms.length,
  };
}

const OFFERS = {
  starttls: 'STARTTLS',
  size: 'SIZE',
  pipelining: 'PIPELINING',
  eightBitMime: '8BITMIME',
} as const;

function offersRow({ profile }: KnownDevice, applied: Treatment, byFile: Treatment): OverlayRow {
  const hidden = (offers: Partial<Record<keyof typeof OFFERS, boolean | undefined>>) =>
    Object.entries(OFFERS).flatMap(([key, word]) =>
      offers[key as keyof typeof OFFERS] === false ? [word] : [],
    );
  const file = hidden(profile?.smtp?.advertise ?? {});
  return {
    what: 'hidden in EHLO',
    file: file.length === 0 ? null : file.join(' '),
    measured: null,
    applied: hidden(applied.offers).join(' ') || 'nothing',
    isOverridden: applied.offers.starttls !== byFile.offers.starttls,
  };
}

interface WaitChoice {
  applied: Treatment;
  byFile: Treatment;
  key: 'commandIdleMaxMs' | 'dataIdleMaxMs';
}

function waitRow(
  what: string,
  { profile, measured }: KnownDevice,
  { applied, byFile, key }: WaitChoice,
): OverlayRow {
  const session = profile?.smtp?.session;
  const file = key === 'commandIdleMaxMs' ? session?.commandIdleMaxS : session?.dataIdleMaxS;
  const gapMs = key === 'commandIdleMaxMs' ? measured?.commandGapMaxMs : measured?.dataGapMaxMs;
  return {
    what,
    file: file === undefined ? null : `${file} s`,
    measured: gapMs === undefined ? null : `${(gapMs / 1000).toFixed(1)} s at most`,
    applied: `${applied[key] / 1000} s`,
    isOverridden: applied[key] !== byFile[key],
  };
}

function sizesRow({ profile, measured }: KnownDevice): OverlayRow {
  const max = profile?.limits?.attachMaxKiB ?? profile?.smtp?.split?.maxKiB;
  return {
    what: 'message size',
    file: max === undefined ? null : `up to ${max} KiB`,
    measured:
      measured === null || measured.messages === 0
        ? null
        : `${kib(measured.bytesUsual)} usually, ${kib(measured.bytesMax)} at most`,
    applied: 'its limit in the config',
    isOverridden: false,
  };
}

function recipientsRow({ profile, measured }: KnownDevice, { joins }: Treatment): OverlayRow {
  const { oneRecipientEach } = profile?.smtp?.session ?? {};
  const split = profile?.smtp?.split?.kind;
  const file = [
    ...(oneRecipientEach === true ? ['one recipient each'] : []),
    ...(split === undefined || split === 'none' ? [] : [`splits jobs (${split})`]),
  ];
  return {
    what: 'messages',
    file: file.length === 0 ? null : file.join(', '),
    measured:
      measured === null ? null : `${measured.messages}; most recipients of one: ${measured.recipientsMax}`,
    applied: joins ? 'message/partial parts are joined' : 'each by itself',
    isOverridden: false,
  };
}

function goodbyeRow({ profile, measured }: KnownDevice): OverlayRow {
  const { noQuit } = profile?.smtp?.session ?? {};
  const quits = measured?.quits ?? null;
  return {
    what: 'goodbye',
    file: noQuit === undefined ? null : noQuit ? 'no QUIT' : 'QUIT',
    measured: quits === null ? null : quits ? 'QUIT' : 'no QUIT',
    applied: 'either',
    isOverridden: false,
  };
}

function repairsRow({ profile, measured }: KnownDevice): OverlayRow {
  const file = [...(profile?.repair?.missingFields ?? []), ...(profile?.smtp?.quirks ?? [])];
  const found = [...(measured?.repairs ?? []), ...(measured?.quirks ?? [])];
  return {
    what: 'repairs and habits',
    file: file.length === 0 ? null : file.join(', '),
    measured: measured === null ? null : found.join(', ') || 'none needed',
    applied: 'mended on the way in',
    isOverridden: false,
  };
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function kib(bytes: number): string {
  return `${Math.max(1, Math.round(bytes / 1024))} KiB`;
}
