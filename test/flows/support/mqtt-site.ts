/** A whole agent that reports to a broker of the test, and commands signed for it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ResponsePayload } from '../../../src/report/payloads.ts';
import { type CommandToSign, generateKey, type KeyPair, signCommand } from '../../../src/report/signing.ts';
import { type ScanResult, sendScan } from '../../../src/sandbox/device.ts';
import type { Observer } from '../../report/support/observer.ts';
import { buildScan } from '../../support/corpus.ts';

export const SITE = 'site';
export const ROOT = `scanferry/v1/${SITE}`;

/** The line of a config for a broker; `more` are further keys of the flow mapping. */
export function mqttLine(url: string, more = ''): string {
  return `mqtt: { url: '${url}'${more === '' ? '' : `, ${more}`} }`;
}

/** Keys of the mapping that pin `key` on the box; its public part goes into `directory`. */
export function pinnedKey(key: KeyPair, verbs: readonly string[], directory: string): string {
  writeFileSync(path.join(directory, 'office.pub.pem'), key.publicPem);
  return `commandKeys: [{ id: office, publicKey: office.pub.pem, verbs: [${verbs.join(', ')}] }]`;
}

export function newKey(): KeyPair {
  return generateKey();
}

/** A scan from a device on loopback. */
export function scan(port: number, to = 'anna@contoso.com', seed = to): Promise<ScanResult> {
  return sendScan({
    connect: { host: '127.0.0.1', port },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: [to],
    message: buildScan({ seed, pdfBytes: 20_000 }),
  });
}

export interface Order extends Partial<CommandToSign> {
  /** The topic says this verb. */
  topicVerb?: string;
  retain?: boolean;
  /** Published in place of what was signed. */
  token?: string;
}

export interface Office {
  /** Signs and publishes; resolves with the nonce and what was published. */
  order(
    verb: string,
    args: Record<string, unknown>,
    order?: Order,
  ): Promise<{ nonce: string; token: string }>;
  /** The last answer to a nonce. */
  answer(nonce: string): Promise<ResponsePayload>;
  /** Both. */
  ask(verb: string, args?: Record<string, unknown>, order?: Order): Promise<ResponsePayload>;
}

/** Whoever commands the site over `seen`'s connection to the broker. */
export function openOffice(seen: Observer, key: KeyPair): Office {
  async function order(verb: string, args: Record<string, unknown>, more: Order = {}) {
    const signed = await signCommand({
      ...{ site: SITE, verb, args, keyId: 'office', privatePem: key.privatePem },
      ...{ now: Date.now(), lifeMs: 60_000, ...more },
    });
    const token = more.token ?? signed.token;
    await seen.publish(`${ROOT}/cmd/${more.topicVerb ?? verb}`, token, {
      ...{ qos: 1, retain: more.retain ?? false },
    });
    return { nonce: signed.nonce, token };
  }

  async function answer(nonce: string): Promise<ResponsePayload> {
    const topic = `${ROOT}/rsp/${nonce}`;
    const isLast = ({ state }: Record<string, unknown>) => state !== 'accepted' && state !== 'running';
    // The shape is that of the room under test; its own tests read every key.
    return (await seen.json(topic, isLast)) as unknown as ResponsePayload;
  }

  return {
    order,
    answer,
    ask: async (verb, args = {}, more = {}) => answer((await order(verb, args, more)).nonce),
  };
}
