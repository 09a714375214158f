/** What to do with each recipient of a claim now: which envelope on which lane, or no attempt at all. */
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

export interface Plan {
  claim: Claim;
  envelopes: Envelope[];
  /** Recipients settled without an attempt: no route can carry them, or their sender is held. */
  unattempted: RecipientSettlement[];
  /** Recipients whose route can't take them now. */
  waiting: ClaimedRecipient[];
}

export interface PlanDeps {
  decide(address: string): Decision;
  findHeld(lane: Lane): HeldSender | null;
}

/** Plans a claim and takes the places on the lanes; every recipient is in exactly one part of the plan. */
export function planClaim(claim: Claim, deps: PlanDeps): Plan {
  const plan: Plan = { claim, envelopes: [], unattempted: [], waiting: [] };
  const perLane = new Map<Lane, ClaimedRecipient[]>();
  for (const recipient of claim.recipients) {
    const decision = deps.decide(recipient.address);
    if (decision.kind === 'wait') plan.waiting.push(recipient);
    else if (decision.kind === 'impossible') plan.unattempted.push(noRoute(recipient, decision.why));
    else perLane.set(decision.lane, [...(perLane.get(decision.lane) ?? []), recipient]);
  }
  for (const [lane, recipients] of perLane) {
    const held = deps.findHeld(lane);
    if (held) plan.unattempted.push(...recipients.map((recipient) => senderHeld(recipient, held)));
    else fillEnvelopes(plan, lane, recipients);
  }
  return plan;
}

function fillEnvelopes(plan: Plan, lane: Lane, recipients: ClaimedRecipient[]): void {
  let rest = recipients;
  while (rest.length > 0 && lane.isReady()) {
    const size = lane.envelopeMax();
    const now = rest.slice(0, size);
    plan.envelopes.push({ lane, ticket: lane.begin(now.length), recipients: now });
    rest = rest.slice(size);
  }
  plan.waiting.push(...rest);
}

function noRoute({ id }: ClaimedRecipient, why: Explanation): RecipientSettlement {
  return { recipientId: id, state: 'failed', code: why.code, cause: why.cause, reply: null };
}

function senderHeld({ id }: ClaimedRecipient, { why, reply }: HeldSender): RecipientSettlement {
  const { code, cause } = explain('message.sender-held', { detail: why.cause });
  return { recipientId: id, state: 'held', code, cause, reply };
}
