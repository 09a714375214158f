/**
 * The catalogue of this agent: the built-in profiles, and over them those of the signed pack in the data folder. A pack
 * is verified and checked before it is stored, and verified again at each start; then its profiles are in use at once.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PRIVATE_MODE, removeDurably, writeFileDurably } from '../config/files.ts';
import type { Config } from '../config/schema.ts';
import type { ProfilesReport, ProfilesRequest } from '../control/deps.ts';
import { OperatorError } from '../core/errors.ts';
import type { NewEvent } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { rawProfiles } from '../profiles/catalogue.generated.ts';
import { checkProfiles } from '../profiles/check.ts';
import { readCatalogue } from '../profiles/load-catalogue.ts';
import { openPack, type Pack, readPack } from '../profiles/pack.ts';
import { PROBLEMS } from '../profiles/pack-problems.ts';
import type { Catalogue, DeviceProfile } from '../profiles/types.ts';
import { BUILT } from '../program/version.ts';

export interface ProfilePacksDeps {
  log: Log;
  dataDir: string;
  builtIn: Catalogue;
  config(): Config;
  record(event: NewEvent): Promise<unknown>;
}

/** As it is handed to the rooms that name devices by it. */
export interface CatalogueInUse {
  profiles: Catalogue;
  /** Counts changes of it. */
  profileChanges(): number;
}

export interface ProfilePacks {
  /** Always the profiles in use. */
  readonly catalogue: Catalogue;
  /** Counts changes of it. */
  changes(): number;
  /** Takes over the pack of the data folder; one that can't be used is left out, and told. */
  load(): Promise<void>;
  /** Takes a new pack, or the built-in profiles again. Rejects with OperatorError; nothing has changed then. */
  update(request: ProfilesRequest): Promise<ProfilesReport>;
}

/** Faults of a pack that are told; whoever made it can see all. */
const FAULTS_SHOWN = 10;
/** A pack that is older than the program has nothing that the program has not. */
const BUILT_AT_MS = BUILT === null ? 0 : Date.parse(BUILT);

export function createProfilePacks(deps: ProfilePacksDeps): ProfilePacks {
  const { log, dataDir, builtIn } = deps;
  const file = packFile(dataDir);
  const catalogue = new Map<string, DeviceProfile>(builtIn);
  let issued: number | null = null;
  let changes = 0;

  function use(profiles: Catalogue, of: Pack | null): void {
    catalogue.clear();
    for (const [id, profile] of profiles) catalogue.set(id, profile);
    issued = of?.issued ?? null;
    changes += 1;
  }

  async function open(token: string): Promise<Pack> {
    const pack = await openPack(token, keysOf(deps.config()));
    const newest = Math.max(issued === null ? 0 : issued * 1000, BUILT_AT_MS);
    if (pack.issued * 1000 < newest)
      throw new OperatorError(PROBLEMS.older(dayAndTime(pack.issued * 1000), dayAndTime(newest)));
    return pack;
  }

  async function install(token: string, by: string): Promise<ProfilesReport> {
    const pack = await open(token);
    const faults = checkProfiles(pack.files, rawProfiles).map((fault) => `${fault.path}: ${fault.message}`);
    if (faults.length > 0) throw new OperatorError(PROBLEMS.faulty(faults.slice(0, FAULTS_SHOWN).join('; ')));
    const profiles = withPack(pack);
    assertKept(profiles);
    store(token);
    use(profiles, pack);
    return told(pack.files.length, by);
  }

  /** A config with a profile that nobody knows is refused, also at the next start. */
  function assertKept(profiles: Catalogue): void {
    const lost = deps.config().devices.flatMap(({ id, profile }) => {
      return profile === undefined || profiles.has(profile) ? [] : [`${id}: ${profile}`];
    });
    if (lost.length > 0) throw new OperatorError(PROBLEMS.inUse(lost.slice(0, FAULTS_SHOWN).join(', ')));
  }

  /** @param token null for none. */
  function store(token: string | null): void {
    try {
      if (token === null) removeDurably(file);
      else writeFileDurably(file, token, PRIVATE_MODE);
    } catch (cause) {
      throw new OperatorError(PROBLEMS.notStored(describeError(cause)), { cause });
    }
  }

  async function told(profiles: number, by: string): Promise<ProfilesReport> {
    log.info('profiles.updated', { by, profiles, issued });
    await deps.record({ type: 'profiles.updated', data: { by, profiles, issued } });
    return { profiles, issued, known: catalogue.size };
  }

  return {
    catalogue,
    changes: () => changes,
    async load() {
      const token = storedPack(dataDir);
      if (token === null) return;
      try {
        const pack = await open(token);
        use(withPack(pack), pack);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        const { code, cause } = error.explanation;
        log.warn('profiles.ignored', { code, cause });
        await deps.record({ type: 'profiles.ignored', data: { code, cause } });
      }
    },
    async update({ pack, by }) {
      if (pack !== null) return install(pack, by);
      assertKept(builtIn);
      store(null);
      use(builtIn, null);
      return told(0, by);
    },
  };
}

/** The catalogue of a data folder, for the command line beside the agent; a pack that can't be read is left out. */
export function catalogueOf(dataDir: string, builtIn: Catalogue): Catalogue {
  const token = storedPack(dataDir);
  if (token === null) return builtIn;
  try {
    return withPack(readPack(token));
  } catch (error) {
    // The agent says why at each start.
    if (error instanceof OperatorError) return builtIn;
    throw error;
  }
}

/** Throws OperatorError where the pack does not go together with the built-in profiles of this version. */
function withPack({ files }: Pack): Catalogue {
  const own = files.map(({ path: name, text }) => ({ path: name, json: parse(text) }));
  const names = new Set(own.map(({ path: name }) => name));
  const { catalogue, faults } = readCatalogue([...rawProfiles.filter((raw) => !names.has(raw.path)), ...own]);
  const [first] = faults;
  if (first !== undefined) throw new OperatorError(PROBLEMS.faulty(`${first.path}: ${first.message}`));
  return catalogue;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No profile has this shape, which is then said with its path.
    return null;
  }
}

function keysOf({ mqtt }: Config): Map<string, KeyObject> {
  const keys = (mqtt?.commandKeys ?? []).filter(({ verbs }) => verbs.includes('update-profiles'));
  return new Map(keys.map(({ id, publicKey }) => [id, createPublicKey(publicKey.text)]));
}

function packFile(dataDir: string): string {
  return path.join(dataDir, 'profiles.pack');
}

function storedPack(dataDir: string): string | null {
  try {
    const text = readFileSync(packFile(dataDir), 'utf8');
    return text.length <= LIMITS.profilePackBytesMax ? text : null;
  } catch {
    // There is none, or this user may not read it.
    return null;
  }
}

function dayAndTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
