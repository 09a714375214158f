/** A spool of 100,000 messages: pages come at once, and a search keeps nobody's 250 waiting. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MessageFilter } from '../../src/spool/types.ts';
import { fillSpool } from '../support/full-spool.ts';
import { acceptTestMessage, openTestSpool, type TestSpool } from '../support/spool.ts';

const COUNT = 100_000;
const FIRST_AT = Date.UTC(2026, 10, 20);
let spool: TestSpool;
let directory: TestSpool;
let ids: string[];

beforeAll(async () => {
  directory = await openTestSpool();
  await directory.spool.stop();
  ids = fillSpool(directory.file, {
    ...{ count: COUNT, state: 'delivered', firstAt: FIRST_AT },
    deviceOf: (index) => (index === 10 ? 'rare' : `copier-${index % 40}`),
    recipientOf: (index) => (index === 10 ? 'rare@contoso.com' : `r${index % 1000}@contoso.com`),
  });
  spool = await openTestSpool({ directory: directory.directory, key: directory.key });
}, 60_000);
afterAll(async () => {
  await spool.close();
  await directory.close();
});

async function timed(filter: MessageFilter, before: string | null = null) {
  const startedAt = performance.now();
  const found = await spool.spool.list(filter, { limit: 100, before });
  return { ids: found.map(({ head }) => head.id), ms: Math.round(performance.now() - startedAt) };
}

test('gives first, middle and last pages, and what any filter finds', async () => {
  const middle = ids[COUNT / 2] ?? '';
  const cases: [name: string, filter: MessageFilter, before: string | null, expected: string[]][] = [
    ['first page', {}, null, ids.slice(-100).reverse()],
    ['history', { states: ['delivered', 'failed', 'cancelled'] }, null, ids.slice(-100).reverse()],
    ['middle page', {}, middle, ids.slice(COUNT / 2 - 100, COUNT / 2).reverse()],
    [
      'one of 40 devices',
      { device: 'copier-7' },
      null,
      ids
        .filter((_, i) => i % 40 === 7 && i !== 10)
        .slice(-100)
        .reverse(),
    ],
    ['the last hour', { since: FIRST_AT + (COUNT - 50) * 1000 }, null, ids.slice(-50).reverse()],
    ['until', { until: FIRST_AT + 3000 }, null, ids.slice(0, 3).reverse()],
    ['rare device', { device: 'rare' }, null, [ids[10] ?? '']],
    ['rare recipient', { recipient: 'RARE@contoso.com' }, null, [ids[10] ?? '']],
    ['nothing: sender', { sender: 'nobody@contoso.com' }, null, []],
    ['nothing: state', { states: ['held'] }, null, []],
  ];
  for (const [name, filter, before, expected] of cases) {
    const { ids: found, ms } = await timed(filter, before);
    console.log(`${name}: ${ms} ms`);
    expect(found, name).toEqual(expected);
  }
});

test('takes messages in while it searches through all of them', async () => {
  const order: string[] = [];
  const search = timed({ recipient: 'nobody@contoso.com' }).then(() => order.push('searched'));
  const accepted = acceptTestMessage(spool).then(() => order.push('accepted'));
  await Promise.all([search, accepted]);
  expect(order).toEqual(['accepted', 'searched']);
});
