/** The agent starts again once, in its own place, with the settings that exist only before a start. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { applyMemorySettings, type ThisProcess } from '../../src/program/memory-settings.ts';

const MODULE = new URL('../../src/program/memory-settings.ts', import.meta.url).href;

interface Started {
  file: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
}

const GIB = 2 ** 30;

function processOf(args: string[], env: NodeJS.ProcessEnv = {}, heapBytesMax = GIB) {
  const started: Started[] = [];
  const process: ThisProcess = {
    ...{ argv: ['/usr/bin/node', '/opt/scanferry.cjs', ...args], env, execPath: '/usr/bin/node' },
    execArgv: ['--trace-warnings'],
    execve: (file: string, given: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) => {
      started.push({ file, args: given, env: environment });
      return undefined as never; // The real one doesn't return.
    },
  };
  applyMemorySettings(process, heapBytesMax);
  return { process, started };
}

test('starts the agent again with the same arguments and the settings, and what was started goes on', () => {
  const { started } = processOf(['run', '--config', 'a.yaml'], { PATH: '/bin', NODE_OPTIONS: '--inspect' });
  expect(started).toEqual([
    {
      file: '/usr/bin/node',
      args: [
        ...['/usr/bin/node', '--trace-warnings'],
        '--max-semi-space-size=2',
        ...['/opt/scanferry.cjs', 'run', '--config', 'a.yaml'],
      ],
      env: expect.objectContaining({ PATH: '/bin', MALLOC_ARENA_MAX: '1', NODE_OPTIONS: '--inspect' }),
    },
  ]);
  const again = processOf(['run', '--config', 'a.yaml'], { ...started[0]?.env });
  expect(again.started).toEqual([]);
  expect(Object.keys(again.process.env).filter((name) => name.startsWith('SCANFERRY'))).toEqual([]);
});

test('leaves what an operator has set', () => {
  const { started } = processOf(['run'], {
    MALLOC_ARENA_MAX: '4',
    NODE_OPTIONS: '--max_semi_space_size=32',
  });
  expect(started[0]?.env).toMatchObject({ MALLOC_ARENA_MAX: '4', NODE_OPTIONS: '--max_semi_space_size=32' });
  expect(started[0]?.args).not.toContain('--max-semi-space-size=2');
});

test('bounds the heap where V8 would let it grow large, unless an operator has', () => {
  const bound = '--max-old-space-size=2047';
  expect(processOf(['run'], {}, 4 * GIB).started[0]?.args).toContain(bound);
  expect(processOf(['run'], {}, GIB).started[0]?.args).not.toContain(bound);
  const own = { NODE_OPTIONS: '--max-old-space-size=8000' };
  expect(processOf(['run'], own, 8 * GIB).started[0]?.args).not.toContain(bound);
});

test('starts no other command again', () => {
  for (const args of [['queue', 'list'], ['version'], [], ['send-test', 'run']]) {
    expect(processOf(args).started).toEqual([]);
  }
});

test('gives the memory of the start back', () => {
  const script = `
    import { settleMemory } from ${JSON.stringify(MODULE)};
    let garbage = Array.from({ length: 1_000_000 }, (_, index) => ({ index }));
    const before = process.memoryUsage().heapTotal;
    garbage = null;
    settleMemory();
    console.log(before - process.memoryUsage().heapTotal);`;
  const given = execFileSync(process.execPath, ['--input-type=module', '-e', script]);
  expect(Number(given)).toBeGreaterThan(20 * 1024 * 1024);
});

test('threads that settle at the same time do not take the collection from each other', async () => {
  // V8's flags are those of the process: one thread's last step may come between two of another's, and often enough does.
  const program = `
    const { workerData } = require('node:worker_threads');
    import(workerData).then(({ settleMemory }) => {
      for (let round = 0; round < 40; round++) settleMemory();
    });`;
  const workers = Array.from({ length: 4 }, () => new Worker(program, { eval: true, workerData: MODULE }));
  const ends = await Promise.allSettled(workers.map((worker) => once(worker, 'exit')));
  expect(ends.map((end) => (end.status === 'rejected' ? String(end.reason) : 'done'))).toEqual(
    workers.map(() => 'done'),
  );
});
