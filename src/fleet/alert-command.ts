/** Runs the operator's own command for each alert: one at a time, bounded in number and time. */
import { spawn } from 'node:child_process';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Alert } from './alerts.ts';

export interface AlertCommand {
  /** Queues the command for this alert. */
  run(alert: Alert): void;
  /** Resolves when those that wait are done. */
  idle(): Promise<void>;
}

/** `command` is a line for the shell; the alert is in its environment and, as JSON, on its standard input. */
export function createAlertCommand(deps: { clock: Clock; log: Log; command: string }): AlertCommand {
  const { clock, log, command } = deps;
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  return {
    run(alert) {
      if (waiting >= LIMITS.fleetAlertCommandsMax) {
        log.error('fleet.alert-not-handed-on', { site: alert.site, kind: alert.kind, waiting });
        return;
      }
      waiting += 1;
      last = last
        .then(() => runOne(clock, command, alert))
        .catch((error: unknown) => {
          log.error('fleet.alert-command-failed', { site: alert.site, error: describeError(error) });
        })
        .finally(() => {
          waiting -= 1;
        });
    },
    idle: () => last,
  };
}

/** What a site says goes in as values only, never into the line that the shell reads. */
function runOne(clock: Clock, command: string, alert: Alert): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
      env: {
        ...withoutPasswords(process.env),
        SCANFERRY_ALERT: alert.kind,
        SCANFERRY_SITE: alert.site,
        SCANFERRY_NAME: alert.name,
        SCANFERRY_CAUSE: alert.problem.cause,
        SCANFERRY_ADVICE: alert.problem.advice,
      },
    });
    const limit = clock.schedule(LIMITS.fleetAlertCommandMaxMs, () => killGroup(child.pid));
    child.once('error', (error) => {
      limit.cancel();
      reject(error);
    });
    child.once('close', (code, signal) => {
      limit.cancel();
      if (code === 0) resolve();
      else reject(new Error(`the command ended with ${code ?? signal}`));
    });
    // A command that does not read what it is given is judged by its exit.
    child.stdin.on('error', () => {});
    child.stdin.end(`${JSON.stringify(alert)}\n`);
  });
}

/** What the fleet itself is given to sign in with is nobody else's business. */
function withoutPasswords(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SCANFERRY_FLEET_')));
}

/** With what the shell has started; a group that is gone already needs no signal. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
