/**
 * A reload of the config: read, compare, apply, without dropping a connection.
 *
 * One config is in force as a whole. What can't be read, can't be applied, or needs a restart leaves the old one as
 * it is, and says why. So the steps that may fail come first, and are undone when one after them fails.
 */

import { changedFixedKeys, changedKeys } from '../config/compare.ts';
import type { Config } from '../config/schema.ts';
import type { ReloadReport } from '../control/deps.ts';
import { OperatorError } from '../core/errors.ts';
import type { NewEvent } from '../core/events.ts';
import { describeError, type Log } from '../core/log.ts';
import { createTurns } from '../core/turns.ts';
import type { Devices } from '../devices/types.ts';
import type { Discovery } from '../discovery/types.ts';
import type { Dispatch } from '../dispatch/types.ts';
import type { Intake, ServerCertificate } from '../intake/types.ts';
import type { Notices } from '../notices/types.ts';
import type { Spool } from '../spool/types.ts';
import type { BoxPage } from './box-page.ts';
import { discoveryOf } from './discovery.ts';
import type { InForce } from './in-force.ts';
import { noticeConfig } from './notices.ts';
import { RELOAD_PROBLEMS } from './problems.ts';
import type { AgentReport } from './report.ts';
import type { RoutesInUse } from './routes-in-use.ts';

export interface ReloaderDeps {
  log: Log;
  /** Throws OperatorError with every problem of the config. */
  readConfig(): { config: Config; warnings: string[] };
  spool: Pick<Spool, 'configure'>;
  record(event: NewEvent): Promise<void>;
  dispatch: Dispatch;
  intake: Intake;
  devices: Pick<Devices, 'withApproved'>;
  routesInUse: RoutesInUse;
  page: BoxPage;
  notices: Pick<Notices, 'replace'>;
  report: Pick<AgentReport, 'refresh'>;
  discovery: Pick<Discovery, 'replace'>;
  /** The certificate for devices, under a host name; made anew where that is due. */
  certificateFor(hostname: string): Promise<ServerCertificate>;
  inForce: InForce;
}

export interface Reloader {
  /** @param by who asked for it. Rejects with OperatorError (exit code 2); everything is as before then. */
  reload(by: string): Promise<ReloadReport>;
  /** Shows a new certificate where the old one lacks an address or nears its end. */
  renewCertificate(): Promise<void>;
  /** Takes no further reload; resolves when none is under way. */
  stop(): Promise<void>;
}

export function createReloader(deps: ReloaderDeps): Reloader {
  const { log, spool, inForce } = deps;
  const turns = createTurns();
  let isStopped = false;

  async function reload(by: string): Promise<ReloadReport> {
    try {
      const { config, warnings } = deps.readConfig();
      const changed = changedKeys(inForce.config, config);
      if (changed.length > 0) await apply(config);
      log.info('config.applied', { by, changed, warnings });
      await deps.record({ type: 'config.applied', data: { by, changed } });
      return { changed, warnings, listeners: inForce.listeners };
    } catch (error) {
      return refuse(error, by);
    }
  }

  async function refuse(error: unknown, by: string): Promise<never> {
    const { code, cause, advice } =
      error instanceof OperatorError ? error.explanation : RELOAD_PROBLEMS.notApplied(describeError(error));
    log.error('config.refused', { by, code, cause });
    await deps.record({ type: 'config.refused', data: { by, code } });
    const explanation = { code, cause, advice: `The agent goes on with the config it has. ${advice}` };
    throw new OperatorError(explanation, { exitCode: 2, cause: error });
  }

  async function apply(next: Config): Promise<void> {
    const fixed = changedFixedKeys(inForce.config, next);
    if (fixed.length > 0) throw new OperatorError(RELOAD_PROBLEMS.needsRestart(fixed.join(' and ')));
    const routes = deps.routesInUse.create(next);
    try {
      await openPlaces(next);
      await spool.configure(next.spool);
    } catch (error) {
      await deps.routesInUse.retire(routes, Promise.resolve());
      throw error;
    }
    const { routing, spool: settings } = next;
    const whenFree = deps.dispatch.replace({ routes, routing, maxAgeHours: settings.maxAgeHours });
    void deps.routesInUse.retire(inForce.routes, whenFree);
    inForce.routes = routes;
    inForce.config = next;
    inForce.devices = deps.devices.withApproved(next.devices);
    deps.discovery.replace(discoveryOf(next));
    await deps.notices.replace(noticeConfig(next, inForce.devices));
    deps.report.refresh();
  }

  /** Listeners and page, where the system has the last word. */
  async function openPlaces(next: Config): Promise<void> {
    const certificate = await deps.certificateFor(next.intake.hostname);
    inForce.listeners = await deps.intake.reload(intakeWith(next, certificate));
    try {
      inForce.webPort = await deps.page.show(next, certificate);
    } catch (error) {
      const before = await deps.certificateFor(inForce.config.intake.hostname);
      inForce.listeners = await deps.intake.reload(intakeWith(inForce.config, before));
      throw error;
    }
  }

  async function renewCertificate(): Promise<void> {
    const certificate = await deps.certificateFor(inForce.config.intake.hostname);
    deps.intake.replaceCertificate(certificate);
    deps.page.replaceCertificate(certificate);
  }

  function intakeWith({ intake, devices }: Config, certificate: ServerCertificate) {
    return { settings: intake, devices: deps.devices.withApproved(devices), certificate };
  }

  return {
    reload(by) {
      if (isStopped) return Promise.reject(new OperatorError(RELOAD_PROBLEMS.notRunning()));
      // One after the other: the second compares with what the first has made.
      return turns.take(() => reload(by));
    },
    // In between reloads: one of them may bring another name.
    renewCertificate: () => turns.take(renewCertificate),
    stop() {
      isStopped = true;
      return turns.over();
    },
  };
}
