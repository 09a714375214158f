/**
 * What the broker is to hold of a site: for each topic the latest payload, and nothing older.
 *
 * Setting a payload only notes it; one after the other is published while there is a connection. Whatever the broker
 * did not acknowledge is published again on the next connection, as is everything when `republish` is called.
 */
import type { Log } from '../core/log.ts';
import { BrokerUnavailable, type OutgoingMessage } from './broker-types.ts';

export interface RetainedState {
  /** Notes what the topic is to hold; an empty payload clears it. What is there already is not published again. */
  set(topic: string, payload: string): void;
  /** Publishes the topic again even if nothing has changed. */
  touch(topic: string): void;
  /** A new connection: the broker may have forgotten everything. Resolves when all is published, or the connection is gone. */
  republish(): Promise<void>;
  /** Resolves when nothing waits or nothing can be published. */
  idle(): Promise<void>;
}

interface RetainedDeps {
  log: Log;
  publish(message: OutgoingMessage): Promise<void>;
}

export function createRetainedState({ log, publish }: RetainedDeps): RetainedState {
  const payloads = new Map<string, string>();
  const dirty = new Set<string>();
  /** Topics that the broker refused on this connection: said once, not tried on and on. */
  const refused = new Set<string>();
  let pumping: Promise<void> | null = null;

  async function publishOne(topic: string): Promise<boolean> {
    const payload = payloads.get(topic) ?? '';
    dirty.delete(topic);
    try {
      await publish({ topic, payload, qos: 1, retain: true });
      if (payload === '' && payloads.get(topic) === '') payloads.delete(topic);
      return true;
    } catch (error) {
      if (!(error instanceof BrokerUnavailable)) throw error;
      dirty.add(topic);
      if (error.explanation.code !== 'mqtt.publish-refused') return false;
      if (!refused.has(topic)) log.warn('mqtt.publish-refused', { topic, cause: error.explanation.cause });
      refused.add(topic);
      return true;
    }
  }

  /** The next one to publish. */
  function next(): string | undefined {
    return [...dirty].find((topic) => !refused.has(topic));
  }

  /** Resolves with whether all is published; the connection is gone otherwise. */
  async function pump(): Promise<boolean> {
    for (let topic = next(); topic !== undefined; topic = next()) {
      if (!(await publishOne(topic))) return false;
    }
    return true;
  }

  function wake(): Promise<void> {
    pumping ??= pump()
      .finally(() => {
        pumping = null;
      })
      // What was noted between the last look and now found the round still under way.
      .then((isDone) => (isDone && next() !== undefined ? wake() : undefined));
    return pumping;
  }

  return {
    set(topic, payload) {
      if (payloads.get(topic) === payload) return;
      payloads.set(topic, payload);
      dirty.add(topic);
      void wake();
    },
    touch(topic) {
      dirty.add(topic);
      void wake();
    },
    async republish() {
      refused.clear();
      // In the order they were first set: the status first.
      dirty.clear();
      for (const topic of payloads.keys()) dirty.add(topic);
      // One that fails on the former connection may just be ending.
      await pumping;
      await wake();
    },
    idle: () => pumping ?? Promise.resolve(),
  };
}
