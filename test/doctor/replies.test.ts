/**
 * Every reply that stops a route until a person acts, raised by the simulated tenant, and named by the doctor: by its
 * own questions where one shows it, else by the pause of the agent that has met it.
 */
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import { REPLY_TABLE } from '../../src/routes/replies.ts';
import { REPLIES } from '../../src/sandbox/replies.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import { HOST_OF, REPLY_CASES, type ReplyCase, type Way } from '../flows/support/reply-cases.ts';
import {
  routeLines,
  scanFrom,
  siteLines,
  startTenantSite,
  statusOf,
  type TenantSite,
} from '../flows/support/upstream.ts';
import type { TestAgent } from '../support/agent.ts';
import { type Bench, createBench, secretsOf, troublesIn } from './bench.ts';

const STOPPING = REPLY_TABLE.filter(({ action }) => action === 'pause' || action === 'fix');
const DOMAIN_OF: Record<Way, string> = {
  mailbox: 'contoso.com',
  oauth: 'adatum.com',
  direct: 'fabrikam.com',
  connector: 'litwareinc.com',
};

interface Case extends ReplyCase {
  stage: string;
  text: string;
  title: string;
}

const CASES = REPLY_CASES.filter(({ row }) => STOPPING.some(({ id }) => id === row)).map((one): Case => {
  const { stage, text } = typeof one.reply === 'string' ? REPLIES[one.reply] : one.reply;
  return { ...one, stage, text, title: `${text} at ${stage} on ${one.way}: ${one.row}` };
});
/** What is said to a message alone: nobody can ask for it without sending one. */
const isAnswerToMessage = ({ stage }: Case) => stage === 'data' || stage === 'data-end';

let site: TenantSite;
let agent: TestAgent;
let bench: Bench;

function routesOf(): Record<Way, string> {
  const lines = routeLines(site.addresses, { mailbox: ', sendAs: [contoso.com]' });
  return {
    ...lines,
    oauth: lines.oauth.replace('id: mailbox', 'id: oauth'),
    direct: lines.direct.replace('ca: ca.pem', `ca: ca.pem, domains: [${DOMAIN_OF.direct}]`),
  };
}

beforeAll(async () => {
  site = await startTenantSite();
  const { tenant } = site.sandbox;
  tenant.domains.add(DOMAIN_OF.direct);
  tenant.connector = { addresses: ['127.0.0.1'], certificateName: null, authorities: [] };
  tenant.mailboxes.get(DEFAULT_MAILBOX)?.sendAs.push('contoso.com');
  const lines = routesOf();
  bench = createBench({ 'ca.pem': site.addresses.caPem });
  const rules = (['direct', 'connector', 'oauth'] as const).map(
    (way) => `  - { recipients: [${DOMAIN_OF[way]}], use: [${way}] }\n`,
  );
  agent = await site.startAgent({
    routes: `routes:
${Object.values(lines).join('')}routing:
${rules.join('')}  - { use: [mailbox] }\n`,
    listenerTls: 'starttls',
  });
});
afterAll(async () => {
  bench.remove();
  await agent.stop();
  await site.stop();
});
afterEach(async () => {
  site.sandbox.tenant.clearReplies();
  const { dispatch, spool } = agent.agent.rooms;
  await spool.act('cancel', { states: ['queued', 'deferred', 'held', 'failed'] }, 'the test');
  for (const { id, pause, outsidePause } of dispatch.routes())
    if (pause !== null || outsidePause) dispatch.resumeRoute(id, 'the test');
});

/** Without the agent: by a config with that route alone. */
const linesOf = (way: Way) =>
  bench.diagnose(
    `${siteLines(site.addresses.dns)}routes:\n${routesOf()[way]}`,
    ['routes'],
    secretsOf(site.sandbox),
  );

const control = () => createControlClient(path.join(agent.directory, 'data'));

