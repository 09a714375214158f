/** A device sends again when its connection fails; toward an `auto` port that is part of the design. */
import type { Client, SendRequest, SendResult } from './types.ts';

/** A plain-text banner where a TLS hello was expected, in the words of OpenSSL and of GnuTLS. */
const LATE_HELLO = /wrong version number|unexpected TLS packet/i;
const TRIES_MAX = 5;

/**
 * Sends like `client.send`, and again where the hello of implicit TLS came after the banner: on a busy machine a
 * program may need longer for it than an auto port waits; its address is then remembered and waited for.
 */
export async function sendAsDevice(client: Client, request: SendRequest): Promise<SendResult> {
  let result = await client.send(request);
  for (let tries = 1; LATE_HELLO.test(`${result.stdout}${result.stderr}`) && tries < TRIES_MAX; tries++) {
    result = await client.send(request);
  }
  return result;
}
