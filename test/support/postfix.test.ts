/** The Postfix harness itself: each switch does what it says, and nothing is left behind. */
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SendRequest } from './clients/types.ts';
import { CLIENTS } from './clients.ts';
import { afterSmtp, buildScan } from './corpus.ts';
import { bodyAfterTraceHeaders } from './lmtp-sink.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { POSTFIX_DEFAULTS } from './postfix-config.ts';
import { runCommand, runOrThrow, startProcess } from './processes.ts';

const LOGIN = { user: 'scanner@contoso.com', password: 'correct horse', mechanism: 'LOGIN' } as const;

let postfix: Postfix;
let sent = 0;

beforeAll(async () => {
  postfix = await startPostfix({ logins: [LOGIN] });
});

afterAll(() => postfix.stop());

function request(changes: Partial<SendRequest> = {}): SendRequest {
  sent += 1;
  return {
    host: postfix.address,
    port: postfix.port,
    tls: 'starttls',
    login: LOGIN,
    sender: 'scanner@contoso.com',
    recipients: [`desk-${sent}@contoso.com`],
    message: Buffer.from('Subject: Scan\r\n\r\n.\r\nA page.\r\n'),
    ...changes,
  };
}

/** Everything but the login: exactOptionalPropertyTypes has no room for undefined. */
function requestWithoutLogin(changes: Partial<SendRequest> = {}): SendRequest {
  const { login: _, ...rest } = request(changes);
  return rest;
}

describe('as it starts', () => {
  it('relays the bytes of a message that swaks sends with TLS and AUTH', async () => {
    const asked = request({ caFile: postfix.certificates.caFile });
    expect(await CLIENTS.swaks.send(asked)).toMatchObject({ ok: true, code: 250 });
    const message = await postfix.sink.waitForRecipient(asked.recipients[0]);
    expect(message.sender).toBe('scanner@contoso.com');
    expect(bodyAfterTraceHeaders(message.raw).toString()).toBe(asked.message.toString());
  });

  it('relays nothing without AUTH', async () => {
    expect(await CLIENTS.python.send(requestWithoutLogin())).toMatchObject({ ok: false, code: 554 });
  });

  it('offers AUTH only after STARTTLS', async () => {
    const { ok, stderr } = await CLIENTS.curl.send(request({ tls: 'none' }));
    expect(ok).toBe(false);
    expect(stderr).not.toMatch(/^< 250[ -]AUTH/m);
  });

  it('refuses TLS 1.1', async () => {
    expect((await CLIENTS.openssl.send(request({ tlsVersion: 'TLSv1.1' }))).ok).toBe(false);
  });

  it('carries a 25 MiB scan byte for byte', async () => {
    const asked = request({ message: buildScan({ seed: 'large', pdfBytes: 25 * 1024 * 1024 }) });
    expect(await CLIENTS.python.send(asked)).toMatchObject({ ok: true, code: 250 });
    const { raw } = await postfix.sink.waitForRecipient(asked.recipients[0]);
    expect(bodyAfterTraceHeaders(raw).equals(afterSmtp(asked.message))).toBe(true);
  });
});

