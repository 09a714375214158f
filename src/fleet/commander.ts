/** Sends signed commands to sites and follows their answers. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { signCommand } from '../report/signing.ts';
import { parseTopic, siteTopics } from '../report/topics.ts';
import type { FleetBroker } from './broker.ts';
import type { CommandKey } from './keys.ts';
import { parsePayload, type Response, responseShape } from './parse.ts';

/** A command that was sent, and how far it is. */
export interface SentCommand {
  nonce: string;
  site: string;
  verb: string;
  /** Names of its arguments; values may be secret. */
  args: string[];
  sentAt: number;
  /** When it can't be obeyed any more. */
  expiresAt: number;
  /** The latest answer; null before the first. */
  answer: Response | null;
}

export interface Commander {
  /** Signs and publishes. Rejects with OperatorError when the broker does not take it. */
  send(site: string, verb: string, args: Record<string, unknown>): Promise<SentCommand>;
  /** Commands of this process to a site, newest first. */
  sent(site: string): SentCommand[];
  /** Calls back with each answer to a command of this process; returns the unsubscribe. */
  onAnswer(listener: (command: SentCommand) => void): () => void;
}

export interface CommanderDeps {
  clock: Clock;
  broker: Pick<FleetBroker, 'listen' | 'publish'>;
  key: CommandKey;
  /** Commands remembered; the oldest are forgotten. */
  commandsMax: number;
}

/** No more comes after these. */
export function isFinal({ state }: Response): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'rejected';
}

export function createCommander({ clock, broker, key, commandsMax }: CommanderDeps): Commander {
  const commands = new Map<string, SentCommand>();
  const listeners = new Set<(command: SentCommand) => void>();

  function receive(topic: string, payload: string, isRetained: boolean): void {
    const parsed = parseTopic(topic);
    const command = commands.get(parsed?.id ?? '');
    // Answers are never retained, and only the site that was asked answers.
    if (command === undefined || isRetained || parsed?.site !== command.site) return;
    const answer = parsePayload(responseShape, payload, LIMITS.brokerPacketBytesMax);
    if (answer === null || (command.answer !== null && isFinal(command.answer))) return;
    command.answer = answer;
    for (const listener of listeners) listener(command);
  }

  function remember(command: SentCommand): void {
    commands.set(command.nonce, command);
    for (const oldest of commands.keys()) {
      if (commands.size <= commandsMax) break;
      commands.delete(oldest);
    }
  }

  broker.listen({ filters: [siteTopics('+').response('+')], qos: 1, onMessage: receive });

  return {
    async send(site, verb, args) {
      const now = clock.now();
      const lifeMs = LIMITS.fleetCommandExpiresMs;
      const { token, nonce } = await signCommand({
        ...{ site, verb, args, now, lifeMs, privatePem: key.privatePem.reveal(), keyId: key.id },
      });
      const command: SentCommand = {
        ...{ nonce, site, verb, args: Object.keys(args), sentAt: now, expiresAt: now + lifeMs, answer: null },
      };
      // Before it is published: the answer may be quicker than the broker's acknowledgement.
      remember(command);
      await broker.publish({
        ...{ topic: siteTopics(site).command(verb), payload: token, qos: 1, retain: false },
        expirySeconds: lifeMs / 1000,
      });
      return command;
    },
    sent: (site) => [...commands.values()].filter((command) => command.site === site).reverse(),
    onAnswer(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