test('every row that stops a route has a case', () => {
  const covered = new Set(CASES.map(({ row }) => row));
  expect(STOPPING.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([]);
});

test('a tenant without trouble has none told', async () => {
  for (const way of Object.keys(DOMAIN_OF) as Way[]) expect(troublesIn(await linesOf(way))).toEqual([]);
});

describe('a question shows', () => {
  test.each(CASES.filter((one) => !isAnswerToMessage(one)))(
    '$title',
    async ({ reply, row, way, stage, text }) => {
      const { tenant } = site.sandbox;
      if (typeof reply === 'string') tenant.raise(reply, { host: HOST_OF[way] });
      else tenant.replyTo({ ...reply, host: HOST_OF[way], match: 'always', reply: reply.text });
      const [line, ...more] = troublesIn(await linesOf(way));
      expect(line).toMatchObject({ grade: 'fail', detail: text.split('\n') });
      expect(line?.why?.code).toBe(`reply.${row}`);
      expect(line?.why?.advice).toMatch(/^[A-Z].*\.$/);
      // Another question may meet the same reply; nothing else is wrong.
      expect(new Set(more.map(({ why }) => why?.code))).toEqual(
        new Set(more.length > 0 ? [`reply.${row}`] : []),
      );
      const tellsAddress = REPLY_TABLE.find(({ id }) => id === row)?.tellsAddress === true;
      if (tellsAddress && (stage === 'mail' || stage === 'rcpt'))
        expect(line?.why?.cause).toContain('(Microsoft sees this box as 127.0.0.1)');
    },
  );
});

describe('the pause of the agent shows', () => {
  test.each(CASES.filter(isAnswerToMessage))('$title', async ({ reply, row, way, text, deed }) => {
    const { tenant } = site.sandbox;
    if (typeof reply !== 'string') throw new Error('a reply of our own needs a case of its own');
    tenant.raise(reply, { host: HOST_OF[way] });
    expect(troublesIn(await linesOf(way))).toEqual([]);

    const to = deed === 'spares' ? 'target@wingtiptoys.com' : `target@${DOMAIN_OF[way]}`;
    await scanFrom(agent, { tls: 'none', from: 'device@contoso.com', to: [to] });
    const pause = await agent.when(async () => {
      const { pause: whole, outsidePause } = statusOf(agent, way);
      return whole ?? outsidePause ?? null;
    }, `${way} is paused`);
    const { grade, lines } = await control().call('doctor', { only: ['routes'] });
    const line = lines.find(({ name }) => name === `${way}: sending`);
    expect(line).toMatchObject({
      grade: pause.needsPerson ? 'fail' : 'warn',
      detail: text.split('\n'),
      why: {
        code: `reply.${row}`,
        cause: `The agent waits because of what it met when it sent: ${pause.cause}`,
      },
    });
    expect(line?.why?.advice).toContain(`\`scanferry routes resume ${way}\``);
    expect(line?.why?.advice).toContain('it shows only when a message is sent');
    expect(grade).toBe(line?.grade);
  });
});

describe('what holds a message alone', () => {
  const HOLDS = ['550-5.7.60', '554-5.2.252', '554-5.2.254'] as const;

  test.each(HOLDS)('%s is told as the cause of what waits for a person, with its cure', async (reply) => {
    const row = REPLY_CASES.find((one) => one.reply === reply)?.row;
    const from = `device-${reply.replaceAll('.', '-')}@contoso.com`;
    site.sandbox.tenant.raise(reply, { host: 'submission', match: { sender: from } });
    expect(troublesIn(await linesOf('mailbox'))).toEqual([]);
    await scanFrom(agent, { tls: 'none', from, to: ['target@contoso.com'] });
    await agent.settled(1, ['held'], { states: ['held'] });
    const { lines } = await control().call('doctor', { only: ['spool'] });
    const line = lines.find(({ name }) => name === 'held because');
    const { cause, advice } = REPLY_TABLE.find(({ id }) => id === row) ?? {};
    expect(line).toMatchObject({
      grade: 'warn',
      text: '1 recipient',
      why: { code: `reply.${row}`, cause, advice },
    });
  });
});
