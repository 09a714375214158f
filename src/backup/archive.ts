/** The inside of a backup: a tar archive with a manifest first, written and read as a stream. */
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar-stream';
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';

const MANIFEST = 'manifest.json';
const MANIFEST_BYTES_MAX = 64 * 1024;

const manifestSchema = z.object({
  /** Of Scanferry. */
  version: z.string(),
  site: z.string().nullable(),
  /** Epoch milliseconds. */
  created: z.number(),
  /** Name of the config file in `config/`, and where its data folder was; null without a config. */
  config: z.object({ name: z.string(), dataDir: z.string() }).nullable(),
  /** Whether the mail that waited and its history are in it. */
  messages: z.boolean(),
});
export type Manifest = z.output<typeof manifestSchema>;

/** A file and the name it has in the archive, such as `data/box.key`. */
export interface ArchiveEntry {
  name: string;
  file: string;
}

/** The archive as bytes. Errors of the file system reject as they are. */
export async function* archive(
  manifest: Manifest,
  entries: readonly ArchiveEntry[],
): AsyncGenerator<Uint8Array, void, void> {
  const pack = tar.pack();
  const feeding = feed(pack, manifest, entries).catch((error: unknown) => {
    pack.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  // tar-stream's types leave open what a pack yields; it is bytes.
  yield* pack as AsyncIterable<Uint8Array>;
  await feeding;
}

async function feed(pack: tar.Pack, manifest: Manifest, entries: readonly ArchiveEntry[]): Promise<void> {
  pack.entry({ name: MANIFEST, mode: 0o600 }, JSON.stringify(manifest));
  for (const { name, file } of entries) {
    const handle = await open(file, 'r');
    try {
      // The size of the very file that is read: another may get its name meanwhile.
      const { size, mode } = await handle.stat();
      const entry = pack.entry({ name, size, mode: mode & 0o777 });
      const end = Math.max(0, size - 1);
      const content = size === 0 ? Readable.from([]) : handle.createReadStream({ end, autoClose: false });
      await pipeline(content, entry);
    } finally {
      await handle.close();
    }
  }
  pack.finalize();
}

/** Where the content of an entry goes; called once for each, in order. */
export type Place = (name: string, mode: number, content: AsyncIterable<Uint8Array>) => Promise<void>;

/**
 * Reads an archive to its end.
 * @param begin called with the manifest before the first entry.
 * @throws OperatorError for what is no archive of ours.
 */
export async function readArchive(
  bytes: AsyncIterable<Uint8Array>,
  begin: (manifest: Manifest) => Promise<void>,
  place: Place,
): Promise<Manifest> {
  const extract = tar.extract();
  const feeding = pipeline(Readable.from(bytes, { objectMode: false }), extract);
  // Whoever reads the entries below meets the same error; this one must not go unheard meanwhile.
  feeding.catch(() => {});
  let manifest: Manifest | null = null;
  for await (const entry of extract) {
    const { name, mode = 0o600, type, size = 0 } = entry.header;
    if (manifest === null) {
      if (name !== MANIFEST || size > MANIFEST_BYTES_MAX) throw new OperatorError(PROBLEMS.notABackup());
      manifest = manifestSchema.parse(JSON.parse((await buffer(entry)).toString('utf8')));
      await begin(manifest);
    } else if (type === 'file') await place(name, mode, entry as AsyncIterable<Uint8Array>);
    else throw new OperatorError(PROBLEMS.damaged());
  }
  await feeding;
  if (manifest === null) throw new OperatorError(PROBLEMS.notABackup());
  return manifest;
}
