/** The list of real client programs that tests send with; each says in `can` what it is able to do. */
import { curl } from './clients/curl.ts';
import { msmtp } from './clients/msmtp.ts';
import { openssl } from './clients/openssl.ts';
import { python } from './clients/python.ts';
import { swaks } from './clients/swaks.ts';
import type { Client } from './clients/types.ts';

export const CLIENTS = { openssl, swaks, curl, msmtp, python } as const satisfies Record<string, Client>;

export const EVERY_CLIENT: readonly Client[] = Object.values(CLIENTS);
