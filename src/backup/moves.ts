/** Files that are moved and written one after the other, and put back as they were when one of them fails. */
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { writeFileDurably } from '../config/files.ts';
import { describeError } from '../core/log.ts';

export interface Moves {
  makeFolder(folder: string): void;
  /** Within one file system. */
  rename(from: string, to: string): void;
  /** Across file systems, for small files; `to` must not be there. */
  copy(from: string, to: string): void;
  /** Puts back all it can, the latest first; returns why what could not be. */
  undo(): string[];
}

export function createMoves(): Moves {
  const undos: (() => void)[] = [];
  return {
    makeFolder(folder) {
      mkdirSync(folder, { mode: 0o700 });
      undos.push(() => rmdirSync(folder));
    },
    rename(from, to) {
      renameSync(from, to);
      undos.push(() => renameSync(to, from));
    },
    copy(from, to) {
      writeFileDurably(to, readFileSync(from), statSync(from).mode & 0o777);
      undos.push(() => rmSync(to));
    },
    undo() {
      return undos
        .splice(0)
        .reverse()
        .flatMap((undo) => {
          try {
            undo();
            return [];
          } catch (error) {
            return [describeError(error)];
          }
        });
    },
  };
}
