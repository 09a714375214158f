/** Reads the time from the Date field of an HTTPS answer (RFC 9110 section 6.6.1), over a verified connection. */
import { request } from 'node:https';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { createLookup } from '../routes/sign-in-client.ts';
import { TLS_MIN_VERSION, trustedAuthorities } from '../routes/tls.ts';
import type { NameResolver } from '../routes/types.ts';

export interface HttpsDateQuestion {
  url: string;
  /** PEM of a certificate authority to trust besides the usual ones. */
  ca?: string | undefined;
  clock: Clock;
  resolver: NameResolver;
  signal: AbortSignal;
}

/**
 * How far the box's clock is ahead of the server's, in milliseconds; the field counts whole seconds.
 * @throws the error of the connection, or Error when no Date comes within LIMITS.doctorHttpsMaxMs.
 */
export async function askHttpsDate(question: HttpsDateQuestion): Promise<number> {
  const { url, ca, clock, resolver, signal } = question;
  const cut = new AbortController();
  const ends = AbortSignal.any([cut.signal, signal]);
  const timer = clock.schedule(LIMITS.doctorHttpsMaxMs, () => cut.abort(new Error('no answer')));
  const sentAt = clock.now();
  try {
    const date = await new Promise<string | undefined>((resolve, reject) => {
      const outgoing = request(
        url,
        {
          method: 'HEAD',
          agent: false,
          lookup: createLookup({ resolver, clock, signal: ends }),
          ca: trustedAuthorities(ca === undefined ? undefined : { path: '', text: ca }),
          minVersion: TLS_MIN_VERSION,
          rejectUnauthorized: true,
          signal: ends,
        },
        (answer) => {
          resolve(answer.headers.date);
          answer.destroy();
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
    const serverMs = Date.parse(date ?? '');
    if (Number.isNaN(serverMs)) throw new Error('the answer has no Date');
    // Between the question and the answer, in the middle of the second that the field names.
    const boxMs = (sentAt + clock.now()) / 2;
    return Math.round(boxMs - (serverMs + 500));
  } finally {
    timer.cancel();
  }
}
