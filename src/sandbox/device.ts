/** Simulated devices: each sends a scan the way a copier of its kind does, over the TLS it has. */
import { Readable } from 'node:stream';
import type { SecureVersion } from 'node:tls';
import { type Clock, createSystemClock } from '../core/clock.ts';
import { describeError } from '../core/log.ts';
import type { TlsFacts } from '../core/message.ts';
import {
  connectDevice,
  cramMd5Response,
  type DeviceClient,
  type DeviceReply,
  type DeviceTls,
} from './device-client.ts';

export interface ScanOptions {
  connect: { host: string; port: number /** Address the device comes from. */; localAddress?: string };
  tls: 'none' | 'starttls' | 'implicit';
  /** Newest TLS version the device has; TLSv1.2 by default. */
  tlsMax?: SecureVersion;
  /** What the device checks of the certificate; `nothing` by default, as old copiers do. */
  verify?: DeviceTls['verify'];
  hello: { verb: 'EHLO' | 'HELO'; name: string };
  auth?: { mechanism: 'PLAIN' | 'LOGIN' | 'CRAM-MD5'; user: string; password: string };
  from: string;
  to: string[];
  /** The message with CRLF line ends; dots are stuffed on the way. */
  message: Readable | Buffer;
  /** Pause between the greeting and the first command. */
  slowHelloMs?: number;
  /** Longest silence of the other side, 60 s by default (docs/reference/quirks.md Q18: 20 to 120 s). */
  timeoutMs?: number;
  clock?: Clock;
}

export interface ScanResult {
  /** The final dot was answered with 250. */
  accepted: boolean;
  /** The reply that decided, every line; '' when the connection failed first. */
  replyText: string;
  /** What broke the connection, if anything did. */
  failure: string | null;
  /** Recipients refused while others were taken. */
  refusedRecipients: string[];
  tls: TlsFacts | null;
  /** Both sides' lines without bodies and passwords. */
  transcript: string[];
  elapsedMs: number;
}

const TIMEOUT_MS = 60_000;

/** A reply that ends the dialogue early. */
class Refused extends Error {
  readonly reply: DeviceReply;
  constructor(reply: DeviceReply) {
    super(reply.text);
    this.name = 'Refused';
    this.reply = reply;
  }
}

/** Sends one scan. Never throws for what the network or the other side did: that is in the result. */
export async function sendScan(options: ScanOptions): Promise<ScanResult> {
  const clock = options.clock ?? createSystemClock(0);
  const startedAt = clock.monotonicMs();
  const refusedRecipients: string[] = [];
  let client: DeviceClient | null = null;
  const result = (outcome: { accepted: boolean; replyText: string; failure: string | null }): ScanResult => ({
    ...outcome,
    refusedRecipients,
    tls: client?.tls() ?? null,
    transcript: client?.transcript ?? [],
    elapsedMs: Math.round(clock.monotonicMs() - startedAt),
  });
  try {
    client = await connectDevice({
      ...options.connect,
      implicit: options.tls === 'implicit',
      tls: { max: options.tlsMax ?? 'TLSv1.2', verify: options.verify ?? 'nothing' },
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    });
    await greet(client, options, clock);
    if (options.auth) await signIn(client, options.auth);
    const reply = await transact(client, options, refusedRecipients);
    await leave(client);
    return result({ accepted: true, replyText: reply.text, failure: null });
  } catch (error) {
    if (!(error instanceof Refused))
      return result({ accepted: false, replyText: '', failure: describeError(error) });
    if (client) await leave(client);
    return result({ accepted: false, replyText: error.reply.text, failure: null });
  } finally {
    client?.close();
  }
}

