/** History, forecast, uncertain attempts and reload as an operator sees them, against a running agent. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adviceFor } from '../../src/agent/advice.ts';
import { formatTime } from '../../src/cli/output.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import type { MessageDetail } from '../../src/spool/types.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { cliRun } from '../support/cli.ts';
import { createQuietLog } from '../support/quiet-log.ts';

let sandbox: Sandbox;
let addresses: SandboxAddresses;
let agent: TestAgent;

const yaml = (more = ''): string => {
  const { host, port } = addresses.submission;
  return `site: { id: history }
dns: { servers: ['${addresses.dns.address}:${addresses.dns.port}'] }
intake: { listeners: [{ address: 127.0.0.1, port: 0 }] }
spool: { minFreeBytes: 0 }
devices: [{ id: copier-2f, address: 127.0.0.1 }${more}]
routes:
  - { id: mailbox, kind: submission, host: ${host}, port: ${port}, ca: ca.pem, mailbox: ${DEFAULT_MAILBOX},
      auth: { kind: basic, password: { env: PASSWORD } } }
`;
};

beforeEach(async () => {
  sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
  addresses = await sandbox.start();
  agent = await startTestAgent({
    yaml: yaml(),
    files: { 'ca.pem': addresses.caPem },
    env: { PASSWORD: sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.password ?? '' },
  });
});

afterEach(async () => {
  await agent.stop();
  await sandbox.stop();
});

async function send(to: string): Promise<void> {
  const sent = await sendScan({
    connect: { host: '127.0.0.1', port: agent.port() },
    tls: 'starttls',
    hello: { verb: 'EHLO', name: 'copier' },
    from: DEFAULT_MAILBOX,
    to: [to],
    message: Buffer.from(`From: <${DEFAULT_MAILBOX}>\r\nSubject: scan\r\n\r\nbody\r\n`),
  });
  expect(sent).toMatchObject({ accepted: true });
}

const cli = (...argv: string[]) => cliRun(['--data', `${agent.directory}/data`, ...argv]);

describe('history', () => {
  it('shows what was delivered and what failed, with the verbatim reply of each attempt', async () => {
    await send('anna@contoso.com');
    await send('reply-550-5.1.10@contoso.com');
    await agent.settled(2, ['delivered', 'failed']);
    const { code, text } = await cli('history');
    expect(code).toBe(0);
    expect(text).toMatch(/copier-2f \(TLS 1\.\d\)/);
    expect(text).toMatch(/by mailbox to \S+\n +TLS 1\.\d \(TLS_\S+\), \d+ ms/);
    expect(text).toMatch(/anna@contoso\.com: delivered\n +250 2\.0\.0 OK/);
    expect(text).toContain('550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it('shows, as queue show does, repairs, TLS of both legs, the times and each verbatim reply', async () => {
    await send('anna@contoso.com');
    const [message] = await agent.settled(1);
    if (message === undefined) throw new Error('nothing was settled');
    const { head, attempts } = message;
    const [attempt] = attempts;
    const [fromDevice, toMicrosoft] = [head.device.tls, attempt?.tls ?? null];
    if (attempt === undefined || fromDevice === null || toMicrosoft === null)
      throw new Error('no TLS on a leg');
    const version = (protocol: string) => protocol.replace('TLSv', 'TLS ');
    const reply = /^250 2\.0\.0 OK/;

    const shown = (await cli('queue', 'show', head.id)).text;
    expect(shown).toMatch(
      /^repaired {3}Date was missing: the time of arrival\.\n {11}To and Cc were missing: .*\n {11}Message-ID was missing/m,
    );
    expect(shown).toContain(`received   ${formatTime(head.receivedAt)} from copier-2f at 127.0.0.1`);
    expect(shown).toContain(`over       ${version(fromDevice.protocol)} (${fromDevice.cipher}), to `);
    expect(shown).toContain(`${formatTime(attempt.startedAt)} by mailbox to ${attempt.host}`);
    const leg = `${version(toMicrosoft.protocol)} (${toMicrosoft.cipher}), ${attempt.endedAt - attempt.startedAt} ms`;
    expect(shown).toContain(`  ${leg}\n  anna@contoso.com: delivered\n    250 2.0.0 OK`);

    const listed = (await cli('history')).text;
    expect(listed).toContain(
      `${head.id}  ${formatTime(head.receivedAt)}  copier-2f (${version(fromDevice.protocol)})`,
    );
    expect(listed).toMatch(/^ {2}repaired {3}date, to, message-id$/m);
    expect(listed).toContain(`    ${leg}\n    anna@contoso.com: delivered\n      250 2.0.0 OK`);

    const one = (await cli('--json', 'queue', 'show', head.id)).json;
    const { messages } = (await cli('--json', 'history')).json as { messages: unknown[] };
    for (const json of [one, messages[0]])
      expect(json).toMatchObject({
        head: { receivedAt: head.receivedAt, device: { tls: fromDevice } },
        attempts: [
          {
            ...{
              routeId: 'mailbox',
              startedAt: attempt.startedAt,
              endedAt: attempt.endedAt,
              tls: toMicrosoft,
            },
            results: [
              { address: 'anna@contoso.com', state: 'delivered', reply: expect.stringMatching(reply) },
            ],
          },
        ],
        events: [
          { type: 'message.accepted', data: { repairs: ['date', 'to', 'message-id'] } },
          { type: 'message.delivered' },
        ],
      });
  });

  it('keeps the lines of a reply together, and names an attempt that met a fault of the way', async () => {
    const reply = '550-5.1.1 nobody\r\n550 5.1.1 of that name';
    sandbox.tenant.replyTo({ stage: 'rcpt', match: 'always', reply, times: 1 });
    await send('anna@contoso.com');
    await agent.settled(1, ['failed']);
    const listed = (await cli('history')).text;
    expect(listed).toMatch(/^ {6}550-5\.1\.1 nobody\n {6}550 5\.1\.1 of that name$/m);

    const busy = '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded';
    sandbox.tenant.replyTo({ stage: 'data-end', match: 'always', reply: busy, times: 1 });
    await send('bert@contoso.com');
    const waiting = await agent.when(async () => {
      const [last] = await agent.agent.rooms.spool.list({}, { limit: 1, before: null });
      const detail = last === undefined ? null : await agent.agent.rooms.spool.show(last.head.id);
      return detail?.attempts.length === 1 ? detail : null;
    }, 'an attempt of the second message');
    const shown = (await cli('queue', 'show', waiting.head.id)).text;
    expect(shown).toMatch(
      /by mailbox to \S+\n {2}TLS 1\.\d \(TLS_\S+\), \d+ ms\n {2}bert@contoso\.com: queued\n/,
    );
    expect(shown).toContain(`\n    ${busy}`);
  });

  it('is told by queue show with what to do about a recipient that failed', async () => {
    await send('reply-550-5.1.10@contoso.com');
    await agent.settled(1, ['failed']);
    const [failed] = await agent.agent.rooms.spool.list({}, { limit: 1, before: null });
    const id = failed?.head.id ?? '';
    const { cause, code } = failed?.recipients[0] ?? {};
    const advice = adviceFor(code ?? '');
    expect(advice).toMatch(/\w/);
    const shown = (await cli('queue', 'show', id)).text.replace(/\s+/g, ' ');
    expect(shown).toContain(`${cause} ${advice}`);
    expect((await cli('--json', 'queue', 'show', id)).json).toMatchObject({ recipients: [{ advice }] });
  });

  it('says what to do about a recipient that failed, and only the cause of a trouble that is over', async () => {
    await send('reply-550-5.1.10@contoso.com');
    await agent.settled(1, ['failed']);
    sandbox.tenant.faults.submission.dropAfterFinalDot = true;
    await send('anna@contoso.com');
    const [deferred] = await agent.settled(1, ['deferred'], { recipient: 'anna@contoso.com' });
    sandbox.tenant.faults.submission.dropAfterFinalDot = false;
    await cli('queue', 'retry', deferred?.head.id ?? '');
    const [, failed] = await agent.settled(2, ['delivered', 'failed']);
    const [whyDeferred, whyFailed] = [deferred, failed].map((one) => one?.recipients[0]);
    const [former, advice] = [whyDeferred, whyFailed].map((one) => adviceFor(one?.code ?? ''));
    expect([former, advice]).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\w/)]);

    const { text } = await cliRun(['--data', `${agent.directory}/data`, 'history'], { width: 80 });
    const ours = text.split('\n').filter((line) => !/^ {6}\d{3} /.test(line));
    expect(Math.max(...ours.map((line) => line.length))).toBeLessThanOrEqual(80);
    const [newest, oldest] = text.split('\n\n').map((message) => message.replace(/\s+/g, ' '));
    expect(oldest).toContain(`reply-550-5.1.10@contoso.com: failed ${whyFailed?.cause} ${advice} 550 5.1.10`);
    expect(newest).toContain(`(uncertain: it may have arrived) ${whyDeferred?.cause} 20`);
    expect(newest).not.toContain(former);

    const { messages } = (await cli('--json', 'history')).json as { messages: unknown[] };
    expect(messages).toMatchObject([{ recipients: [{ advice: null }] }, { recipients: [{ advice }] }]);
  });

  it('says why and what to do below a recipient whose attempts do not tell it', async () => {
    const { spool } = agent.agent.rooms;
    sandbox.tenant.faults.submission.dropAfterFinalDot = true;
    await send('anna@contoso.com');
    const [deferred] = await agent.settled(1, ['deferred']);
    const id = deferred?.head.id ?? '';
    await cli('queue', 'cancel', id);
    const cause = (await spool.show(id))?.recipients[0]?.cause;
    expect((await cli('history')).text).toContain(`  cancelled  anna@contoso.com\n    ${cause}\n  20`);
  });

  it('can be narrowed to a state, a recipient, a device, a time and a page', async () => {
    await send('anna@contoso.com');
    await send('reply-550-5.1.10@contoso.com');
    await agent.settled(2, ['delivered', 'failed']);
    const counts: [string[], number][] = [
      [['--state', 'failed'], 1],
      [['--recipient', 'anna@contoso.com'], 1],
      [['--device', 'copier-2f'], 2],
      [['--device', 'copier-3f'], 0],
      [['--since', '2020-01-01'], 2],
      [['--since', '2999-01-01T00:00'], 0],
      [['--limit', '1'], 1],
    ];
    for (const [options, count] of counts) {
      const { json } = await cli('--json', 'history', ...options);
      expect((json as { messages: unknown[] }).messages, options.join(' ')).toHaveLength(count);
    }
  });

  it.each([
    ['a time that is none', ['--since', 'yesterday']],
    ['a limit that is none', ['--limit', '0']],
    ['a state that is not settled', ['--state', 'queued']],
  ])('refuses %s', async (_name, options) => {
    expect((await cli('history', ...options)).code).toBe(2);
  });
});

describe('a reply that is lost after the final dot', () => {
  it('is counted as uncertain, and the message is sent again under the same Message-ID', async () => {
    sandbox.tenant.faults.submission.dropAfterFinalDot = true;
    await send('anna@contoso.com');
    const [deferred] = await agent.settled(1, ['deferred']);
    const id = deferred?.head.id ?? '';
    expect(deferred?.attempts[0]?.results[0]).toMatchObject({ state: 'deferred', uncertain: true });
    expect((await cli('status')).text).toContain('uncertain: 1 attempt');

    sandbox.tenant.faults.submission.dropAfterFinalDot = false;
    await cli('queue', 'retry', id);
    await agent.settled(1, ['delivered']);
    const bodies = sandbox.received().map(({ body }) => body?.toString() ?? '');
    expect(bodies.length).toBe(2);
    const ids = bodies.map((body) => /^Message-ID: (.*)\r$/im.exec(body)?.[1]);
    expect(ids).toEqual([deferred?.head.messageIdHeader, deferred?.head.messageIdHeader]);
    const shown = await cli('queue', 'show', id);
    expect(shown.text).toContain('anna@contoso.com: deferred (uncertain: it may have arrived)');
    expect(shown.text).toContain('anna@contoso.com: delivered');
  });
});

describe('a message that waits', () => {
  it('shows when it goes, about, and nothing for a pause without an end', async () => {
    await sandbox.setListening('submission', false);
    await send('anna@contoso.com');
    await agent.when(
      async () => (agent.agent.rooms.dispatch.routes()[0]?.pause ? true : null),
      'the route is paused',
    );
    const waiting = await cli('queue', 'list');
    expect(waiting.text).toMatch(/queued\s+anna@contoso\.com\n +goes at about \d{4}-/);
    await cli('routes', 'pause', 'mailbox');
    const { json } = await cli('--json', 'queue', 'list');
    expect(
      (json as { messages: (MessageDetail & { recipients: { expectedAt: number | null }[] })[] }).messages[0]
        ?.recipients[0],
    ).toMatchObject({
      state: 'queued',
      tries: 0,
      expectedAt: null,
    });
    await sandbox.setListening('submission', true);
  });
});

describe('reload', () => {
  it('says what has changed, and exits with 2 and the reason when the config is bad', async () => {
    expect(await cli('reload')).toMatchObject({ code: 0, text: 'Nothing in the config has changed.' });
    agent.rewrite(yaml(', { id: scanner-3f, address: 127.0.0.3 }'));
    expect(await cli('reload')).toMatchObject({
      code: 0,
      text: 'The new config is in force; changed: devices.',
    });
    agent.rewrite(yaml(', { id: copier-2f, address: 127.0.0.4 }'));
    const bad = await cli('reload');
    expect(bad.code).toBe(2);
    expect(bad.text).toContain('devices[1].id: copier-2f is already used');
    expect(bad.text).toContain('The agent goes on with the config it has.');
  });
});
