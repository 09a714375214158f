/** What the command line asks of the fleet. */

export interface BrokerRequest {
  /** mqtt, mqtts, ws or wss. */
  url: string;
  username: string | undefined;
  /** File with the password; `SCANFERRY_FLEET_PASSWORD` where there is none. */
  passwordFile: string | undefined;
  /** PEM files. */
  ca: string | undefined;
  certificate: { cert: string; key: string } | undefined;
}

export interface KeyRequest {
  file: string;
  /** Left out, the name of the file. */
  id: string | undefined;
}

export interface WatchRequest {
  broker: BrokerRequest;
  once: boolean;
  json: boolean;
  group: string | undefined;
  onAlert: string | undefined;
  /** Where to listen, as it was typed. */
  metrics: string | undefined;
  web: WebRequest | undefined;
}

export interface WebRequest {
  listen: string;
  certificate: { cert: string; key: string } | undefined;
  key: KeyRequest | undefined;
  /** Folder of the history and the password. */
  dataDir: string;
  historyBytes: number;
}

export interface SendRequest {
  broker: BrokerRequest;
  key: KeyRequest;
  json: boolean;
  /** Empty asks every site of the broker. */
  sites: string[];
  verb: string;
  args: Record<string, unknown>;
  /** How long an answer is waited for, milliseconds. */
  waitMs: number;
}
