/**
 * Attempts whose final dot may have left while nobody has recorded an answer, in a small file beside the database.
 *
 * A box that stops between the dot and the answer (a power cut, a killed process) sends the message again; by this file it
 * knows that the message may arrive twice (RFC 1047). A block or two of a file that keeps its size, and one flush shared by
 * all who wait, cost a fraction of a commit of the database. What is taken out reaches the disk with the next flush only:
 * what is found at a start may have been settled, which the attempts of its message tell.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { isMissing } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import { PRIVATE_MODE, syncFolderOf } from './files.ts';
import { CHILDREN_MAX } from './numbers.ts';
import type { FinalDot } from './types.ts';

/** A message has one attempt at a time, and so many are under way at once. */
const PLACES = LIMITS.deliveriesMax;
/** A note of one recipient takes half of it; it is also what the smallest disks write in one go. */
const PLACE_BYTES = 512;
/** Ends a note; what stands behind it is left from an earlier one. */
const END = '\0';

export interface FinalDots {
  /** What is noted, oldest first; to be called before anything is added, which would take the places of these. */
  read(): FinalDot[];
  /** Resolves when the note is on the disk, or can't be written: that is told, and no scan waits for it. */
  add(dot: FinalDot): Promise<void>;
  /** Reaches the disk with the next flush. Whether it was noted. */
  remove(messageId: MessageId): boolean;
  flush(): void;
  close(): void;
}

export interface FinalDotsDeps {
  /** Of the database. */
  file: string;
  /** The first of several failures in a row. */
  onFailure(error: unknown): void;
}

/** The file is made when it is first needed. */
export function createFinalDots({ file: database, onFailure }: FinalDotsDeps): FinalDots {
  const file = path.join(path.dirname(database), 'final-dots');
  const placeOf = new Map<MessageId, number>();
  const unwritten = new Map<number, string>();
  let handle: number | null = null;
  let waiting: (() => void)[] = [];
  let isFailing = false;

  function flush(): void {
    const told = waiting;
    waiting = [];
    if (unwritten.size > 0) write();
    for (const tell of told) tell();
  }

  /** What can't be written is tried again with the next flush, and with the file opened anew. */
  function write(): void {
    try {
      handle ??= openWhole(file);
      for (const [place, note] of unwritten) writeSync(handle, note, place * PLACE_BYTES);
      fdatasyncSync(handle);
      unwritten.clear();
      isFailing = false;
    } catch (error) {
      if (!isFailing) onFailure(error);
      isFailing = true;
      close();
    }
  }

  function close(): void {
    if (handle === null) return;
    const open = handle;
    handle = null;
    try {
      closeSync(open);
    } catch {
      // Where anything was lost by that, the write before it has failed and was told.
    }
  }

  function freePlace(): number {
    const taken = new Set(placeOf.values());
    for (let place = 0; place < PLACES; place++) if (!taken.has(place)) return place;
    throw new Error(`more than ${PLACES} deliveries are under way`);
  }

  return {
    read() {
      const content = contentOf(file);
      const dots: FinalDot[] = [];
      for (let place = 0; place < PLACES; place++) {
        const dot = decode(content.subarray(place * PLACE_BYTES, (place + 1) * PLACE_BYTES));
        if (dot === null) continue;
        placeOf.set(dot.messageId, place);
        dots.push(dot);
      }
      return dots.sort((a, b) => a.dotAt - b.dotAt);
    },
    add(dot) {
      const place = placeOf.get(dot.messageId) ?? freePlace();
      placeOf.set(dot.messageId, place);
      unwritten.set(place, encode(dot) + END);
      if (waiting.length === 0) setImmediate(flush);
      return new Promise((resolve) => waiting.push(resolve));
    },
    remove(messageId) {
      const place = placeOf.get(messageId);
      if (place === undefined) return false;
      placeOf.delete(messageId);
      unwritten.set(place, END);
      return true;
    },
    flush,
    close() {
      flush();
      close();
    },
  };
}

/** Blocks that are there already: to add to the file would make each flush write its size as well. */
function openWhole(file: string): number {
  const handle = openSync(file, 'a', PRIVATE_MODE);
  try {
    const missing = PLACES * PLACE_BYTES - fstatSync(handle).size;
    if (missing > 0) {
      writeSync(handle, Buffer.alloc(missing));
      fdatasyncSync(handle);
      syncFolderOf(file);
    }
  } finally {
    closeSync(handle);
  }
  return openSync(file, 'r+');
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  }
}

const noted = z.object({
  message: z.string(),
  route: z.string(),
  upstream: z
    .object({
      host: z.string(),
      address: z.string().nullable(),
      port: z.number(),
      tls: z.object({ protocol: z.string(), cipher: z.string() }).nullable(),
    })
    .nullable(),
  startedAt: z.number(),
  dotAt: z.number(),
  /** Recipients in runs of ids, each with its first and last: those of a message follow each other. */
  recipients: z.array(
    z.tuple([z.number(), z.number()]).refine(([first, last]) => first <= last && last - first < CHILDREN_MAX),
  ),
});
type Noted = z.infer<typeof noted>;

/** What has no room is told with less: without the server, and with all between the first recipient and the last. */
function encode({ messageId: message, routeId: route, recipientIds, ...rest }: FinalDot): string {
  const recipients = runsOf(recipientIds);
  const note: Noted = { message, route, ...rest, recipients };
  const text = JSON.stringify(note);
  if (Buffer.byteLength(text + END) <= PLACE_BYTES) return text;
  const [first = [0, 0]] = recipients;
  const last = recipients.at(-1) ?? first;
  return JSON.stringify({ ...note, upstream: null, recipients: [[first[0], last[1]]] });
}

function runsOf(ids: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === id - 1) run[1] = id;
    else runs.push([id, id]);
  }
  return runs;
}

/** Null where nothing stands, or what a power cut left of a note: then its dot has not left. */
function decode(bytes: Buffer): FinalDot | null {
  const end = bytes.indexOf(END);
  if (end <= 0) return null;
  const note = noted.safeParse(parse(bytes.toString('utf8', 0, end))).data;
  if (note === undefined) return null;
  const { message: messageId, route: routeId, upstream, startedAt, dotAt } = note;
  const recipientIds = note.recipients.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, place) => first + place),
  );
  return { messageId, routeId, upstream, recipientIds, startedAt, dotAt };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
