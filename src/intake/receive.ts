/** One message from DATA to the durable commit: header completed, size watched, nothing half-kept. */
import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { DeviceFacts } from '../core/message.ts';
import { createMessageId } from '../core/message-id.ts';
import { type NewMessage, type Receipt, type Spool, SpoolRefusal } from '../spool/types.ts';
import type { Envelope } from './engine.ts';
import { createHeaderPass, type HeaderPass } from './header-pass.ts';
import { asciiAddress } from './policy.ts';
import { mailDate, receivedField } from './received.ts';
import { type ReplyCode, type SilentCode, SPOOL_REPLIES } from './replies.ts';

export interface ReceiveDeps {
  clock: Clock;
  log: Log;
  spool: Pick<Spool, 'receive'>;
  hostname: string;
}

export interface ReceiveRequest {
  envelope: Envelope;
  device: DeviceFacts;
  held: NewMessage['held'];
  bytesMax: number;
}

export type ReceiveResult =
  | { kind: 'accepted'; id: string }
  | { kind: 'refused'; code: ReplyCode }
  /** Nobody is there to be told. */
  | { kind: 'lost'; code: SilentCode; bytes: number };

/** Thrown inside this file to leave the write loop with a reply for the device. */
class Refused extends Error {
  readonly code: ReplyCode;
  constructor(code: ReplyCode) {
    super(code);
    this.name = 'Refused';
    this.code = code;
  }
}

/** The body on its way to the spool; after the first failure it takes bytes and keeps nothing. */
interface Sink {
  write(chunk: Buffer): Promise<void>;
  finish(message: Omit<NewMessage, 'messageIdHeader'>): Promise<ReplyCode | null>;
  abort(): Promise<void>;
}

/** Reads `text` to its end. Resolves `accepted` only after the durable commit. */
export async function receiveMessage(
  deps: ReceiveDeps,
  text: Readable,
  request: ReceiveRequest,
): Promise<ReceiveResult> {
  const receivedAt = deps.clock.now();
  const id = createMessageId(receivedAt);
  const { device, envelope } = request;
  const header = createHeaderPass({
    received: receivedField({
      ...{ device, hostname: deps.hostname, messageId: id, receivedAt },
      protocol: envelope.protocol,
    }),
    date: mailDate(receivedAt),
    messageId: `<${id}@${deps.hostname}>`,
    headerBytesMax: LIMITS.headerBytesMax,
  });
  const sink = createSink(deps, header, request.bytesMax);
  let bytes = 0;
  try {
    for await (const chunk of text) {
      bytes += chunk.length;
      await sink.write(chunk);
    }
  } catch (error) {
    // The sink keeps its own failures, so this one is the device's: it went away in the middle of DATA.
    deps.log.debug('intake.data-broken', { error: describeError(error), bytes });
    await sink.abort();
    return { kind: 'lost', code: 'intake.connection-lost', bytes };
  }
  const code = await sink.finish({
    ...{ id, receivedAt, device, held: request.held },
    sender: asciiAddress(envelope.sender),
    recipients: envelope.recipients.map(asciiAddress),
  });
  return code === null ? { kind: 'accepted', id } : { kind: 'refused', code };
}

function createSink(deps: ReceiveDeps, header: HeaderPass, bytesMax: number): Sink {
  let receipt: Receipt | null = null;
  let failure: ReplyCode | null = null;
  let bytes = 0;

  async function attempt(work: () => Promise<void>): Promise<void> {
    if (failure !== null) return;
    try {
      await work();
    } catch (error) {
      failure = classify(deps.log, error);
      await abort();
    }
  }

  async function put(chunks: Buffer[] | null): Promise<void> {
    if (chunks === null) throw new Refused('intake.header-too-large');
    receipt ??= await deps.spool.receive();
    for (const chunk of chunks) if (chunk.length > 0) await receipt.write(chunk);
  }

  async function abort(): Promise<void> {
    const open = receipt;
    receipt = null;
    if (!open) return;
    try {
      await open.abort();
    } catch (error) {
      // The spool drops what was never committed at its next start; the device is told to send again.
      deps.log.error('intake.abort-failed', { error: describeError(error) });
    }
  }

  return {
    abort,
    write: (chunk) =>
      attempt(async () => {
        bytes += chunk.length;
        if (bytes > bytesMax) throw new Refused('intake.message-too-large');
        await put(header.write(chunk));
      }),
    async finish(message) {
      await attempt(async () => {
        await put(header.end());
        await receipt?.commit({ ...message, messageIdHeader: header.messageId() });
      });
      return failure;
    },
  };
}

/** What nobody foresaw is a passing fault too: the device keeps the scan and tries again. */
function classify(log: Log, error: unknown): ReplyCode {
  if (error instanceof Refused) return error.code;
  log.error('intake.receive-failed', { error: describeError(error) });
  return error instanceof SpoolRefusal ? SPOOL_REPLIES[error.reason] : 'intake.internal-error';
}
