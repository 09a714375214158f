/** Somebody else on the broker, by the MQTT.js client itself: hears everything and publishes what a test wants. */
import { connectAsync, type IClientPublishOptions } from 'mqtt';

export interface Heard {
  topic: string;
  text: string;
  retain: boolean;
  correlation: string | null;
}

export interface Observer {
  /** In the order it came. */
  readonly heard: Heard[];
  publish(topic: string, payload: string | Buffer, options?: IClientPublishOptions): Promise<void>;
  /** Resolves with the first message that fits, past ones included. */
  until(look: (message: Heard) => boolean, what?: string): Promise<Heard>;
  /** The JSON of the first message on `topic` that fits. */
  json(topic: string, look?: (value: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

const WAIT_MAX_MS = 20_000;

export async function observe(url: string, filter = '#'): Promise<Observer> {
  const client = await connectAsync(url, { protocolVersion: 5, reconnectPeriod: 50 });
  const heard: Heard[] = [];
  const watchers = new Set<() => void>();
  client.on('message', (topic, payload, packet) => {
    const correlation = packet.properties?.correlationData?.toString('utf8') ?? null;
    heard.push({ topic, text: payload.toString('utf8'), retain: packet.retain, correlation });
    for (const watcher of [...watchers]) watcher();
  });
  client.on('error', () => {});
  await client.subscribeAsync(filter, { qos: 1, rap: true });

  function until(look: (message: Heard) => boolean, what = 'a message'): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const shown = () => heard.slice(-10).map(({ topic, text }) => `${topic} ${text.slice(0, 200)}`);
      const timer = setTimeout(() => {
        watchers.delete(check);
        reject(new Error(`not heard: ${what}; the latest:\n${shown().join('\n')}`));
      }, WAIT_MAX_MS);
      const check = (): void => {
        const found = heard.find(look);
        if (found === undefined) return;
        clearTimeout(timer);
        watchers.delete(check);
        resolve(found);
      };
      watchers.add(check);
      check();
    });
  }

  return {
    heard,
    until,
    async publish(topic, payload, options = { qos: 1 }) {
      await client.publishAsync(topic, payload, options);
    },
    async json(topic, look = () => true) {
      const parsed = (text: string) => JSON.parse(text) as Record<string, unknown>;
      const found = await until(
        (each) => each.topic === topic && each.text !== '' && look(parsed(each.text)),
        topic,
      );
      return parsed(found.text);
    },
    async stop() {
      await client.endAsync(true);
    },
  };
}
