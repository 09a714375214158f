/** Counts at the broker, from outside: how many sites it calls online, and what it has carried. */
import mqtt from 'mqtt';
import { siteTopics } from '../../src/report/topics.ts';

export interface Observer {
  /** Sites whose latest status is `online`. */
  online(): number;
  known(): number;
  /** Messages that the broker has received and sent since its start, by its own count. */
  carried(): { received: number; sent: number };
  stop(): Promise<void>;
}

const RECEIVED = '$SYS/broker/publish/messages/received';
const SENT = '$SYS/broker/publish/messages/sent';

export async function startObserver(url: string): Promise<Observer> {
  const sites = new Map<string, string>();
  const carried = { received: 0, sent: 0 };
  const client = await mqtt.connectAsync(url, { clientId: 'observer', reconnectPeriod: 200 });
  client.on('error', () => {});
  client.on('message', (topic, payload) => {
    const text = payload.toString();
    if (topic === RECEIVED) carried.received = Number(text);
    else if (topic === SENT) carried.sent = Number(text);
    else sites.set(topic.split('/')[2] ?? '', text);
  });
  await client.subscribeAsync([siteTopics('+').status, RECEIVED, SENT], { qos: 0 });
  return {
    online: () => [...sites.values()].filter((status) => status === 'online').length,
    known: () => sites.size,
    carried: () => ({ ...carried }),
    stop: () => client.endAsync(true),
  };
}
