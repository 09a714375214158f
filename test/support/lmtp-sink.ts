/** Where the Postfix of a test delivers to: an LMTP server (RFC 2033) that keeps every message byte for byte. */
import { createServer, type Socket } from 'node:net';

export interface ReceivedMessage {
  sender: string;
  recipients: string[];
  /** Headers and content with CRLF line ends, dot-stuffing undone, trace headers of the relay on top. */
  raw: Buffer;
}

export interface LmtpSink {
  readonly port: number;
  readonly messages: readonly ReceivedMessage[];
  /** Waits until `count` messages have arrived since the start (or since clear) and returns them all. */
  waitFor(count: number, limitMs?: number): Promise<readonly ReceivedMessage[]>;
  /** Waits for the first message to this recipient: with an address of its own, a test sees no other's mail. */
  waitForRecipient(address: string, limitMs?: number): Promise<ReceivedMessage>;
  /** Forgets what has arrived. */
  clear(): void;
  stop(): Promise<void>;
}

const WAIT_LIMIT_MS = 30_000;
const CRLF = Buffer.from('\r\n');
const END_OF_DATA = Buffer.from('\r\n.\r\n');

/** Starts the server on a free port of 127.0.0.1. */
export async function startLmtpSink(): Promise<LmtpSink> {
  const messages: ReceivedMessage[] = [];
  const sockets = new Set<Socket>();
  const watchers = new Set<() => void>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Postfix may close its cached connection at any time; nothing is lost by it.
    socket.on('error', () => socket.destroy());
    converse(socket, (message) => {
      messages.push(message);
      for (const watcher of watchers) watcher();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the LMTP sink has no port');

  function watch<T>(look: () => T | null, problem: () => string, limitMs = WAIT_LIMIT_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look();
        if (found === null) return;
        clearTimeout(timer);
        watchers.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        watchers.delete(check);
        reject(new Error(`${problem()} within ${limitMs} ms`));
      }, limitMs);
      watchers.add(check);
      check();
    });
  }

  return {
    port: bound.port,
    messages,
    waitFor: (count, limitMs) =>
      watch(
        () => (messages.length >= count ? messages : null),
        () => `${messages.length} of ${count} messages arrived`,
        limitMs,
      ),
    waitForRecipient: (address, limitMs) =>
      watch(
        () => messages.find((message) => message.recipients.includes(address)) ?? null,
        () => `nothing for ${address} arrived`,
        limitMs,
      ),
    clear: () => {
      messages.length = 0;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Envelope {
  sender: string;
  recipients: string[];
}

/** One LMTP session. PIPELINING is not offered, so nothing follows the final dot before its replies. */
function converse(socket: Socket, keep: (message: ReceivedMessage) => void): void {
  let envelope: Envelope = { sender: '', recipients: [] };
  let pending = Buffer.alloc(0);
  let data: DataCollector | null = null;
  const say = (line: string) => socket.write(`${line}\r\n`);

  const takeCommand = (line: string) => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'LHLO') say('250-sink.invalid\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES');
    else if (verb === 'MAIL') {
      envelope = { sender: pathOf(line), recipients: [] };
      say('250 2.1.0 Ok');
    } else if (verb === 'RCPT') {
      envelope.recipients.push(pathOf(line));
      say('250 2.1.5 Ok');
    } else if (verb === 'DATA') {
      data = createDataCollector();
      say('354 End data with <CR><LF>.<CR><LF>');
    } else if (verb === 'QUIT') socket.end('221 2.0.0 Bye\r\n');
    else say(verb === 'RSET' || verb === 'NOOP' ? '250 2.0.0 Ok' : '500 5.5.2 Unknown command');
  };

  const takeData = (collector: DataCollector, chunk: Buffer) => {
    const raw = collector.add(chunk);
    if (raw === null) return;
    data = null;
    keep({ ...envelope, raw });
    // One reply for each recipient (RFC 2033 section 4.2).
    for (const recipient of envelope.recipients) say(`250 2.1.5 <${recipient}> kept`);
  };

  say('220 sink.invalid LMTP');
  socket.on('data', (chunk: Buffer) => {
    if (data !== null) return takeData(data, chunk);
    pending = Buffer.concat([pending, chunk]);
    for (let end = pending.indexOf(CRLF); end >= 0; end = pending.indexOf(CRLF)) {
      const line = pending.subarray(0, end).toString('latin1');
      pending = pending.subarray(end + CRLF.length);
      takeCommand(line);
    }
  });
}

interface DataCollector {
  /** Takes the next bytes; returns the message without dot-stuffing once the final dot has come. */
  add(chunk: Buffer): Buffer | null;
}

function createDataCollector(): DataCollector {
  // The line end of the DATA command counts, so that a message without any line ends too.
  const chunks: Buffer[] = [CRLF];
  let tail = CRLF;
  return {
    add(chunk) {
      chunks.push(chunk);
      tail = Buffer.concat([tail, chunk]).subarray(-END_OF_DATA.length);
      if (!tail.equals(END_OF_DATA)) return null;
      const all = Buffer.concat(chunks);
      return undoDotStuffing(all.subarray(CRLF.length, all.length - END_OF_DATA.length + CRLF.length));
    },
  };
}

/** RFC 5321 section 4.5.2: one dot is taken from the start of a line that begins with one. */
function undoDotStuffing(stuffed: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = stuffed[0] === DOT ? 1 : 0;
  for (
    let at = stuffed.indexOf('\r\n.', from);
    at >= 0;
    at = stuffed.indexOf('\r\n.', at + CRLF.length + 1)
  ) {
    pieces.push(stuffed.subarray(from, at + CRLF.length));
    from = at + CRLF.length + 1;
  }
  return Buffer.concat([...pieces, stuffed.subarray(from)]);
}

const DOT = 0x2e;

/** The address between the angle brackets of MAIL FROM or RCPT TO. */
function pathOf(line: string): string {
  return /<([^>]*)>/.exec(line)?.[1] ?? '';
}

/**
 * The message below the trace headers that relays put on top (RFC 5321 section 4.4): takes away the first
 * `hops` Received fields, which is what each Postfix or agent on the way has added.
 */
export function bodyAfterTraceHeaders(raw: Buffer, hops = 1): Buffer {
  let rest = raw;
  for (let hop = 0; hop < hops; hop++) {
    const field = /^Received:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/i.exec(
      rest.subarray(0, 8192).toString('latin1'),
    );
    if (!field) throw new Error(`the message has ${hop} trace headers on top, not ${hops}`);
    rest = rest.subarray(field[0].length);
  }
  return rest;
}
