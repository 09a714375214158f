/** A whole agent that reports to a broker of the test, and commands signed for it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../../src/core/clock.ts';
import type { ResponsePayload } from '../../../src/report/payloads.ts';
import { type CommandToSign, type KeyPair, signCommand } from '../../../src/report/signing.ts';
import { type ScanResult, sendScan } from '../../../src/sandbox/device.ts';
import type { Sandbox } from '../../../src/sandbox/sandbox.ts';
import type { Observer } from '../../report/support/observer.ts';
import { startTestAgent, type TestAgent } from '../../support/agent.ts';
import { buildScan } from '../../support/corpus.ts';
import { siteYaml, startTenant } from '../../support/site.ts';

export interface MqttSite {
  /** The agent that runs now. */
  agent: TestAgent;
  sandbox: Sandbox;
  /** The config with other last lines. */
  yaml(...more: string[]): string;
  /** Starts the agent again in the same folder, with the config of the test or with the one that is there. */
  restart(config?: 'given' | 'found'): Promise<TestAgent>;
  stop(): Promise<void>;
}

export interface SiteOptions {
  clock?: Clock;
  files?: Record<string, string>;
}

/** Tenant and agent, with these last lines of the config. */
export async function startMqttSite(more: string[], options: SiteOptions = {}): Promise<MqttSite> {
  const { sandbox, addresses } = await startTenant();
  const yaml = (...lines: string[]) => siteYaml(addresses, { more: lines });
  const start = (directory?: string, text = yaml(...more)) =>
    startTestAgent({
      yaml: text,
      files: { 'ca.pem': addresses.caPem, ...options.files },
      ...(directory === undefined ? {} : { directory }),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
  const site: MqttSite = {
    ...{ agent: await start(), sandbox, yaml },
    async restart(config = 'given') {
      const { directory } = site.agent;
      await site.agent.stop({ keep: true });
      const found = readFileSync(path.join(directory, 'scanferry.yaml'), 'utf8');
      site.agent = await start(
        directory,
        config === 'found' ? found.replace(/^dataDir: data\n/, '') : undefined,
      );
      return site.agent;
    },
    async stop() {
      await site.agent.stop();
      await sandbox.stop();
    },
  };
  return site;
}

export const SITE = 'site';
export const ROOT = `scanferry/v1/${SITE}`;

/** The line of a config for a broker; `more` are further keys of the flow mapping. */
export function mqttLine(url: string, more = ''): string {
  return `mqtt: { url: '${url}'${more === '' ? '' : `, ${more}`} }`;
}

/** Keys of the mapping that pin the key in `office.pub.pem` beside the config. */
export function pinnedKey(verbs: readonly string[]): string {
  return `commandKeys: [{ id: office, publicKey: office.pub.pem, verbs: [${verbs.join(', ')}] }]`;
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
