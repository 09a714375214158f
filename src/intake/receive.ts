/** One message from DATA to the durable commit: repaired, size watched, nothing half-kept unless it is held. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { DeviceFacts } from '../core/message.ts';
import { createMessageId } from '../core/message-id.ts';
import { HELD_PART } from '../core/message-partial.ts';
import { release } from '../core/release.ts';
import type { Repair } from '../core/repairs.ts';
import { type NewMessage, type Receipt, type Spool, SpoolRefusal } from '../spool/types.ts';
import type { Envelope } from './engine.ts';
import type { TextPiece } from './message-text.ts';
import { asciiAddress } from './policy.ts';
import { mailDate, receivedField } from './received.ts';
import { createRepairPass, type RepairPass } from './repair/repair-pass.ts';
import { HELD_UNFINISHED, type ReplyCode, type SilentCode, SPOOL_REPLIES } from './replies.ts';

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
  /** Whether a part of a split message waits for the others: the device's profile says that it splits. */
  joinsParts: boolean;
  /** What had to be mended in the envelope. */
  repairs: readonly Repair[];
  /** Asked when the text breaks off: whether what came is kept, held for a person. */
  keepsUnfinished(): boolean;
}

export type ReceiveResult =
  /** `waits`: held as a part of a split message. */
  | { kind: 'accepted'; id: string; waits: boolean; bytes: number; repairs: Repair[] }
  /** `bytes`: all that came, also behind the point where it was too much. */
  | { kind: 'refused'; code: ReplyCode; bytes: number }
  /** The device went silent; `id` is what was kept of it, or null. */
  | { kind: 'unfinished'; id: string | null; bytes: number }
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
  write(piece: TextPiece): Promise<void>;
  /** `message` is asked for when the last byte has passed. */
  finish(message: () => NewMessage): Promise<ReplyCode | null>;
  abort(): Promise<void>;
}

/** Reads `text` to its end and frees its pieces. Resolves `accepted` only after the durable commit. */
export async function receiveMessage(
  deps: ReceiveDeps,
  text: AsyncIterable<TextPiece>,
  request: ReceiveRequest,
): Promise<ReceiveResult> {
  const receivedAt = deps.clock.now();
  const id = createMessageId(receivedAt);
  const date = mailDate(receivedAt);
  const { device, envelope } = request;
  const sender = asciiAddress(envelope.sender);
  const pass = createRepairPass({
    received: receivedField({
      device,
      hostname: deps.hostname,
      messageId: id,
      date,
      protocol: envelope.protocol,
    }),
    date,
    isClockSet: deps.clock.isSet(),
    from: sender === '' ? `postmaster@${deps.hostname}` : sender,
    messageId: `<${id}@${deps.hostname}>`,
    headerBytesMax: LIMITS.headerBytesMax,
  });
  const sink = createSink(deps, pass, request);
  const repairs = () => [...request.repairs, ...pass.repairs()];

  function message(held: NewMessage['held']): NewMessage {
    const recipients = envelope.recipients.map(asciiAddress);
    const messageIdHeader = pass.messageId();
    const made = { id, receivedAt, device, sender, recipients, messageIdHeader, held, repairs: repairs() };
    return pass.isAutomatic() ? { ...made, origin: 'automatic' } : made;
  }

  let bytes = 0;
  try {
    for await (const piece of text) {
      bytes += piece.bytes.length;
      await sink.write(piece);
      // The spool has a copy of it, in a chunk.
      release(piece.bytes);
    }
  } catch (error) {
    // The sink keeps its own failures, so this one is the device's: it went away in the middle of DATA.
    deps.log.debug('intake.data-broken', { error: describeError(error), bytes });
    if (pass.hasBody() && request.keepsUnfinished()) {
      const refused = await sink.finish(() => message(HELD_UNFINISHED));
      return { kind: 'unfinished', id: refused === null ? id : null, bytes };
    }
    await sink.abort();
    return { kind: 'lost', code: 'intake.connection-lost', bytes };
  }
  // What a person must approve first is for that person to release.
  const isPart = () => request.joinsParts && request.held === null && pass.partial() !== null;
  const code = await sink.finish(() => message(isPart() ? HELD_PART : request.held));
  if (code !== null) return { kind: 'refused', code, bytes };
  return { kind: 'accepted', id, waits: isPart(), bytes, repairs: repairs() };
}

function createSink(
  deps: ReceiveDeps,
  pass: RepairPass,
  { bytesMax, held }: Pick<ReceiveRequest, 'bytesMax' | 'held'>,
): Sink {
  let receipt: Receipt | null = null;
  let failure: ReplyCode | null = null;
  let bytes = 0;

  async function put(pieces: Buffer[] | null): Promise<Receipt> {
    if (pieces === null) throw new Refused('intake.header-too-large');
    receipt ??= await deps.spool.receive({ isHeld: held !== null });
    for (const piece of pieces) if (piece.length > 0) await receipt.write(piece);
    return receipt;
  }

  async function fail(error: unknown): Promise<void> {
    failure = classify(deps.log, error);
    await abort();
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
    async write({ bytes: chunk, isSound }) {
      if (failure !== null) return;
      try {
        bytes += chunk.length;
        if (bytes > bytesMax) throw new Refused('intake.message-too-large');
        await put(pass.write(chunk, isSound));
      } catch (error) {
        await fail(error);
      }
    },
    async finish(message) {
      if (failure !== null) return failure;
      try {
        const whole = await put(pass.end());
        await whole.commit(message());
      } catch (error) {
        await fail(error);
      }
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
