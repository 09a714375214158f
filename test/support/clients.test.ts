/** Each real client program against a real Postfix: what its `can` promises is what it does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SendRequest } from './clients/types.ts';
import { EVERY_CLIENT } from './clients.ts';
import { afterSmtp, readCorpus } from './corpus.ts';
import { bodyAfterTraceHeaders } from './lmtp-sink.ts';
import { type Postfix, startPostfix } from './postfix.ts';

const LOGIN = { user: 'copier@contoso.com', password: 'two words & "quotes"' };
const MESSAGE = Buffer.from('From: copier@contoso.com\r\nSubject: Scan\r\n\r\nA page.\r\n');

let postfix: Postfix;
let sent = 0;

beforeAll(async () => {
  postfix = await startPostfix({
    tls: { floor: 'TLSv1', ceiling: 'TLSv1.3' },
    auth: 'offered',
    logins: [LOGIN],
    mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
  });
});

afterAll(() => postfix.stop());

/** A recipient that no other test uses. */
function nextRecipient(): string {
  sent += 1;
  return `desk-${sent}@contoso.com`;
}

async function arrived({ recipients }: SendRequest): Promise<Buffer> {
  return (await postfix.sink.waitForRecipient(recipients[0])).raw;
}

function request(changes: Partial<SendRequest>): SendRequest {
  return {
    host: postfix.address,
    port: changes.tls === 'implicit' ? postfix.implicitPort : postfix.port,
    tls: 'starttls',
    sender: 'copier@contoso.com',
    recipients: [nextRecipient()],
    message: MESSAGE,
    ...changes,
  };
}

for (const client of EVERY_CLIENT) {
  describe(client.name, () => {
    for (const tls of client.can.modes.filter((mode) => mode !== 'none')) {
      for (const tlsVersion of client.can.tlsVersions) {
        it(`delivers over ${tlsVersion} by ${tls}`, async () => {
          const asked = request({ tls, tlsVersion });
          const result = await client.send(asked);
          expect(result).toMatchObject({ ok: true, code: 250 });
          expect(result.reply).toMatch(/^250 2\.0\.0 Ok: queued as/);
          expect(result.tls).not.toBeNull();
          expect((await arrived(asked)).toString('latin1')).toContain(`(using ${tlsVersion} with cipher`);
        });
      }
    }

    if (client.can.modes.includes('none')) {
      it('delivers in plain text', async () => {
        const asked = request({ tls: 'none' });
        expect(await client.send(asked)).toMatchObject({ ok: true, code: 250, tls: null });
        expect((await arrived(asked)).toString('latin1')).not.toContain('(using TLS');
      });
    }

    for (const mechanism of client.can.mechanisms) {
      it(`signs in with ${mechanism}`, async () => {
        const asked = request({ login: { ...LOGIN, mechanism } });
        expect(await client.send(asked)).toMatchObject({ ok: true, code: 250 });
        expect((await arrived(asked)).toString('latin1')).toContain(`(Authenticated sender: ${LOGIN.user})`);
      });

      it(`reports the refusal of a wrong password with ${mechanism}`, async () => {
        const result = await client.send(request({ login: { ...LOGIN, password: 'wrong', mechanism } }));
        expect(result).toMatchObject({ ok: false, code: 535 });
      });
    }

    it('delivers every message of the corpus byte for byte', async () => {
      for (const { name, bytes } of await readCorpus()) {
        const asked = request({ message: bytes });
        expect(await client.send(asked), name).toMatchObject({ ok: true, code: 250 });
        const body = bodyAfterTraceHeaders(await arrived(asked));
        expect(body.toString('latin1'), name).toBe(afterSmtp(bytes).toString('latin1'));
      }
    });

    it('names several recipients in one session', async () => {
      const recipients: SendRequest['recipients'] = [nextRecipient(), nextRecipient()];
      expect((await client.send(request({ recipients }))).ok).toBe(true);
      const message = await postfix.sink.waitForRecipient(recipients[0]);
      expect(message.recipients.toSorted()).toEqual(recipients.toSorted());
    });

    it('takes a certificate of the given authority', async () => {
      const result = await client.send(request({ caFile: postfix.certificates.caFile }));
      expect(result).toMatchObject({ ok: true, code: 250 });
    });
  });
}

describe('against a certificate that proves nothing', () => {
  it.each(EVERY_CLIENT)('$name refuses one signed by itself', async (client) => {
    await postfix.reconfigure({ certificate: 'selfSigned' });
    expect((await client.send(request({ caFile: postfix.certificates.caFile }))).ok).toBe(false);
  });

  it.each(EVERY_CLIENT)('$name refuses one that has expired', async (client) => {
    await postfix.reconfigure({ certificate: 'expired' });
    expect((await client.send(request({ caFile: postfix.certificates.caFile }))).ok).toBe(false);
  });

  it.each(EVERY_CLIENT.filter((client) => client.can.verifies === 'chain and name'))(
    '$name refuses one for another name',
    async (client) => {
      await postfix.reconfigure({ certificate: 'wrongName' });
      expect((await client.send(request({ caFile: postfix.certificates.caFile }))).ok).toBe(false);
    },
  );

  it.each(EVERY_CLIENT)('$name takes it when it was given no authority', async (client) => {
    await postfix.reconfigure({ certificate: 'selfSigned' });
    expect((await client.send(request({}))).ok).toBe(true);
  });
});
