/**
 * Puts a backup back: everything is opened and checked in a folder beside its place first, and moved last.
 *
 * The box key is moved last of all. An agent refuses to start on a spool without its key, so a restore that was
 * interrupted is noticed and can be repeated.
 */
import {
  chownSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { chmod, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../config/files.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { type Manifest, readArchive } from './archive.ts';
import { opened } from './cipher.ts';
import { ASIDE_PREFIX, STAGING_PREFIX } from './contents.ts';
import { createMoves, type Moves } from './moves.ts';
import { PROBLEMS } from './problems.ts';

export interface RestoreRequest {
  /** The backup. */
  file: string;
  passphrase: string;
  /** Data folder to fill; null takes the one of the backup. */
  dataDir: string | null;
  /** Config file to write; null leaves the config out. */
  configFile: string | null;
  /** Rejects when an agent runs with this data folder. */
  assertNoAgent(dataDir: string): Promise<void>;
  /** Move aside what is in the way. */
  force: boolean;
  /** For the name of what is moved aside, epoch milliseconds. */
  now: number;
}

export interface RestoreReport {
  manifest: Manifest;
  dataDir: string;
  /** Files of the config that were written. */
  config: string[];
  /** Files outside of the config's folder that were there already and stayed as they are. */
  leftAlone: string[];
  /** Where what was in the way is now. */
  movedAside: string[];
}

const BOX_KEY = 'box.key';

/** Rejects with OperatorError; what was there before is as it was then, or the error says what is not. */
export async function restoreBackup(request: RestoreRequest): Promise<RestoreReport> {
  if (!existsSync(request.file)) {
    throw new OperatorError(PROBLEMS.unreadable(request.file, 'there is no such file'), { exitCode: 2 });
  }
  let staging: Staging | null = null;
  const bytes = opened(createReadStream(request.file), request.passphrase);
  try {
    const manifest = await readArchive(
      bytes,
      async (found) => {
        staging = await prepare(request, found);
      },
      async (name, mode, content) => stage(required(staging), name, mode, content),
    );
    const whole = required(staging);
    // To read it all takes minutes, in which a service manager may have started one.
    await request.assertNoAgent(whole.dataDir);
    return settle(request, manifest, whole);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const place = (staging as Staging | null)?.dataDir ?? request.file;
    throw new OperatorError(PROBLEMS.notRestored(place, describeError(error)), { cause: error });
  } finally {
    const made = staging as Staging | null;
    if (made !== null) await rm(made.folder, { recursive: true, force: true });
  }
}

interface Staging {
  dataDir: string;
  /** Inside the data folder, so that moving out of it is a rename on the same file system. */
  folder: string;
}

function required(staging: Staging | null): Staging {
  if (staging === null) throw new OperatorError(PROBLEMS.notABackup());
  return staging;
}

async function prepare(request: RestoreRequest, manifest: Manifest): Promise<Staging> {
  const { dataDir, configFile, force } = request;
  const target = dataDir ?? manifest.config?.dataDir;
  if (target === undefined) throw new OperatorError(PROBLEMS.noDataFolder(), { exitCode: 2 });
  await request.assertNoAgent(target);
  removeStaged(target);
  if (!force && namesIn(target).length > 0) {
    throw new OperatorError(PROBLEMS.inTheWay(`The data folder ${target}`), { exitCode: 2 });
  }
  if (!force && configFile !== null && manifest.config !== null && existsSync(configFile)) {
    throw new OperatorError(PROBLEMS.inTheWay(`The config ${configFile}`), { exitCode: 2 });
  }
  mkdirSync(target, { recursive: true, mode: 0o700 });
  return { dataDir: target, folder: mkdtempSync(path.join(target, STAGING_PREFIX)) };
}

/** What an interrupted restore has left: it holds secrets in clear, and nothing else knows of it. */
function removeStaged(dataDir: string): void {
  for (const name of namesIn(dataDir)) {
    if (name.startsWith(STAGING_PREFIX)) rmSync(path.join(dataDir, name), { recursive: true, force: true });
  }
}

/** Names come out of an authenticated file, and are not believed all the same. */
const NAME = /^(?:data|config|files)\/(?!.*(?:^|\/)\.\.(?:\/|$)).+$/;

async function stage(
  { folder }: Staging,
  name: string,
  mode: number,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (!NAME.test(name)) throw new OperatorError(PROBLEMS.damaged());
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'wx', 0o600);
  try {
    for await (const chunk of content) await handle.writeFile(chunk);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(file, mode & 0o777);
}

/** Only after everything has been opened and checked. */
function settle(request: RestoreRequest, manifest: Manifest, staging: Staging): RestoreReport {
  const moves = createMoves();
  const aside = { stamp: new Date(request.now).toISOString().replace(/[:.]/g, '-'), moved: [] as string[] };
  try {
    return moveIn(request, manifest, { ...staging, aside, moves });
  } catch (error) {
    const left = moves.undo();
    if (left.length === 0) throw error;
    const problem = PROBLEMS.halfRestored(staging.dataDir, describeError(error), left.join('; '));
    throw new OperatorError(problem, { cause: error });
  }
}

interface Settling extends Staging {
  moves: Moves;
  /** Part of the names of what is moved aside, and what was. */
  aside: { stamp: string; moved: string[] };
}

function moveIn(request: RestoreRequest, manifest: Manifest, settling: Settling): RestoreReport {
  const { dataDir, folder, moves, aside } = settling;
  const restored = path.join(folder, 'data');
  for (const place of foldersIn(restored)) syncFolder(place);
  const names = namesIn(restored);
  const place = (name: string) => {
    if (names.includes(name)) moves.rename(path.join(restored, name), path.join(dataDir, name));
  };
  const moveAside = asideIn(settling);
  moveAside(BOX_KEY);
  // One after the other: without the key, and without all that it opens, an agent would begin as a new box.
  for (const name of new Set([...namesIn(dataDir).filter(isInTheWay), ...names].filter(isNotKey))) {
    moveAside(name);
    place(name);
  }
  const { configFile } = request;
  const config = configFile === null ? [] : placeConfig(configFile, manifest, settling);
  const leftAlone = placeFiles(path.join(folder, 'files'), moves);
  // A power cut must not leave the key and not the rest.
  syncFolder(dataDir);
  place(BOX_KEY);
  giveToOwner(dataDir, names);
  syncFolder(dataDir);
  return { manifest, dataDir, config, leftAlone, movedAside: aside.moved };
}

const isNotKey = (name: string) => name !== BOX_KEY;
const isInTheWay = (name: string) => !name.startsWith(STAGING_PREFIX) && !name.startsWith(ASIDE_PREFIX);

/** What moves a name of the data folder aside, where it is there. */
function asideIn({ dataDir, moves, aside }: Settling): (name: string) => void {
  const place = path.join(dataDir, `${ASIDE_PREFIX}${aside.stamp}`);
  return (name) => {
    if (!existsSync(path.join(dataDir, name))) return;
    if (!aside.moved.includes(place)) {
      moves.makeFolder(place);
      aside.moved.push(place);
    }
    moves.rename(path.join(dataDir, name), path.join(place, name));
  };
}

function placeConfig(configFile: string, manifest: Manifest, { folder, moves, aside }: Settling): string[] {
  const root = path.join(folder, 'config');
  return filesIn(root).map((name) => {
    const isConfig = name === manifest.config?.name;
    const target = isConfig ? configFile : path.join(path.dirname(configFile), name);
    if (existsSync(target)) {
      const place = `${target}.${ASIDE_PREFIX}${aside.stamp}`;
      moves.rename(target, place);
      aside.moved.push(place);
    }
    moves.copy(path.join(root, name), target);
    return target;
  });
}

/** Files that the config names elsewhere go back to where they were, unless something is there. */
function placeFiles(root: string, moves: Moves): string[] {
  const leftAlone: string[] = [];
  for (const name of filesIn(root)) {
    const target = path.join('/', name);
    if (existsSync(target)) leftAlone.push(target);
    else moves.copy(path.join(root, name), target);
  }
  return leftAlone;
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Paths of all files below, relative to it. */
function filesIn(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

/** The folder itself, and those below. */
function foldersIn(root: string): string[] {
  if (!existsSync(root)) return [];
  const below = readdirSync(root, { recursive: true, withFileTypes: true });
  return [
    root,
    ...below.filter((entry) => entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name)),
  ];
}

/** Restored by root, read by the user of the agent: whoever owns the data folder. */
function giveToOwner(dataDir: string, names: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dataDir);
  const give = (file: string): void => {
    chownSync(file, uid, gid);
    if (statSync(file).isDirectory()) for (const name of readdirSync(file)) give(path.join(file, name));
  };
  for (const name of names) give(path.join(dataDir, name));
}