describe('switched while it runs', () => {
  async function withSettings(
    changes: Parameters<Postfix['reconfigure']>[0],
    check: () => Promise<void>,
  ): Promise<void> {
    await postfix.reconfigure(changes);
    await check();
    await postfix.reconfigure(POSTFIX_DEFAULTS);
    expect((await CLIENTS.swaks.send(request())).ok).toBe(true);
  }

  it('speaks TLS 1.1 alone when told so, and heals', () =>
    withSettings({ tls: { floor: 'TLSv1.1', ceiling: 'TLSv1.1' } }, async () => {
      expect((await CLIENTS.openssl.send(request({ tlsVersion: 'TLSv1.2' }))).ok).toBe(false);
      expect((await CLIENTS.python.send(request({ tlsVersion: 'TLSv1.3' }))).ok).toBe(false);
      expect((await CLIENTS.python.send(request({ tlsVersion: 'TLSv1.1' }))).ok).toBe(true);
    }));

  it('shows a certificate signed by itself, and heals', () =>
    withSettings({ certificate: 'selfSigned' }, async () => {
      const { caFile } = postfix.certificates;
      expect((await CLIENTS.python.send(request({ caFile }))).stderr).toContain('self-signed certificate');
    }));

  it('shows an expired certificate, and heals', () =>
    withSettings({ certificate: 'expired' }, async () => {
      const { caFile } = postfix.certificates;
      expect((await CLIENTS.python.send(request({ caFile }))).stderr).toContain('certificate has expired');
    }));

  it('shows a certificate for another name, and heals', () =>
    withSettings({ certificate: 'wrongName' }, async () => {
      const { caFile } = postfix.certificates;
      expect((await CLIENTS.python.send(request({ caFile }))).stderr).toContain('IP address mismatch');
    }));

  it('hides STARTTLS and takes passwords in plain text, as an attacker on the way would, and heals', () =>
    withSettings({ starttls: false }, async () => {
      expect((await CLIENTS.python.send(request())).stderr).toContain('STARTTLS extension not supported');
      expect((await CLIENTS.python.send(request({ tls: 'none' }))).ok).toBe(true);
    }));

  it('offers no AUTH, and heals', () =>
    withSettings({ auth: 'off' }, async () => {
      const { ok, stdout } = await CLIENTS.swaks.send(request());
      expect(ok).toBe(false);
      expect(stdout).not.toMatch(/^<~ {2}250[ -]AUTH/m);
      expect((await CLIENTS.swaks.send(requestWithoutLogin())).ok).toBe(true);
    }));

  it('refuses single recipients with the reply asked for, and heals', () =>
    withSettings(
      { recipientReplies: { 'gone@contoso.com': '550 5.1.1 No such mailbox, sorry' } },
      async () => {
        const result = await CLIENTS.python.send(request({ recipients: ['gone@contoso.com'] }));
        expect(result).toMatchObject({ ok: false, code: 550 });
        expect(result.reply).toContain('5.1.1');
        expect(result.reply).toContain('No such mailbox, sorry');
        expect((await CLIENTS.python.send(request())).ok).toBe(true);
      },
    ));

  it('tells a smaller size limit, and heals', () =>
    withSettings({ messageBytesMax: 1000 }, async () => {
      const message = Buffer.from(`Subject: Scan\r\n\r\n${'x'.repeat(70)}\r\n`.padEnd(3000, 'y\r\n'));
      expect(await CLIENTS.msmtp.send(request({ message }))).toMatchObject({ ok: false, code: 552 });
    }));

  it('writes what happened to its log', async () => {
    await CLIENTS.swaks.send(request());
    expect(await postfix.log()).toContain(`sasl_username=${LOGIN.user}`);
  });
});

describe('at its end', () => {
  it('leaves no process and no file', async () => {
    const other = await startPostfix();
    const folder = dirname(other.certificates.directory);
    const pids = await processesOf(folder, await other.log());
    expect(await living(pids)).toEqual(pids);
    await other.stop();
    expect(await living(pids)).toEqual([]);
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it('ends with the test process, even when that is killed', async () => {
    const script = `
      import { startPostfix } from ${JSON.stringify(new URL('./postfix.ts', import.meta.url).href)};
      const postfix = await startPostfix();
      console.log('started ' + postfix.certificates.directory);
      setInterval(() => {}, 1000);
    `;
    const test = startProcess(process.execPath, ['--input-type=module', '--eval', script]);
    const [, certificates = ''] = await test.waitForLine(/^started (.+)$/);
    const folder = dirname(certificates);
    const pids = await processesOf(folder, await readFile(`${folder}/log/mail.log`, 'utf8'));
    expect(await living(pids)).toEqual(pids);
    test.signal('SIGKILL');
    await test.waitForExit();
    // The guard is no child of this process, so tail watches for its end.
    for (const pid of pids) await runCommand('tail', [`--pid=${pid}`, '--follow', '/dev/null']);
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it('says in the words of Postfix why it does not start', async () => {
    const start = startPostfix({ messageBytesMax: Number.NaN });
    await expect(start).rejects.toThrow('bad numerical configuration: message_size_limit = NaN');
  });
});

/** The guard with this folder, and the master that says so in its log. */
async function processesOf(folder: string, log: string): Promise<string[]> {
  const guard = await runOrThrow('pgrep', ['--full', `^sh .*postfix-guard.sh ${folder}$`]);
  const master = /master\[(\d+)\]: daemon started/.exec(log)?.[1] ?? 'no master';
  return [guard.trim(), master];
}

/** Those that run; one that has ended and that init has not collected yet does not. */
async function living(pids: readonly string[]): Promise<string[]> {
  const { stdout } = await runCommand('ps', ['-o', 'pid=,stat=', '-p', pids.join(',')]);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  return pids.filter((pid) => rows.some(([id, state = 'Z']) => id === pid && !state.startsWith('Z')));
}
