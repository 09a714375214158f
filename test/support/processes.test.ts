/** The process harness itself: output, limits, and an end in every case. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort, runCommand, runOrThrow, startProcess, waitForPort } from './processes.ts';

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('runCommand', () => {
  it('gives the input and returns status and both outputs', async () => {
    const result = await runCommand('sh', ['-c', 'cat; echo problem >&2; exit 3'], { input: 'text' });
    expect(result).toEqual({ code: 3, stdout: 'text', stderr: 'problem\n' });
  });

  it('carries an input larger than a pipe to a program that answers as it reads', async () => {
    const input = 'x'.repeat(3 * 1024 * 1024);
    expect((await runCommand('cat', [], { input })).stdout).toBe(input);
  });

  it('returns when the program does not read its input', async () => {
    expect((await runCommand('true', [], { input: 'x'.repeat(1024 * 1024) })).code).toBe(0);
  });

  it('kills a program that does not end in time and says so', async () => {
    await expect(runCommand('sleep', ['60'], { limitMs: 100 })).rejects.toThrow('did not end within 100 ms');
  });

  it('reports a program that does not exist', async () => {
    await expect(runOrThrow('no-such-program', [])).rejects.toThrow('No such file or directory');
  });
});

describe('startProcess', () => {
  it('waits for a line that comes in two pieces', async () => {
    const child = startProcess('sh', ['-c', 'printf "listening on "; read _; echo 4711; read _']);
    const line = child.waitForLine(/listening on (\d+)/);
    child.stdin.write('go\n');
    expect((await line)[1]).toBe('4711');
    await child.stop();
  });

  it('tells what was printed when the line does not come', async () => {
    const child = startProcess('sh', ['-c', 'echo cannot open the door >&2; exit 1']);
    await expect(child.waitForLine(/ready/)).rejects.toThrow(/ended before[\s\S]*cannot open the door/);
  });

  it('stops a program that ignores SIGTERM', async () => {
    const child = startProcess('sh', ['-c', 'trap "" TERM; echo ready; while :; do read _ || sleep 1; done']);
    await child.waitForLine(/ready/);
    await child.stop(50);
    expect(isRunning(child.pid)).toBe(false);
  });

  it('is stopped twice without harm', async () => {
    const child = startProcess('cat', []);
    await child.stop();
    await child.stop();
    expect(child.hasEnded()).toBe(true);
  });

  it('dies with the test process, even when that is killed', async () => {
    const script = `
      import { startProcess } from ${JSON.stringify(new URL('./processes.ts', import.meta.url).href)};
      const child = startProcess('sh', ['-c', 'echo up; exec sleep 600']);
      await child.waitForLine(/up/);
      console.log('child ' + child.pid);
      setInterval(() => {}, 1000);
    `;
    const test = startProcess(process.execPath, ['--input-type=module', '--eval', script]);
    const [, pid = ''] = await test.waitForLine(/^child (\d+)$/);
    test.signal('SIGKILL');
    await test.waitForExit();
    // tail ends when the grandchild has; the limit of the command is the assertion.
    expect(
      (await runCommand('tail', [`--pid=${pid}`, '--follow', '/dev/null'], { limitMs: 10_000 })).code,
    ).toBe(0);
  });
});

describe('ports', () => {
  it('finds one that is free and waits until it is taken', async () => {
    const port = await freePort();
    await expect(waitForPort('127.0.0.1', port, 50)).rejects.toThrow(`nothing listens on 127.0.0.1:${port}`);
    const server = createServer((socket) => socket.destroy());
    const waiting = waitForPort('127.0.0.1', port);
    server.listen(port, '127.0.0.1');
    await waiting;
    server.close();
  });
});
