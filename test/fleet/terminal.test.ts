/** `scanferry fleet` as a process at a terminal where it draws no table there. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { freePort, runCommand } from '../support/processes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

test('with --json what is wrong with the broker is told at once, not when it ends', async () => {
  const broker = `mqtt://127.0.0.1:${await freePort()}`;
  const steps = JSON.stringify([['"event":"mqtt.disconnected"', '\x03']]);
  const { code, stdout, stderr } = await runCommand('python3', [
    ...[path.join(ROOT, 'test/support/at_terminal.py'), steps],
    ...[process.execPath, path.join(ROOT, 'src/main.ts'), 'fleet', '--json', '--broker', broker],
  ]);
  expect(stderr).toBe('');
  expect(stdout).toContain('ECONNREFUSED');
  expect(code).toBe(0);
});
