/** The command line in the test's own process: what it printed, and the exit code. */
import type { CliDeps } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/program.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { createQuietLog } from './quiet-log.ts';

export interface CliRun {
  code: number;
  /** Both outputs, line by line. */
  text: string;
  json: unknown;
}

/** Runs `argv`; what a command needs beyond `deps` fails the test. `width` is that of the terminal. */
export async function cliRun(
  argv: readonly string[],
  deps: Partial<CliDeps> & { width?: number } = {},
): Promise<CliRun> {
  const lines: string[] = [];
  let json: unknown = null;
  const notHere = (): never => {
    throw new Error('not part of this test');
  };
  const { width, ...own } = deps;
  const code = await runCli([...argv], {
    output: {
      line: (text = '') => void lines.push(text),
      error: (text) => void lines.push(text),
      json(value) {
        json = value;
      },
      width,
    },
    env: { USER: 'kim' },
    version: { version: '0.0.0', built: null, node: process.version },
    profileIds: [],
    profiles: notHere,
    boxAddresses: () => [],
    runAgent: notHere,
    setup: { clock: createSystemClock(0), log: createQuietLog(), resolver: notHere },
    inspectRestingSpool: () => null,
    schemaVersion: 0,
    copyRestingSpool: async () => null,
    runDemo: notHere,
    searchAlone: notHere,
    diagnoseAlone: notHere,
    runFleet: notHere,
    sendFleet: notHere,
    ...own,
  });
  return { code, text: lines.join('\n'), json };
}
