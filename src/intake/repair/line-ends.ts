/**
 * Line ends of a stream: whatever a device sends, what goes on has CRLF and nothing else, and no NUL.
 * A chunk that needs nothing passes as it came. Holds back two bytes at most.
 */
import { lookAtLines } from '../../core/line-ends.ts';
import type { Repair } from '../../core/repairs.ts';

export interface LineEnds {
  /** @param isSound whether somebody has looked at `chunk` and found it in order. */
  write(chunk: Buffer, isSound: boolean): Buffer;
  /** What was held back, with a line end where the last line has none. */
  end(): Buffer;
}

const EMPTY = Buffer.alloc(0);
/** CR CR LF is one line end: that is how a text mode doubles it, and a blank line there would cut the header. */
const LINE_END = /\r?\r?\n|\r/g;
/** May still become part of a CR CR LF. */
const OPEN_END = /\r{1,2}$/;
const CR = 0x0d;
const LF = 0x0a;

export function createLineEnds(note: (repair: Repair) => void): LineEnds {
  let held = '';
  let lastByte = LF;

  function pass(bytes: Buffer): Buffer {
    lastByte = bytes.at(-1) ?? lastByte;
    return bytes;
  }

  return {
    write(chunk, isSound) {
      if (isSound && held === '') return pass(chunk);
      const all = held === '' ? chunk : Buffer.concat([Buffer.from(held, 'latin1'), chunk]);
      // What a CR at the end means shows in the next chunk.
      const end = all.at(-1) === CR ? all.length - 1 : all.length;
      if (lookAtLines(all.subarray(0, end)).isSound) {
        held = all.toString('latin1', end);
        return pass(all.subarray(0, end));
      }
      let text = all.toString('latin1');
      if (text.includes('\0')) {
        note('nul');
        text = text.replaceAll('\0', '');
      }
      held = OPEN_END.exec(text)?.[0] ?? '';
      const whole = text.slice(0, text.length - held.length);
      const mended = whole.replace(LINE_END, '\r\n');
      if (mended !== whole) note('line-ends');
      return pass(Buffer.from(mended, 'latin1'));
    },
    end() {
      if (held !== '') {
        note('line-ends');
        return pass(Buffer.from(held.replace(LINE_END, '\r\n'), 'latin1'));
      }
      if (lastByte === LF) return EMPTY;
      note('last-line');
      return pass(Buffer.from('\r\n'));
    },
  };
}
