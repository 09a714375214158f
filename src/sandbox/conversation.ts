/** What the command handlers of one simulated session share. */
import type { Dialogue, EngineDeps } from './dialogue.ts';
import type { BodyCollector } from './message-store.ts';
import type { Session, SessionRecord } from './session.ts';

/** Everything a command handler works with. */
export interface Conversation {
  deps: EngineDeps;
  dialogue: Dialogue;
  session: Session;
  record: SessionRecord;
  /** Body of a message that comes in BDAT chunks. */
  chunked: BodyCollector | null;
}

export const BAD_SEQUENCE = '503 5.5.1 Bad sequence of commands';
export const BAD_ARGUMENTS = '501 5.5.4 Invalid arguments';

/** Forgets the envelope and whatever came of its body. */
export function resetEnvelope(talk: Conversation): void {
  talk.session.sender = null;
  talk.session.recipients = [];
  talk.chunked?.discard();
  talk.chunked = null;
}
