/** Replays the written-down dialogue of a device: its lines, its TLS, its silence, step by step over a real connection. */
import type { Clock } from '../../src/core/clock.ts';
import { describeError } from '../../src/core/log.ts';
import type { TlsFacts } from '../../src/core/message.ts';
import type { SessionStep } from '../../src/profiles/session-file.ts';
import {
  connectDevice,
  cramMd5Response,
  type DeviceClient,
  type DeviceReply,
} from '../../src/sandbox/device-client.ts';

export interface ReplayOptions {
  connect: { host: string; port: number /** Address the device comes from. */; localAddress: string };
  steps: readonly SessionStep[];
  /** What the box is called in the dialogue. */
  boxName: string;
  login: { user: string; password: string };
  from: string;
  recipient: string;
  /** Longest silence of the box. */
  timeoutMs?: number;
  clock: Clock;
}

export interface ReplayResult {
  /** Null when every step went as written; else which step did not, and what came instead. */
  failure: string | null;
  /** TLS of the last connection that had it. */
  tls: TlsFacts | null;
  /** Both sides' lines, secrets masked. */
  transcript: string[];
}

const TIMEOUT_MS = 60_000;

/** A reply other than the written one. */
class Unexpected extends Error {}

/** Replays every step in order. Never throws for what the network or the box did: that is in the result. */
export async function replaySession(options: ReplayOptions): Promise<ReplayResult> {
  const transcript: string[] = [];
  let client: DeviceClient | null = null;
  let tls: TlsFacts | null = null;
  let last: DeviceReply | null = null;
  let at = 0;

  async function open(): Promise<void> {
    close();
    client = await connectDevice({
      ...options.connect,
      implicit: false,
      tls: { max: 'TLSv1.3', verify: 'nothing' },
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      transcript,
    });
  }

  function close(): void {
    tls = client?.tls() ?? tls;
    client?.close();
    client = null;
  }

  function line(): DeviceClient {
    if (client === null) throw new Unexpected('the device has dropped the connection');
    return client;
  }

  async function play(step: SessionStep): Promise<void> {
    switch (step.kind) {
      case 'send':
        transcript.push(`C: ${mask(step.text)}`);
        return line().write(`${fill(step.text, options, last)}\r\n`);
      case 'send-raw':
        transcript.push(`R: ${JSON.stringify(mask(step.text))}`);
        return line().write(Buffer.from(fill(step.text, options, last), 'latin1'));
      case 'expect':
        last = await line().read();
        return compare(last, step);
      case 'tls':
        return line().secure({ min: step.min ?? 'TLSv1', max: step.max ?? 'TLSv1.3' });
      case 'filler':
        return line().write(filler(step.bytes));
      case 'pause':
        return new Promise((resolve) => void options.clock.schedule(step.ms, resolve));
      case 'drop':
        return close();
      case 'connect':
        return open();
    }
  }

  try {
    await open();
    for (const step of options.steps) {
      at += 1;
      await play(step);
    }
    return { failure: null, tls: tls ?? line().tls(), transcript };
  } catch (error) {
    return { failure: `step ${at}: ${describeError(error)}`, tls, transcript };
  } finally {
    close();
  }
}

function compare(reply: DeviceReply, { code, holds, lacks }: Extract<SessionStep, { kind: 'expect' }>): void {
  const lines = reply.text.split('\n');
  const fits =
    reply.code === code &&
    (holds === null || lines.some((text) => text.includes(holds))) &&
    (lacks === null || !lines.some((text) => text.includes(lacks)));
  if (fits) return;
  const wanted = [String(code), holds ?? '', lacks === null ? '' : `without ${lacks}`]
    .filter(Boolean)
    .join(' ');
  throw new Unexpected(`expected ${wanted}, and got ${lines.join(' | ')}`);
}

const SECRETS = /\{\{(?:password|passwordBase64|plainBase64|cramMd5Base64)\}\}/g;

/** The transcript keeps the names of what was filled in, and of secrets nothing but stars. */
function mask(text: string): string {
  return text.replace(SECRETS, '***');
}

function fill(text: string, options: ReplayOptions, last: DeviceReply | null): string {
  const { user, password } = options.login;
  const values: Record<string, () => string> = {
    deviceAddress: () => options.connect.localAddress,
    boxName: () => options.boxName,
    from: () => options.from,
    recipient: () => options.recipient,
    user: () => user,
    password: () => password,
    userBase64: () => base64(user),
    passwordBase64: () => base64(password),
    plainBase64: () => base64(`\u0000${user}\u0000${password}`),
    cramMd5Base64: () => cramMd5Response(last?.text.slice(4) ?? '', user, password),
  };
  return text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name]?.() ?? whole);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** RFC 2045 section 6.8: a line of Base64 has 76 characters at most. */
const LINE = `${'QUJD'.repeat(19)}\r\n`;

/** As many bytes of Base64 lines; the last one may be short. */
function filler(bytes: number): string {
  const lines = LINE.repeat(Math.ceil(bytes / LINE.length)).slice(0, bytes);
  return lines.endsWith('\r\n') ? lines : `${lines.slice(0, -2)}\r\n`;
}
