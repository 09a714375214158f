/** The choice of a route, and the filter that keeps the rest in the spool. */
import { expect, test } from 'vitest';
import { domainOf } from '../../src/core/message.ts';
import { chooseRoute, claimFilterFor } from '../../src/routes/choose.ts';
import type { RoutingRule } from '../../src/routes/settings.ts';

const direct = {
  domains: ['contoso.com'],
  canCarry: (recipient: string) => domainOf(recipient) === 'contoso.com',
};
const anywhere = { canCarry: (recipient: string) => domainOf(recipient) !== '' };
const routes = new Map<string, typeof direct | typeof anywhere>([
  ['direct', direct],
  ['mailbox', anywhere],
  ['second', anywhere],
]);
const ROUTING: RoutingRule[] = [
  { recipients: ['contoso.com', 'fabrikam.com'], use: ['direct', 'mailbox'] },
  { recipients: ['contoso.com', 'example.org'], use: ['second'] },
  { use: ['mailbox', 'second'] },
];
const usable =
  (...ids: string[]) =>
  (id: string) =>
    ids.includes(id);
const ALL = usable('direct', 'mailbox', 'second');
const filterOf = (routing: RoutingRule[], isUsable: (id: string) => boolean) =>
  claimFilterFor(
    (recipient) => chooseRoute(routing, recipient, isUsable, routes).kind === 'wait',
    routing,
    routes,
  );

test.each([
  ['the first route of the rule', 'a@contoso.com', ALL, 'direct'],
  ['the domain whatever its case', 'a@CONTOSO.com', ALL, 'direct'],
  ['the next when the first is paused', 'a@contoso.com', usable('mailbox', 'second'), 'mailbox'],
  ['the next when the first can not carry it', 'a@fabrikam.com', ALL, 'mailbox'],
  ['the rule without recipients for the rest', 'a@other.net', ALL, 'mailbox'],
  ['the second of that rule', 'a@other.net', usable('second'), 'second'],
])('takes %s', (_name, recipient, isUsable, routeId) => {
  expect(chooseRoute(ROUTING, recipient, isUsable, routes)).toMatchObject({ kind: 'use', routeId });
});

test.each([
  ['all of it', 'a@other.net', ALL, ['mailbox', 'second']],
  ['those that are usable', 'a@other.net', usable('second'), ['second']],
  ['those that can carry it', 'a@fabrikam.com', ALL, ['mailbox', 'second']],
  ['none of the next entry', 'a@contoso.com', usable('direct', 'spare'), ['direct']],
  ['the next entry when the whole group is paused', 'a@contoso.com', usable('spare'), ['spare']],
])('names of a group that shares the load %s', (_name, recipient, isUsable, among) => {
  const shared: RoutingRule[] = [{ use: [['direct', 'mailbox', 'second'], 'spare'] }];
  const withSpare = new Map([...routes, ['spare', anywhere] as const]);
  const choice = chooseRoute(shared, recipient, isUsable, withSpare);
  expect(choice).toEqual({ kind: 'use', routeId: among[0], among });
});

test('stays with the first rule that fits, and waits for it', () => {
  const choice = chooseRoute(ROUTING, 'a@contoso.com', usable('second'), routes);
  expect(choice).toEqual({ kind: 'wait', rule: ROUTING[0] });
});

test('waits for the route that can carry it, not for one that can not', () => {
  expect(chooseRoute(ROUTING, 'a@fabrikam.com', usable('direct'), routes).kind).toBe('wait');
});

test.each([
  ['no rule fits', [{ recipients: ['contoso.com'], use: ['mailbox'] }], 'a@other.net', 'message.no-rule'],
  ['no route can carry it', [{ use: ['direct'] }], 'a@other.net', 'message.no-route'],
  ['the rule names unknown routes', [{ use: ['gone'] }], 'a@contoso.com', 'message.no-route'],
  ['the recipient has no domain', ROUTING, 'postmaster', 'message.no-route'],
])('says why when %s', (_name, routing, recipient, code) => {
  expect(chooseRoute(routing, recipient, ALL, routes)).toMatchObject({ kind: 'impossible', why: { code } });
});

test.each([
  ['everything while all routes are usable', ROUTING, ALL, { kind: 'all' }],
  [
    'all but the domains that wait',
    ROUTING,
    usable('direct', 'mailbox'),
    { kind: 'except', domains: ['example.org'] },
  ],
  [
    'only the domains that go when the rest waits',
    ROUTING,
    usable('direct'),
    { kind: 'only', domains: ['contoso.com'] },
  ],
  ['nothing when every route is paused', ROUTING, usable(), { kind: 'only', domains: [] }],
  [
    'what no rule fits, so that it can be told',
    [{ recipients: ['contoso.com'], use: ['mailbox'] }],
    usable(),
    { kind: 'except', domains: ['contoso.com'] },
  ],
  [
    'the domain of direct send under a rule for all',
    [{ use: ['direct', 'mailbox'] }],
    usable('direct'),
    { kind: 'only', domains: ['contoso.com'] },
  ],
])('claims %s', (_name, routing, isUsable, filter) => {
  expect(filterOf(routing, isUsable)).toEqual(filter);
});

test('the filter and the choice agree for every domain and every set of paused routes', () => {
  const domains = ['contoso.com', 'fabrikam.com', 'example.org', 'other.net'];
  const ids = [...routes.keys()];
  for (let set = 0; set < 2 ** ids.length; set++) {
    const isUsable = usable(...ids.filter((_id, bit) => (set >> bit) & 1));
    const filter = filterOf(ROUTING, isUsable);
    for (const domain of domains) {
      const isClaimed = filter.kind === 'all' || filter.domains.includes(domain) === (filter.kind === 'only');
      const { kind } = chooseRoute(ROUTING, `a@${domain}`, isUsable, routes);
      expect(isClaimed, `${domain} in ${JSON.stringify(filter)}`).toBe(kind !== 'wait');
    }
  }
});
