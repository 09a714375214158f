/** What room report is given, and what it offers. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Health } from '../health/types.ts';
import type { Spool } from '../spool/types.ts';
import type { BrokerState } from './broker-types.ts';
import type { ExecuteCommand } from './commands.ts';
import type { MqttSettings } from './settings.ts';

/** What is told about the site beside its health. */
export interface SiteFacts {
  id: string;
  name: string;
  version: string;
  host: string;
  /** Changes when the config does; holds nothing of it. */
  config: string;
  /** Page of the box, or null. */
  url: string | null;
  routes: readonly string[];
  devices: readonly { id: string; name: string }[];
}

export interface ReportDeps {
  clock: Clock;
  log: Log;
  random(): number;
  spool: Pick<Spool, 'events' | 'onChange' | 'record' | 'getFacts' | 'putFact' | 'deleteFact'>;
  health: Pick<Health, 'report' | 'devices' | 'onReport'>;
  settings: MqttSettings;
  site(): SiteFacts;
  /** Start of the agent, epoch milliseconds. */
  startedAt: number;
  execute: ExecuteCommand;
}

export interface Report {
  start(): Promise<void>;
  /** Tells that the site stops on purpose, and says goodbye. */
  stop(): Promise<void>;
  state(): BrokerState;
  /** The config has changed: what is told of it is told again. */
  refresh(): void;
}
