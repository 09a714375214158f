/** What is measured: the agent, Postfix or the libraries alone, each a process tree that takes mail on a port and relays it upstream. */
export interface Subject {
  readonly name: 'Scanferry' | 'Postfix' | 'Libraries alone';
  /** Process at the top of the tree. */
  readonly pid: number;
  /** Plain text and STARTTLS from TLS 1.0 up, on 127.0.0.1. */
  readonly port: number;
  stop(): Promise<void>;
}

export interface Place {
  /** An empty folder on the disk, for the data. */
  folder: string;
  upstreamPort: number;
  /** PEM file of the authority that signed the upstream's certificate. */
  caFile: string;
}

/**
 * Connections to the upstream at once, for all: twice Postfix's default_destination_concurrency_limit. With 20 the agent's
 * wait for replies at times, while a core is idle; Postfix relays no more by 40.
 */
export const UPSTREAM_CONNECTIONS = 40;
/** Both take the largest scan of the bench, of 100 MiB. */
export const MESSAGE_BYTES_MAX = 128 * 1024 * 1024;
