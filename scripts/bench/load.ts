/** The load: Debian's smtp-source, which sends the same message over a number of connections at once. */
import path from 'node:path';
import { runOrThrow } from '../../test/support/processes.ts';

export interface Load {
  messages: number;
  connections: number;
  bytes: number;
}

/** Sends all of it, each message over a connection of its own as a scanner does; throws when one is not accepted. */
export async function sendLoad(port: number, load: Load, limitMs: number): Promise<void> {
  await runOrThrow(
    path.join('/usr/sbin', 'smtp-source'),
    [
      ...['-s', String(load.connections), '-m', String(load.messages), '-l', String(load.bytes)],
      ...['-f', 'copier@contoso.com', '-t', 'desk@contoso.com', '-M', 'copier.contoso.com'],
      `127.0.0.1:${port}`,
    ],
    { limitMs },
  );
}
