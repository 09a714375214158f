/** Which messages of a refused sender are let through: those that an operator has released since. */
import { expect, it } from 'vitest';
import type { EventRecord } from '../../src/core/events.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { MessageHead } from '../../src/core/message.ts';
import { createHolds } from '../../src/dispatch/holds.ts';

const HELD = {
  why: { code: 'reply.send-as-denied', cause: 'Not allowed.', advice: 'Allow it.' },
  reply: null,
};

const headOf = (id: string): MessageHead => ({
  ...{ id, receivedAt: 0, sender: 'copier@contoso.com', messageIdHeader: `<${id}@box>`, bodyBytes: 1 },
  device: {
    id: 'copier',
    address: '127.0.0.1',
    greeting: null,
    login: null,
    profile: null,
    listener: '127.0.0.1:25',
    tls: null,
  },
});

/** The event table, which may answer late. */
function eventTable() {
  const events: EventRecord[] = [];
  const late: (() => void)[] = [];
  let isLate = false;
  return {
    release(message: string) {
      const data = { message, recipient: 'office@contoso.com', by: 'operator' };
      events.push({ seq: events.length + 1, ts: 0, type: 'message.released', data });
    },
    answerLate() {
      isLate = true;
    },
    /** Everybody who waits gets what was there when they asked. */
    answerNow() {
      isLate = false;
      for (const answer of late.splice(0)) answer();
    },
    async events(afterSeq: number, limit: number): Promise<EventRecord[]> {
      const page = events.filter(({ seq }) => seq > afterSeq).slice(0, limit);
      if (isLate) await new Promise<void>((resolve) => late.push(resolve));
      return page;
    },
  };
}

it('lets a message through that is released while the releases are being read', async () => {
  const table = eventTable();
  const holds = createHolds(table);
  await holds.hold('mailbox', headOf('first'), HELD);
  table.answerLate();
  const early = holds.refresh();
  // Asked already; what comes now is not in that answer.
  await Promise.resolve();
  table.release('second');
  const afterRelease = holds.refresh();
  table.answerNow();
  await Promise.all([early, afterRelease]);
  expect(holds.find('mailbox', headOf('second'))).toBeNull();
  expect(holds.find('mailbox', headOf('third'))).toEqual(HELD);
});

it('remembers a bounded number of releases, the latest', async () => {
  const table = eventTable();
  const holds = createHolds(table);
  await holds.hold('mailbox', headOf('first'), HELD);
  const count = LIMITS.heldReleasesMax + 1;
  for (let index = 0; index < count; index += 1) table.release(`released-${index}`);
  await holds.refresh();
  expect(holds.find('mailbox', headOf('released-0'))).toEqual(HELD);
  expect(holds.find('mailbox', headOf(`released-${count - 1}`))).toBeNull();
});
