/** The live table: drawn for a terminal of any size, and in a real one (tmux) by the shipped file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Look } from '../../src/fleet/fleet.ts';
import { createScreen, type Terminal } from '../../src/fleet/screen.ts';
import type { SiteRow } from '../../src/fleet/types.ts';
import { bundleFile } from '../support/bundle.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { runOrThrow } from '../support/processes.ts';
import { type SimulatedSite, simulatedSite } from './support/simulated-site.ts';

const NOW = Date.parse('2026-11-01T12:00:00Z');
const CAUSE = 'The client secret of route mailbox expired 2 hours ago.';

let ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

function row(index: number, isWell: boolean): SiteRow {
  return {
    ...{ site: `site-${index}`, name: `Office ${index}`, level: isWell ? 'ok' : 'fail', reach: 'online' },
    ...{ queue: index, oldestS: 0, lastSeenAt: NOW - 5000, version: '1' },
    problem: isWell ? null : { code: 'a', cause: CAUSE, advice: 'b' },
  };
}

/** A terminal of the test: `shown` is the last picture, line by line. */
function open(rows: SiteRow[], size: { columns: number; rows: number }) {
  let picture = '';
  let press: (key: string) => void = () => {};
  let resized: () => void = () => {};
  let tell: (look: Look) => void = () => {};
  const terminal: Terminal = {
    ...{ columns: () => size.columns, rows: () => size.rows, hasColour: false },
    write(text) {
      picture = text;
    },
    onKey(listener) {
      press = listener;
      return () => {};
    },
    onResize(listener) {
      resized = listener;
      return () => {};
    },
  };
  const registry = { rows: () => rows } as unknown as Parameters<typeof createScreen>[0]['fleet']['registry'];
  const screen = createScreen({
    ...{ clock: createFakeClock(NOW), terminal, broker: 'broker.example', trouble: () => null },
    fleet: {
      registry,
      onLook(listener) {
        tell = listener;
        return () => {};
      },
    },
  });
  const left = screen.run();
  return {
    left,
    press: (key: string) => press(key),
    resize(columns: number) {
      size.columns = columns;
      resized();
    },
    tell: (look: Look) => tell(look),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
    shown: () => picture.replace(/\u001b\[[?\d;]*[A-Za-z]/g, '').split('\r\n'),
  };
}

test('fits every width: beside the site where there is room for the sentence, else below it', () => {
  const screen = open([row(1, false), row(2, true)], { columns: 120, rows: 24 });
  expect(screen.shown()[3]).toMatch(
    /^FAIL +site-1 +1 +– +5 s ago +The client secret of route mailbox expired 2 hours/,
  );
  screen.resize(60);
  expect(screen.shown()[4]).toBe(`        ${CAUSE}`.slice(0, 59).concat('…'));
  for (const columns of [20, 40, 80, 120, 200]) {
    screen.resize(columns);
    expect(screen.shown().filter((line) => line.length > columns)).toEqual([]);
    expect(screen.shown().length).toBeLessThanOrEqual(24);
  }
});

test('scrolls by what is shown, says how many more there are, and ends with q', async () => {
  const rows = Array.from({ length: 10_000 }, (_, index) => row(index, index % 2 === 0));
  const screen = open(rows, { columns: 60, rows: 24 });
  const count = () => screen.shown().filter((line) => /^(OK|FAIL) /.test(line)).length;
  const first = count();
  expect(screen.shown().at(-1)).toContain(`${(10_000 - first).toLocaleString('en')} more`);
  screen.press(' ');
  expect(screen.shown()[3]).toContain(`site-${first} `);
  screen.press('G');
  expect(screen.shown()[3]).toContain('site-9999 ');
  screen.press('g');
  expect(screen.shown()[3]).toContain('site-0 ');
  screen.press('q');
  await screen.left;
});

test('shows the latest alerts below the table', () => {
  const screen = open([row(1, false)], { columns: 120, rows: 24 });
  const alert = { ts: NOW, site: 'site-1', name: 'Office 1', kind: 'silent' as const };
  const problem = { code: 'a', cause: 'It is gone.', advice: 'b' };
  screen.tell({ hasChanged: true, rows: [row(1, false)], alerts: [{ ...alert, problem }] });
  expect(screen.shown().join('\n')).toContain('ALERT site-1 (Office 1) silent: It is gone.');
});

test('in a real terminal it draws, follows the size, and gives the terminal back', async () => {
  const mosquitto: Mosquitto = await startMosquitto();
  ends.push(() => mosquitto.stop());
  const site: SimulatedSite = simulatedSite(mosquitto.url, 'berlin-hq', 'Berlin HQ');
  await site.connect();
  ends.push(() => site.cut());
  const folder = await mkdtemp(path.join(tmpdir(), 'scanferry-tmux-'));
  ends.push(() => rm(folder, { recursive: true }));
  const tmux = (...args: string[]) => runOrThrow('tmux', ['-S', path.join(folder, 'socket'), ...args]);
  const until = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const stdout = await tmux('capture-pane', '-p', '-t', 'fleet');
      if (pattern.test(stdout)) return stdout;
    }
  };
  await tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'fleet', '-x', '120', '-y', '24', 'sh');
  ends.push(() => tmux('kill-server'));
  const command = `echo before; '${process.execPath}' '${await bundleFile()}' fleet --broker ${mosquitto.url}`;
  await tmux('send-keys', '-t', 'fleet', command, 'Enter');
  const wide = await until(/OK +berlin-hq/);
  expect(wide).toMatch(/^Scanferry fleet · 127\.0\.0\.1:\d+ · 1 site: 1 ok · /);
  expect(wide).toContain('WHAT IS WRONG');
  await tmux('resize-window', '-t', 'fleet', '-x', '50', '-y', '12');
  await until(/^STATE +SITE +QUEUE +OLDEST +SEEN$/m);
  await tmux('send-keys', '-t', 'fleet', 'q');
  const after = await until(/before/);
  expect(after).not.toContain('berlin-hq  ');
});
