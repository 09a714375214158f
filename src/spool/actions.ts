/** What an operator may do with a recipient, as a table: from which states, to which, and why. */
import type { RecipientState } from '../core/message.ts';
import type { OperatorAction } from './types.ts';

export interface ActionRule {
  /** States the action applies to; never `sending`: what is under way is settled first. */
  from: readonly Exclude<RecipientState, 'sending'>[];
  to: 'queued' | 'held' | 'cancelled';
  /** Whether the action makes sense only while the body is there. */
  needsBody: boolean;
  /** What it is for, a phrase for help texts. */
  purpose: string;
}

const OPERATOR_ACTIONS = {
  retry: {
    from: ['deferred', 'failed'],
    to: 'queued',
    needsBody: true,
    purpose: 'send deferred or failed messages now',
  },
  hold: {
    from: ['queued', 'deferred'],
    to: 'held',
    needsBody: true,
    purpose: 'keep messages back until they are released',
  },
  release: { from: ['held'], to: 'queued', needsBody: true, purpose: 'let held messages go' },
  cancel: {
    from: ['queued', 'deferred', 'held', 'failed'],
    to: 'cancelled',
    needsBody: false,
    purpose: 'give messages up and erase their bodies',
  },
} as const satisfies Record<OperatorAction, ActionRule>;

/** The rule of an action. */
export function ruleOf(action: OperatorAction): ActionRule {
  return OPERATOR_ACTIONS[action];
}
