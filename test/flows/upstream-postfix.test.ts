/** Submission to an upstream that is nobody's simulation: Postfix with SASL, and what arrives behind it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestAgent } from '../support/agent.ts';
import { afterSmtp, buildScan, type CorpusMessage, readCorpus } from '../support/corpus.ts';
import { bodyAfterTraceHeaders } from '../support/lmtp-sink.ts';
import {
  detailOf,
  LOGIN,
  type PostfixSite,
  scanFrom,
  scanText,
  startPostfixSite,
  statesOf,
} from './support/upstream.ts';

const MIB = 1024 * 1024;
/** Postfix's own trace header, then the box's. */
const HOPS = 2;
const GONE = 'gone@contoso.com';
const GONE_REPLY = '550 5.1.1 No such mailbox';

let site: PostfixSite;
let agent: TestAgent;

beforeAll(async () => {
  site = await startPostfixSite({ recipientReplies: { [GONE]: GONE_REPLY } });
});
afterAll(() => site.stop());
beforeEach(async () => {
  // Every test waits for what it sent, so nothing of it comes later.
  site.postfix.sink.clear();
  agent = await site.startAgent();
});
afterEach(() => agent.stop());

/** What the box completes on the way in: a header that ends without its blank line gets one (RFC 5322 section 2.1). */
function asAccepted(bytes: Buffer): Buffer {
  const whole = afterSmtp(bytes);
  return whole.includes('\r\n\r\n') ? whole : Buffer.concat([whole, Buffer.from('\r\n')]);
}

const END_OF_HEADER = '\r\n\r\n';
const contentOf = (message: Buffer) => message.subarray(message.indexOf(END_OF_HEADER));
const headerOf = (message: Buffer) => message.subarray(0, message.indexOf(END_OF_HEADER));

/** Such a header is not legal mail (RFC 5322 section 2.2): encoded words may take the place of its bytes. */
function hasEightBitHeader(message: Buffer): boolean {
  return headerOf(message).some((byte) => byte > 0x7f);
}

/** What a person reads in the header, with raw ISO 8859-1 and encoded words (RFC 2047) made equal. */
function headerText(message: Buffer): string {
  const unfolded = headerOf(message)
    .toString('latin1')
    .replace(/\r\n(?=[ \t])/g, '');
  return unfolded
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?([^?]+)\?B\?([^?]*)\?=/gi, (_word, charset, base64) =>
      new TextDecoder(charset).decode(Buffer.from(base64, 'base64')),
    );
}

describe('delivers byte for byte', async () => {
  const scan: CorpusMessage = {
    name: 'a scan with a PDF of 25 MiB',
    bytes: buildScan({ seed: 'large', pdfBytes: 25 * MIB }),
  };

  test.each([...(await readCorpus()), scan])('$name', async ({ bytes }) => {
    await scanFrom(agent, { message: bytes });
    const [message] = await site.postfix.sink.waitFor(1);
    expect(message).toMatchObject({ sender: LOGIN.user, recipients: ['desk@contoso.com'] });
    const arrived = bodyAfterTraceHeaders(message?.raw ?? Buffer.alloc(0), HOPS);
    const expected = asAccepted(bytes);
    if (hasEightBitHeader(expected)) {
      expect(headerText(arrived)).toBe(headerText(expected));
      expect(contentOf(arrived).equals(contentOf(expected))).toBe(true);
    } else {
      // Compared as a whole: a printed difference of a large scan would help nobody.
      expect(arrived.equals(expected), arrived.subarray(0, 4096).toString('latin1')).toBe(true);
    }
    await agent.settled(1);
  });
});

test('speaks TLS 1.2 or newer to Postfix, signed in, though the copier has TLS 1.0 only', async () => {
  const id = await scanFrom(agent, { tlsMax: 'TLSv1' });
  await agent.settled(1);
  const [message] = await site.postfix.sink.waitFor(1);
  const [postfixTrace = '', boxTrace = ''] =
    message?.raw
      .toString('latin1')
      .split(/^Received: /m)
      .slice(1) ?? [];
  expect(postfixTrace).toMatch(/using TLSv1\.[23] with cipher/);
  expect(postfixTrace).toContain(`(Authenticated sender: ${LOGIN.user})`);
  expect(boxTrace).toMatch(/\(TLSv1 /);
  expect(await site.postfix.log()).toMatch(/TLS connection established from \S+ TLSv1\.[23] with cipher/);
  const { attempts } = await detailOf(agent, id);
  expect(attempts).toMatchObject([
    {
      routeId: 'smarthost',
      host: site.postfix.host,
      tls: { protocol: expect.stringMatching(/^TLSv1\.[23]$/) },
    },
  ]);
  expect(attempts[0]?.results[0]?.reply).toMatch(/^250 2\.0\.0 Ok: queued as \w+$/);
});

test('speaks TLS 1.2 to an upstream that has nothing newer', async () => {
  await site.postfix.reconfigure({ tls: { floor: 'TLSv1.2', ceiling: 'TLSv1.2' } });
  try {
    const id = await scanFrom(agent);
    await agent.settled(1);
    await site.postfix.sink.waitFor(1);
    expect((await detailOf(agent, id)).attempts).toMatchObject([{ tls: { protocol: 'TLSv1.2' } }]);
  } finally {
    await site.postfix.reconfigure({ tls: { floor: 'TLSv1.2', ceiling: 'TLSv1.3' } });
  }
});

test('says nothing outside TLS but its greeting', async () => {
  await scanFrom(agent);
  await site.postfix.sink.waitFor(1);
  const lines = site.wiretap.clearLines();
  expect(lines).toContain('STARTTLS');
  expect(lines.filter((line) => !/^(EHLO scanferry\.local|STARTTLS)$/.test(line))).toEqual([]);
});

test('delivers to every recipient but the one that Postfix refuses, in one message', async () => {
  const id = await scanFrom(agent, { to: ['ann@contoso.com', GONE, 'ben@contoso.com'] });
  const [detail] = await agent.settled(1, ['delivered', 'failed']);
  expect(statesOf(detail)).toEqual({
    'ann@contoso.com': 'delivered',
    [GONE]: 'failed',
    'ben@contoso.com': 'delivered',
  });
  const refused = detail?.recipients.find(({ address }) => address === GONE);
  expect(refused).toMatchObject({
    code: 'reply.recipient-unknown',
    cause: expect.stringContaining('no such recipient'),
  });
  const { attempts } = await detailOf(agent, id);
  expect(attempts).toHaveLength(1);
  expect(attempts[0]?.results.find(({ address }) => address === GONE)?.reply).toContain(
    GONE_REPLY.slice(0, 9),
  );
  const arrived = await site.postfix.sink.waitFor(1);
  expect(arrived.map(({ recipients }) => recipients)).toEqual([['ann@contoso.com', 'ben@contoso.com']]);
});

test('adds what the copier leaves out, and the Message-ID it adds is the one in the history', async () => {
  const id = await scanFrom(agent, { message: scanText('no date, no Message-ID') });
  await agent.settled(1);
  const [message] = await site.postfix.sink.waitFor(1);
  const { head } = await detailOf(agent, id);
  const text = message?.raw.toString('latin1') ?? '';
  expect(text.match(/^Message-ID: .*$/gim)).toEqual([`Message-ID: ${head.messageIdHeader}`]);
  expect(text.match(/^Date: .*$/gim)).toHaveLength(1);
});
