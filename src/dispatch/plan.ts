/** What to do with a claim now: one envelope on one lane, or a settlement without an attempt, or nothing. */
import type { Explanation } from '../core/errors.ts';
import type { Claim, RecipientSettlement } from '../spool/types.ts';
import { explain } from './explanations.ts';
import type { HeldSender } from './holds.ts';
import type { Lane, LaneTicket } from './lane.ts';
import type { ClaimedRecipient } from './settlement.ts';

export type Decision =
  | { kind: 'start'; lane: Lane }
  | { kind: 'wait' }
  | { kind: 'impossible'; why: Explanation };

/** One attempt to come: recipients that go in one envelope, with their place on the lane taken. */
export interface Envelope {
  lane: Lane;
  ticket: LaneTicket;
  recipients: ClaimedRecipient[];
}

/**
 * One step with a claim. A settlement ends the whole claim in the spool, so a message that goes several ways is
 * claimed once for each of them: the recipients that a step leaves out are due again at its end.
 */
export type Plan =
  | { kind: 'attempt'; claim: Claim; envelope: Envelope }
  /** No route can carry these recipients, or their sender is held. */
  | { kind: 'settle'; claim: Claim; recipients: RecipientSettlement[] }
  /** Every recipient's route is busy or paused. */
  | { kind: 'wait'; claim: Claim };

export interface PlanDeps {
  decide(address: string): Decision;
  findHeld(lane: Lane, claim: Claim): HeldSender | null;
}

/** Plans the next step of a claim; an attempt has its place on the lane taken. */
export function planClaim(claim: Claim, deps: PlanDeps): Plan {
  const unattempted: RecipientSettlement[] = [];
  const due: ClaimedRecipient[] = [];
  let lane: Lane | null = null;
  for (const recipient of claim.recipients) {
    const decision = deps.decide(recipient.address);
    if (decision.kind === 'impossible') unattempted.push(noRoute(recipient, decision.why));
    if (decision.kind !== 'start') continue;
    const held = deps.findHeld(decision.lane, claim);
    if (held) unattempted.push(senderHeld(recipient, held));
    else lane ??= decision.lane;
    if (!held && decision.lane === lane) due.push(recipient);
  }
  if (unattempted.length > 0) return { kind: 'settle', claim, recipients: unattempted };
  if (lane === null) return { kind: 'wait', claim };
  const recipients = due.slice(0, lane.envelopeMax());
  const ticket = lane.begin(recipients.map(({ address }) => address));
  return { kind: 'attempt', claim, envelope: { lane, ticket, recipients } };
}

function noRoute({ id }: ClaimedRecipient, { code, cause }: Explanation): RecipientSettlement {
  return { recipientId: id, state: 'failed', code, cause, reply: null };
}

function senderHeld({ id }: ClaimedRecipient, { why, reply }: HeldSender): RecipientSettlement {
  const { code, cause } = explain('message.sender-held', { detail: why.cause });
  return { recipientId: id, state: 'held', code, cause, reply };
}
