/** Metrics of the connection to the MQTT broker; there are none where no broker is configured. */
import { type Family, family, type Rule } from './metric.ts';
import { PROBLEMS } from './problems.ts';
import type { BrokerFacts } from './sources.ts';
import { durationWords } from './words.ts';

export interface BrokerSeen {
  broker: BrokerFacts;
  now: number;
}

/** A broker that restarts, or a new address of the box, takes no longer. */
const SETTLE_MS = 2 * 60_000;

const connected: Rule<BrokerSeen> = {
  words: 'warn after 2 minutes without a connection',
  judge(value, { broker: { error, since }, now }) {
    const downMs = now - since;
    if (value === true || downMs < SETTLE_MS) return null;
    return { grade: 'warn', why: error ?? PROBLEMS.brokerDown(durationWords(downMs)) };
  },
};

export const BROKER_FAMILY: Family<BrokerSeen> = family('broker', null, [
  {
    name: 'broker_connected',
    unit: 'bool',
    help: 'Whether the box is connected to the broker.',
    value: ({ broker }) => broker.connected,
    rule: connected,
  },
  {
    name: 'broker_since_s',
    unit: 's',
    help: 'How long the connection has stood, or been gone.',
    value: ({ broker, now }) => Math.max(0, Math.floor((now - broker.since) / 1000)),
  },
  {
    name: 'broker_error_state',
    unit: 'state',
    help: 'Code of the latest error, while there is no connection.',
    value: ({ broker }) => (broker.connected ? null : (broker.error?.code ?? null)),
  },
]);
