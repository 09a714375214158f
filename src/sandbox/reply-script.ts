/** Replies that a test asks for: any text at any step, for anyone or for one address, once or always. */
import {
  type HostKind,
  namedReply,
  REPLIES,
  type ReplyId,
  type ReplyRow,
  type Stage,
  type Subject,
} from './replies.ts';

export type Match = 'always' | { recipient: string } | { sender: string } | { user: string };

export interface ScriptedReply {
  stage: Stage;
  /** Left out, on both hosts. */
  host?: HostKind;
  match: Match;
  /** The whole reply without its CRLF, such as `451 4.7.500 Server busy`; line breaks make it multi-line. */
  reply: string;
  /** How often; left out, until removed. */
  times?: number;
}

export interface ScriptHandle {
  /** How often the reply was given. */
  hits(): number;
  remove(): void;
}

export interface ReplyScript {
  replyTo(entry: ScriptedReply): ScriptHandle;
  /** Gives a row of the table at its own step and host. */
  raise(id: ReplyId, options?: { match?: Match; times?: number; host?: HostKind }): ScriptHandle;
  clearReplies(): void;
  /** The scripted or named reply for this step, or null for the host's own; counts it. */
  pick(host: HostKind, stage: Stage, about: Subject): string | null;
}

export function createReplyScript(): ReplyScript {
  const entries = new Set<{ entry: ScriptedReply; hits: number }>();

  function replyTo(entry: ScriptedReply): ScriptHandle {
    const kept = { entry, hits: 0 };
    entries.add(kept);
    return { hits: () => kept.hits, remove: () => entries.delete(kept) };
  }

  return {
    replyTo,
    raise(id, options = {}) {
      const row: ReplyRow = REPLIES[id];
      return replyTo({
        stage: row.stage,
        host: options.host ?? row.host,
        match: options.match ?? 'always',
        reply: row.text,
        ...(options.times === undefined ? {} : { times: options.times }),
      });
    },
    clearReplies: () => entries.clear(),
    pick(host, stage, about) {
      for (const kept of entries) {
        const { entry } = kept;
        if (entry.stage !== stage || (entry.host ?? host) !== host || !matches(entry.match, about)) continue;
        kept.hits++;
        if (kept.hits >= (entry.times ?? Number.POSITIVE_INFINITY)) entries.delete(kept);
        return entry.reply;
      }
      return namedReply(stage, about);
    },
  };
}

function matches(match: Match, about: Subject): boolean {
  if (match === 'always') return true;
  if ('recipient' in match) return (about.recipients ?? []).some((one) => same(one, match.recipient));
  if ('sender' in match) return about.sender !== undefined && same(about.sender, match.sender);
  return about.user !== undefined && same(about.user, match.user);
}

function same(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
