/** A running intake for a test: real sockets and TLS, a spool, a clock, and its own authority. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clock, createSystemClock } from '../../../src/core/clock.ts';
import { createSecret } from '../../../src/core/secret.ts';
import { openAuthority } from '../../../src/intake/authority.ts';
import { createIntake } from '../../../src/intake/intake.ts';
import { type DeviceSettings, deviceSettings, intakeSettings } from '../../../src/intake/settings.ts';
import type { DeviceKnowledge, Intake, ServerCertificate } from '../../../src/intake/types.ts';
import { builtInCatalogue } from '../../../src/profiles/catalogue.ts';
import type { Catalogue } from '../../../src/profiles/types.ts';
import type { SpoolSettings } from '../../../src/spool/settings.ts';
import { createQuietLog, type QuietLog } from '../../support/quiet-log.ts';
import { openTestSpool } from '../../support/spool.ts';
import { closeClients } from './client.ts';
import { type WatchedSpool, watchSpool } from './watched-spool.ts';

type Mode = 'none' | 'starttls' | 'implicit' | 'auto';

export interface BoxOptions {
  /** One listener each; the default floor is legacy. */
  listeners?: { tls: Mode; floor?: 'legacy' | 'modern' }[];
  settings?: Record<string, unknown>;
  devices?: Record<string, unknown>[];
  profiles?: Catalogue;
  knowledge?: DeviceKnowledge;
  clock?: Clock;
  /** The spool of an earlier box. */
  spool?: WatchedSpool;
  spoolSettings?: Partial<SpoolSettings>;
}

export interface Box {
  intake: Intake;
  spool: WatchedSpool;
  log: QuietLog;
  clock: Clock;
  /** Port of listener `index`. */
  port(index?: number): number;
  /** Codes of the refusals recorded so far. */
  refusals(): Promise<string[]>;
  stop(options?: { keepSpool?: boolean }): Promise<void>;
}

interface TestAuthority {
  certificate: ServerCertificate;
  rootPem: string;
}

let shared: Promise<TestAuthority> | null = null;

/** One authority for all tests of a file: making RSA keys takes a while. */
function testAuthority(): Promise<TestAuthority> {
  shared ??= makeAuthority();
  return shared;
}

/** The root that a device must trust to verify the box. */
export async function testAuthorityRoot(): Promise<string> {
  return (await testAuthority()).rootPem;
}

async function makeAuthority(): Promise<TestAuthority> {
  const directory = await mkdtemp(path.join(tmpdir(), 'scanferry-box-'));
  try {
    const authority = await openAuthority({
      ...{ directory, hostname: 'scanferry.local', addresses: ['127.0.0.1'] },
      ...{ clock: createSystemClock(0), log: createQuietLog() },
    });
    return { certificate: await authority.certificate(), rootPem: authority.rootPem };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A device entry; `password` may be a plain text. */
export function device(entry: Record<string, unknown>): DeviceSettings {
  const login = entry['login'] as { user: string; password: string } | undefined;
  return deviceSettings().parse(
    login ? { ...entry, login: { user: login.user, password: createSecret(login.password) } } : entry,
  );
}

export async function startBox(options: BoxOptions = {}): Promise<Box> {
  const log = createQuietLog();
  const clock = options.clock ?? createSystemClock(0);
  const watched =
    options.spool ??
    watchSpool(await openTestSpool({ clock: createSystemClock(0), settings: options.spoolSettings ?? {} }));
  const listeners = (options.listeners ?? [{ tls: 'none' }]).map((listener) => ({
    ...{ address: '127.0.0.1', port: 0, floor: 'legacy' },
    ...listener,
  }));
  const intake = createIntake({
    ...{ clock, log, spool: watched.spool, certificate: (await testAuthority()).certificate },
    settings: intakeSettings().parse({
      ...{ listeners, trustedNetworks: ['127.0.0.0/8'], unknownDevices: 'accept' },
      ...options.settings,
    }),
    devices: (options.devices ?? []).map(device),
    profiles: options.profiles ?? builtInCatalogue(),
    ...(options.knowledge === undefined ? {} : { knowledge: options.knowledge }),
  });
  const bound = await intake.start().catch(async (error: unknown) => {
    await watched.close();
    throw error;
  });
  return {
    ...{ intake, spool: watched, log, clock },
    port: (index = 0) => bound[index]?.port ?? 0,
    refusals: async () =>
      (await watched.events()).flatMap((event) =>
        event.type === 'session.refused' ? [event.data.code] : [],
      ),
    async stop({ keepSpool = false } = {}) {
      closeClients();
      await intake.stop();
      if (!keepSpool) await watched.close();
    },
  };
}

/** A whole plain dialogue up to the final reply. */
export const ENVELOPE = ['MAIL FROM:<scanner@contoso.com>', 'RCPT TO:<anna@contoso.com>'] as const;
