/** One stunnel process with any number of services: TLS on one side of programs that have none. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startProcess, waitForPort } from '../../test/support/processes.ts';

export interface StunnelService {
  name: string;
  /** Port of 127.0.0.1 that is listened on, and the one that is connected to. */
  accept: number;
  connect: number;
  /** Further settings of the service, as stunnel(8) names them. */
  settings: Record<string, string>;
}

/** Starts stunnel with its configuration in `folder`; resolves when every service accepts. */
export async function startStunnel(
  folder: string,
  name: string,
  services: readonly StunnelService[],
): Promise<{ stop(): Promise<void> }> {
  const file = path.join(folder, `${name}.conf`);
  const common = [
    'foreground = yes',
    'pid =',
    'debug = err',
    'socket = a:SO_REUSEADDR=1',
    'socket = l:TCP_NODELAY=1',
    'socket = r:TCP_NODELAY=1',
  ];
  await writeFile(file, `${[...common, ...services.flatMap(sectionOf)].join('\n')}\n`);
  const stunnel = startProcess('stunnel4', [file]);
  for (const { accept } of services) await waitForPort('127.0.0.1', accept);
  return { stop: () => stunnel.stop() };
}

function sectionOf({ name, accept, connect, settings }: StunnelService): string[] {
  return [
    `[${name}]`,
    `accept = 127.0.0.1:${accept}`,
    `connect = 127.0.0.1:${connect}`,
    'protocol = smtp',
    // The load closes its side and goes on; waiting for the other side's close_notify would only hold threads.
    'TIMEOUTclose = 0',
    ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`),
  ];
}
