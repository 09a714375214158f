/** What can keep the intake from starting. */
import type { Explanation } from '../core/errors.ts';

const BIND_ADVICE: Record<string, string> = {
  EADDRINUSE: 'Stop the other program that uses the port (`ss -ltnp` shows it), or choose another port.',
  EACCES: 'Ports below 1024 need the right CAP_NET_BIND_SERVICE.',
  EADDRNOTAVAIL: 'Use an address that this box has, or 0.0.0.0 for all of them.',
};

export const PROBLEMS = {
  portUnavailable: (
    listener: { address: string; port: number },
    code: string,
    detail: string,
  ): Explanation => ({
    code: 'intake.port-unavailable',
    cause: `The port ${listener.port} at ${listener.address} can't be opened for devices (${code || detail}).`,
    advice: BIND_ADVICE[code] ?? 'Check address and port of this listener under intake.listeners.',
  }),
  folderUnusable: (directory: string, detail: string): Explanation => ({
    code: 'authority.folder-unusable',
    cause: `The certificates of the box can't be kept in ${directory} (${detail}).`,
    advice: 'Give the agent a data folder that it may read and write, with free space.',
  }),
} as const;
