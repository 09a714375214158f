/** The live table: drawn again in place as the fleet changes, left with q. */
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import { type Alert, formatAlert } from './alerts.ts';
import type { Fleet, Look } from './fleet.ts';
import { formatCount, formatTime } from './format.ts';
import { countLine, cut, SENTENCE_INDENT, siteTable, troubleLine } from './table.ts';
import type { SiteRow } from './types.ts';

/** What the screen needs of a terminal: the process's own, or one of a test. */
export interface Terminal {
  columns(): number;
  rows(): number;
  hasColour: boolean;
  write(text: string): void;
  /** Calls back with each key; returns what ends that and gives the terminal back. */
  onKey(listener: (key: string) => void): () => void;
  onResize(listener: () => void): () => void;
}

export interface ScreenDeps {
  clock: Clock;
  terminal: Terminal;
  fleet: Pick<Fleet, 'onLook' | 'registry'>;
  trouble(): Explanation | null;
  /** Name of the broker, for the first line. */
  broker: string;
}

export interface Screen {
  /** Draws until somebody leaves; resolves then. */
  run(): Promise<void>;
  /** Gives the terminal back. */
  stop(): void;
}

const ESC = '\u001b[';
/** The other screen, so that what stood there comes back; no cursor, no wrapping of a line that is too long. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
const HOME = `${ESC}H`;
const CLEAR_LINE = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;
const ALERTS_SHOWN = 3;
/** First line, empty line, head of the table, and the line of the keys. */
const FRAME_LINES = 4;

export function createScreen({ clock, terminal, fleet, trouble, broker }: ScreenDeps): Screen {
  const left = Promise.withResolvers<void>();
  let rows: readonly SiteRow[] = fleet.registry.rows();
  let alerts: Alert[] = [];
  let offset = 0;
  /** Sites that were drawn; on a narrow terminal one with a sentence takes two lines. */
  let shown = 0;
  let endings: (() => void)[] = [];

  function room(): number {
    const below = alerts.length === 0 ? 0 : alerts.length + 1;
    return Math.max(1, terminal.rows() - FRAME_LINES - below);
  }

  function draw(): void {
    const width = Math.max(20, terminal.columns());
    offset = Math.max(0, Math.min(offset, rows.length - 1));
    const options = { now: clock.now(), width, hasColour: terminal.hasColour };
    // Rows that don't fit are not even formatted: there may be ten thousand.
    const table = siteTable(rows.slice(offset, offset + room()), options).slice(0, room() + 1);
    shown = table.slice(1).filter((line) => !line.startsWith(SENTENCE_INDENT)).length;
    const away = trouble();
    const lines = [
      cut(`Scanferry fleet · ${broker} · ${countLine(rows)} · ${formatTime(clock.now())}`, width),
      away === null ? '' : cut(troubleLine(away), width),
      ...table,
      ...(alerts.length === 0 ? [] : ['', ...alerts.map((alert) => cut(alertLine(alert), width))]),
    ];
    const more = rows.length - offset - shown;
    lines.push(cut(`${more > 0 ? `${formatCount(more)} more · ` : ''}↑ ↓ scroll · q leaves`, width));
    terminal.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`);
  }

  function onLook(look: Look): void {
    rows = look.rows;
    alerts = [...alerts, ...look.alerts].slice(-ALERTS_SHOWN);
    draw();
  }

  const KEYS: Record<string, () => void> = {
    q: () => left.resolve(),
    '\u0003': () => left.resolve(),
    '\u0004': () => left.resolve(),
    [`${ESC}A`]: () => scroll(-1),
    [`${ESC}B`]: () => scroll(1),
    k: () => scroll(-1),
    j: () => scroll(1),
    [`${ESC}5~`]: () => scroll(-shown),
    [`${ESC}6~`]: () => scroll(shown),
    ' ': () => scroll(shown),
    g: () => scroll(-rows.length),
    [`${ESC}H`]: () => scroll(-rows.length),
    G: () => scroll(rows.length),
    [`${ESC}F`]: () => scroll(rows.length),
  };

  function scroll(by: number): void {
    offset += by;
    draw();
  }

  return {
    run() {
      terminal.write(ENTER);
      endings = [
        fleet.onLook(onLook),
        terminal.onKey((key) => KEYS[key]?.()),
        terminal.onResize(draw),
        () => terminal.write(LEAVE),
      ];
      draw();
      return left.promise;
    },
    stop() {
      left.resolve();
      for (const end of endings) end();
      endings = [];
    },
  };
}

/** The date stands in the first line already. */
function alertLine(alert: Alert): string {
  return formatAlert(alert, formatTime(alert.ts).slice(-'00:00:00'.length));
}