async function greet(client: DeviceClient, options: ScanOptions, clock: Clock): Promise<void> {
  expect(await client.read(), 220);
  if (options.slowHelloMs !== undefined) {
    const pauseMs = options.slowHelloMs;
    await new Promise<void>((resolve) => clock.schedule(pauseMs, resolve));
  }
  const hello = `${options.hello.verb} ${options.hello.name}`.trimEnd();
  expect(await client.command(hello), 250);
  if (options.tls !== 'starttls') return;
  expect(await client.command('STARTTLS'), 220);
  await client.secure();
  expect(await client.command(hello), 250);
}

async function signIn(client: DeviceClient, auth: NonNullable<ScanOptions['auth']>): Promise<void> {
  const { user, password } = auth;
  switch (auth.mechanism) {
    case 'PLAIN': {
      const response = base64(`\u0000${user}\u0000${password}`);
      expect(await client.command(`AUTH PLAIN ${response}`, 'AUTH PLAIN ***'), 235);
      return;
    }
    case 'LOGIN': {
      expectPrompt(await client.command('AUTH LOGIN'), 'Username:');
      expectPrompt(await client.command(base64(user)), 'Password:');
      expect(await client.command(base64(password), '***'), 235);
      return;
    }
    case 'CRAM-MD5': {
      const challenge = expect(await client.command('AUTH CRAM-MD5'), 334).text.slice(4);
      expect(await client.command(cramMd5Response(challenge, user, password), '***'), 235);
    }
  }
}

async function transact(client: DeviceClient, options: ScanOptions, refused: string[]): Promise<DeviceReply> {
  expect(await client.command(`MAIL FROM:<${options.from}>`), 250);
  let last: DeviceReply | null = null;
  for (const recipient of options.to) {
    last = await client.command(`RCPT TO:<${recipient}>`);
    if (last.code !== 250 && last.code !== 251) refused.push(recipient);
  }
  if (last && refused.length === options.to.length) throw new Refused(last);
  expect(await client.command('DATA'), 354);
  const body = Buffer.isBuffer(options.message) ? Readable.from([options.message]) : options.message;
  for await (const part of stuffDots(body)) await client.write(part);
  return expect(await client.command('.'), 250);
}

/** Doubles dots at line starts and ends the last line (RFC 5321 section 4.5.2). */
export async function* stuffDots(body: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  let tail: Buffer = Buffer.from('\r\n');
  for await (const part of body) {
    const bytes = Buffer.from(part);
    if (bytes.length === 0) continue;
    const isAtLineStart = tail.equals(Buffer.from('\r\n'));
    if (isAtLineStart && bytes[0] === DOT) yield Buffer.from('.');
    yield* stuffedPieces(bytes, tail);
    tail = Buffer.concat([tail, bytes]).subarray(-2);
  }
  if (!tail.equals(Buffer.from('\r\n'))) yield Buffer.from('\r\n');
}

const DOT = 46;

/** `before` holds the two bytes ahead of `bytes`: a line end may be split between them. */
function* stuffedPieces(bytes: Buffer, before: Buffer): Generator<Buffer> {
  const joined = Buffer.concat([before.subarray(-1), bytes]);
  let from = 1;
  for (let at = joined.indexOf('\r\n.'); at >= 0; at = joined.indexOf('\r\n.', at + 2)) {
    yield joined.subarray(from, at + 2);
    yield Buffer.from('.');
    from = at + 2;
  }
  yield joined.subarray(from);
}

/** Once the scan is answered, a device doesn't care how the farewell goes; the transcript says it. */
async function leave(client: DeviceClient): Promise<void> {
  try {
    await client.command('QUIT');
  } catch (error) {
    client.transcript.push(`-- ${describeError(error)}`);
  }
}

function expect(reply: DeviceReply, code: number): DeviceReply {
  if (reply.code !== code) throw new Refused(reply);
  return reply;
}

/** Some devices give up on any prompt but the usual one (docs/reference/quirks.md Q9). */
function expectPrompt(reply: DeviceReply, prompt: string): void {
  expect(reply, 334);
  if (Buffer.from(reply.text.slice(4), 'base64').toString('latin1') !== prompt) throw new Refused(reply);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
