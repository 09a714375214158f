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
import { crc32 } from 'node:zlib';
import { isMissing } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import { PRIVATE_MODE, syncFolderOf } from './files.ts';
import type { FinalDot } from './types.ts';

/** A message has one attempt at a time, and so many are under way at once. */
const PLACES = LIMITS.deliveriesMax;
/** Room for 500 recipients and a long name; it is also what the smallest disks write in one go. */
const PLACE_BYTES = 512;
/** Ends a note; what stands behind it is left from an earlier one. */
const END = '\0';

export interface FinalDots {
  /** What earlier runs have noted; to be called once, before anything is added. What can't be read is told. */
  read(): FinalDot[];
  /** Resolves when the note is on the disk, or can't be written: that is told, and no scan waits for it. */
  add(dot: FinalDot): Promise<void>;
  /** Reaches the disk with the next flush. Whether it was noted. */
  remove(messageId: MessageId): boolean;
  /** Resolves when the disk has it, or can't be written; one flush is for all of this turn of the event loop. */
  flushed(): Promise<void>;
  close(): void;
}

export interface FinalDotsDeps {
  /** Of the database. */
  file: string;
  /** The first of failures in a row. */
  onFailure(error: unknown): void;
}

/** The file is made when it is first needed. */
export function createFinalDots({ file: database, onFailure }: FinalDotsDeps): FinalDots {
  const file = path.join(path.dirname(database), 'spool.final-dots');
  const placeOf = new Map<MessageId, number>();
  const unwritten = new Map<number, string>();
  let handle: number | null = null;
  let waiting: (() => void)[] = [];
  let isFailing = false;

  function flushed(): Promise<void> {
    if (waiting.length === 0) setImmediate(flush);
    return new Promise((resolve) => waiting.push(resolve));
  }

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
      tell(error);
      close();
    }
  }

  function tell(error: unknown): void {
    if (!isFailing) onFailure(error);
    isFailing = true;
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

  function freePlace(): number | null {
    const taken = new Set(placeOf.values());
    for (let place = 0; place < PLACES; place++) if (!taken.has(place)) return place;
    return null;
  }

  return {
    read() {
      const content = contentOf(file, tell);
      const dots: FinalDot[] = [];
      for (let place = 0; place < PLACES; place++) {
        const dot = decode(content.subarray(place * PLACE_BYTES, (place + 1) * PLACE_BYTES));
        if (dot === null) continue;
        placeOf.set(dot.messageId, place);
        dots.push(dot);
      }
      return dots;
    },
    async add(dot) {
      const place = placeOf.get(dot.messageId) ?? freePlace();
      const note = encode(dot);
      if (place === null || note === null) return tell(new Error('there is no room for a note'));
      placeOf.set(dot.messageId, place);
      unwritten.set(place, note);
      await flushed();
    },
    remove(messageId) {
      const place = placeOf.get(messageId);
      if (place === undefined) return false;
      placeOf.delete(messageId);
      unwritten.set(place, END);
      return true;
    },
    flushed,
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

function contentOf(file: string, tell: (error: unknown) => void): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (!isMissing(error)) tell(error);
    return Buffer.alloc(0);
  }
}

interface Noted extends Omit<FinalDot, 'recipientIds'> {
  /** The recipient with the lowest id, and a bit for each from there on, in base64: those of a message follow each other. */
  first: number;
  bits: string;
}

/** The server is left out where there is no room for it; null where there is none for the rest either. */
function encode({ recipientIds, ...rest }: FinalDot): string | null {
  const note: Noted = { ...rest, ...bitsOf(recipientIds) };
  return fitted(note) ?? fitted({ ...note, upstream: null });
}

function fitted(note: Noted): string | null {
  const text = sealed(JSON.stringify(note)) + END;
  return Buffer.byteLength(text) <= PLACE_BYTES ? text : null;
}

/** Null where nothing stands, or what a power cut left of a note: then its dot has not left. */
function decode(bytes: Buffer): FinalDot | null {
  const end = bytes.indexOf(END);
  if (end <= 0) return null;
  const text = bytes.toString('utf8', 0, end);
  const json = text.slice(text.indexOf(' ') + 1);
  if (text !== sealed(json)) return null;
  // Its sum says that it is whole, and only `encode` writes it.
  const { first, bits, ...rest } = JSON.parse(json) as Noted;
  return { ...rest, recipientIds: idsOf({ first, bits }) };
}

function sealed(json: string): string {
  return `${crc32(json)} ${json}`;
}

function bitsOf(ids: readonly number[]): Pick<Noted, 'first' | 'bits'> {
  const first = Math.min(...ids);
  const bytes = new Uint8Array(Math.floor((Math.max(...ids) - first) / 8) + 1);
  for (const id of ids)
    bytes[(id - first) >> 3] = (bytes[(id - first) >> 3] ?? 0) | (1 << ((id - first) & 7));
  return { first, bits: Buffer.from(bytes).toString('base64') };
}

function idsOf({ first, bits }: Pick<Noted, 'first' | 'bits'>): number[] {
  return [...Buffer.from(bits, 'base64')].flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => first + index * 8 + bit),
  );
}
