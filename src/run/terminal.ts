/** The terminal of this process, as the live table of the fleet draws on it. */
import type { Terminal } from '../fleet/screen.ts';

const COLUMNS = 100;
const ROWS = 30;

/** Null where the output goes to a file or a pipe. */
export function processTerminal(env: Record<string, string | undefined>): Terminal | null {
  const { stdin, stdout } = process;
  if (!stdout.isTTY) return null;
  return {
    columns: () => stdout.columns ?? COLUMNS,
    rows: () => stdout.rows ?? ROWS,
    // https://no-color.org
    hasColour: (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    write: (text) => {
      stdout.write(text);
    },
    onKey(listener) {
      if (!stdin.isTTY) return () => {};
      const onData = (data: Buffer): void => listener(data.toString('utf8'));
      stdin.setRawMode(true);
      stdin.on('data', onData);
      return () => {
        stdin.off('data', onData);
        stdin.setRawMode(false);
        stdin.pause();
      };
    },
    onResize(listener) {
      stdout.on('resize', listener);
      return () => stdout.off('resize', listener);
    },
  };
}
