/** What one session knows and answers: the policy applied to commands, replies, sign-in and messages. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { DeviceFacts, TlsFacts } from '../core/message.ts';
import type { Repair } from '../core/repairs.ts';
import { union } from '../core/union.ts';
import { type QuirkId, SWITCHED_QUIRKS } from '../profiles/quirks.ts';
import type { NewMessage, Spool } from '../spool/types.ts';
import type { SessionRecorder } from './capture.ts';
import type { WindowCounter } from './counters.ts';
import type { Dialogue, Envelope } from './engine.ts';
import type { Observer } from './observation.ts';
import { asciiAddress, type Peer, type Policy } from './policy.ts';
import {
  type CommandFacts,
  type SmoothedCommand,
  smoothGreeting,
  smoothLineEnd,
  smoothPath,
} from './quirks/command.ts';
import { type ReceiveResult, receiveMessage } from './receive.ts';
import type { Refusals } from './refusals.ts';
import { codeOfLibraryReply, type ReplyCode, replyLine, type SilentCode } from './replies.ts';
import type { DeviceSettings } from './settings.ts';
import type { Mechanism, SignedIn, SignIn } from './sign-in.ts';
import type { Treatment } from './treatment.ts';
import type { Unfinished } from './unfinished.ts';
import { firstWord, shownVerb } from './verbs.ts';
import type { CommandVerdict } from './wire.ts';

export interface ConversationDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  hostname: string;
  policy: Policy;
  signIn: SignIn;
  refusals: Refusals;
  /** Messages accepted per device. */
  messages: WindowCounter;
  unfinished: Unfinished;
  /** A part of a split message waits in the spool. */
  onPart(id: string): void;
  /** How a device at this address is treated that is known by its login. */
  treatmentOf(address: string, device: DeviceSettings): Treatment;
}

export interface ConversationFacts {
  address: string;
  /** `address:port` of the listener. */
  listener: string;
  device: DeviceSettings | null;
  /** How the device at this address is treated. */
  treatment: Treatment;
  offersStartTls: boolean;
  observer: Observer;
  /** Null where nobody records the session. */
  recorder: SessionRecorder | null;
}

export interface Conversation extends Dialogue {
  onCommand(line: string): CommandVerdict;
  onReply(verb: string, reply: string): string;
  /** TLS is up. Everything said before is forgotten (RFC 3207 4.2). */
  secured(tls: TlsFacts): void;
  report(code: ReplyCode | SilentCode, reply: string, details?: Record<string, unknown>): void;
  /** The box ends the session, for `why`: a message cut by that is not reported as the device's doing. */
  end(why?: ReplyCode): void;
  /** Id of the device as known by now; null for an unknown one, `test` for the box itself. */
  who(): string | null;
}

/** RFC 5321 4.5.3.1.2: a domain has at most 255 octets. */
const GREETING_MAX = 255;
/** Only a tab may stand in a command beside what can be printed; CR, LF and NUL in a field are how to inject. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be found.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
/** Quirks of an address that leave a trace in the message's history. */
const ENVELOPE_REPAIRS: Partial<Record<QuirkId, Repair>> = {
  'sender-incomplete': 'sender-completed',
  'local-part-dot': 'address-quoted',
  'domain-dot': 'address-dot',
};
/** A reply with two enhanced codes: smtp-server's guess from the reply code, then ours from the table. */
const DOUBLE_ENHANCED = /^(\d{3}) \d\.\d{1,3}\.\d{1,3} (\d\.\d{1,3}\.\d{1,3} )/;

export function createConversation(deps: ConversationDeps, facts: ConversationFacts): Conversation {
  const { policy, signIn } = deps;
  const { address, observer } = facts;
  let { treatment } = facts;
  let wanted: Mechanism | null = null;
  let tls: TlsFacts | null = null;
  let greeting: string | null = null;
  let signedIn: SignedIn | null = null;
  let held: NewMessage['held'] = null;
  let ending: ReplyCode | 'unnamed' | null = null;
  /** Mended in the command that is being answered, and in the envelope so far. */
  let mended: Repair[] = [];
  let repairs: Repair[] = [];

  const peer = (): Peer => ({ address, tls: tls !== null, signedIn: signedIn?.as ?? null });

  function device(): DeviceSettings | null {
    return signedIn && signedIn.as !== 'test' ? signedIn.as : facts.device;
  }

  function deviceId(): string | null {
    return device()?.id ?? null;
  }

  function deviceFacts(): DeviceFacts {
    const { listener } = facts;
    const login = signedIn?.user ?? null;
    const known: DeviceFacts = {
      id: deviceId(),
      address,
      greeting,
      login,
      profile: treatment.profile,
      listener,
      tls,
    };
    const { from, rewriteSender } = device() ?? {};
    if (from !== undefined) known.from = from;
    if (rewriteSender !== undefined) known.rewriteSender = rewriteSender;
    return known;
  }

  function report(code: ReplyCode | SilentCode, reply: string, details?: Record<string, unknown>): void {
    deps.refusals.report(
      { address, device: deviceId(), code, reply },
      { listener: facts.listener, ...details },
    );
  }

  function refuse(code: ReplyCode, details?: Record<string, unknown>): ReplyCode {
    report(code, replyLine(code).trimEnd(), details);
    return code;
  }

  function mechanisms(): readonly Mechanism[] {
    if (!signIn.hasLogins() || (tls === null && !policy.mayAuthInClear(address))) return [];
    return treatment.offers.mechanisms;
  }

  function startTlsRefusal(parameters: string): ReplyCode | null {
    if (tls) return 'intake.starttls-active';
    if (!facts.offersStartTls) return 'intake.starttls-not-offered';
    return parameters === '' ? null : 'intake.starttls-syntax';
  }

  function authRefusal(parameters: string): ReplyCode | null {
    if (signIn.isThrottled(address)) return 'intake.sign-in-throttled';
    if (signIn.hasLogins() && tls === null && !policy.mayAuthInClear(address))
      return 'intake.tls-before-sign-in';
    const named = parameters.split(/\s+/, 1)[0]?.toUpperCase() ?? '';
    wanted = mechanisms().find((mechanism) => mechanism === named) ?? null;
    return wanted === null ? 'intake.sign-in-not-offered' : null;
  }

  function answer(code: ReplyCode): CommandVerdict {
    return { kind: 'answer', reply: replyLine(refuse(code)) };
  }

  /** Everything where the network is trusted; elsewhere what the profile of the device names. */
  function tolerates(quirk: QuirkId): boolean {
    return !SWITCHED_QUIRKS.has(quirk) || policy.isTrusted(address) || treatment.quirks.includes(quirk);
  }

  const commandFacts: CommandFacts = { address, hostname: deps.hostname, tolerates };

  function note(quirks: readonly QuirkId[]): void {
    if (quirks.length === 0) return;
    observer.quirks(quirks);
    deps.log.debug('session.quirks', { address, device: deviceId(), quirks });
  }

  function smoothed({ line, quirks }: SmoothedCommand): CommandVerdict {
    note(quirks);
    return { kind: 'pass', line };
  }

  function onPath(text: string): CommandVerdict {
    const command = smoothPath(text, commandFacts);
    mended = command.quirks.flatMap((quirk) => ENVELOPE_REPAIRS[quirk] ?? []);
    return smoothed(command);
  }

  function onCommand(line: string): CommandVerdict {
    const { line: text, quirks } = smoothLineEnd(line, commandFacts);
    note(quirks);
    if (CONTROL.test(text)) return answer('intake.control-character');
    const command = text.trim();
    const verb = firstWord(command);
    const parameters = command.slice(verb.length).trimStart();
    const pass: CommandVerdict = { kind: 'pass', line: text };
    switch (verb.toUpperCase()) {
      case 'EHLO':
      case 'HELO':
        greeting = cleanGreeting(parameters);
        observer.greeted(verb, greeting);
        return smoothed(smoothGreeting(verb, parameters, commandFacts));
      case 'MAIL':
      case 'RCPT':
        return onPath(command);
      case 'STARTTLS': {
        const code = startTlsRefusal(parameters);
        return code ? answer(code) : { kind: 'starttls', reply: '220 2.0.0 Ready to start TLS\r\n' };
      }
      case 'AUTH': {
        const code = authRefusal(parameters);
        return code ? answer(code) : pass;
      }
      case 'QUIT':
        observer.quit();
        return pass;
      default:
        return pass;
    }
  }

  /** Our own list: what smtp-server would offer is the same for every device. */
  function ehloReply(): string {
    const auth = mechanisms();
    const { offers } = treatment;
    const lines = [
      deps.hostname,
      ...(offers.pipelining ? ['PIPELINING'] : []),
      ...(offers.eightBitMime ? ['8BITMIME'] : []),
      'ENHANCEDSTATUSCODES',
      ...(offers.size ? [`SIZE ${policy.maxMessageBytes(peer())}`] : []),
      ...(facts.offersStartTls && tls === null && offers.starttls ? ['STARTTLS'] : []),
      ...(auth.length > 0 ? [`AUTH ${auth.join(' ')}`] : []),
    ];
    return lines.map((text, i) => `250${i < lines.length - 1 ? '-' : ' '}${text}\r\n`).join('');
  }

  function onReply(verb: string, reply: string): string {
    if (verb === 'EHLO' && reply.startsWith('250')) return ehloReply();
    if (reply < '4') return reply;
    if (DOUBLE_ENHANCED.test(reply)) return reply.replace(DOUBLE_ENHANCED, '$1 $2');
    const code = codeOfLibraryReply(reply);
    const about = { verb: shownVerb(verb) };
    if (code) return replyLine(refuse(code, about));
    report('intake.protocol', reply.trimEnd(), about);
    return reply;
  }

  function hasStalled(): boolean {
    return ending === 'intake.data-timeout';
  }

  function recordUnfinished(message: string | null, bytes: number, envelope: Envelope): void {
    deps.unfinished.record({
      ...{ message, bytes, device: deviceId(), address, listener: facts.listener },
      ...{ sender: envelope.sender, recipients: envelope.recipients.length, code: ending ?? '' },
    });
  }

  function notAccepted(result: Exclude<ReceiveResult, { kind: 'accepted' }>, envelope: Envelope): ReplyCode {
    if (result.kind === 'refused') {
      const bytesMax = policy.maxMessageBytes(peer());
      return refuse(result.code, { sender: envelope.sender, bytes: result.bytes, bytesMax });
    }
    if (result.kind === 'unfinished') recordUnfinished(result.id, result.bytes, envelope);
    else if (hasStalled()) recordUnfinished(null, result.bytes, envelope);
    else if (ending === null) report(result.code, '', { sender: envelope.sender, bytes: result.bytes });
    return 'intake.internal-error';
  }

  return {
    onCommand,
    onReply,
    report,
    end(why) {
      ending = why ?? 'unnamed';
      observer.cutShort();
    },
    who: () => (signedIn?.as === 'test' ? 'test' : deviceId()),
    secured(next) {
      tls = next;
      observer.secured(next);
      greeting = null;
      signedIn = null;
      ({ treatment } = facts);
      held = null;
    },
    signIn(credentials) {
      const result = signIn.check(address, credentials);
      if (!result) {
        // A name that nobody has may be a password typed into the wrong field: it stays out of the log.
        const user = signIn.knows(credentials.user) ? credentials.user : null;
        return refuse('intake.sign-in-refused', { user });
      }
      signedIn = result;
      observer.signedIn(wanted);
      if (result.as !== 'test') treatment = deps.treatmentOf(address, result.as);
      deps.log.info('device.signed-in', { address, user: result.user, device: deviceId() });
      return result;
    },
    sender(sender, { declaredBytes, smtpUtf8 }) {
      if (smtpUtf8) return refuse('intake.smtputf8-unsupported');
      const decision = policy.sender(peer(), asciiAddress(sender), declaredBytes);
      if (decision.kind === 'refuse') {
        const bytesMax = policy.maxMessageBytes(peer());
        return refuse(decision.code, { sender, declaredBytes, bytesMax });
      }
      if (deps.messages.count(deviceId() ?? address) >= policy.messagesPerHour(peer())) {
        return refuse('intake.too-many-messages');
      }
      held = decision.held;
      repairs = mended;
      return null;
    },
    recipient(recipient, already) {
      const code = policy.recipient(peer(), asciiAddress(recipient), already);
      if (code) return refuse(code, { recipient });
      repairs = union(repairs, mended);
      return null;
    },
    async message(text, envelope) {
      const result = await receiveMessage(deps, facts.recorder?.text(text) ?? text, {
        envelope,
        device: deviceFacts(),
        held,
        repairs,
        bytesMax: policy.maxMessageBytes(peer()),
        joinsParts: treatment.joins,
        keepsUnfinished: () => hasStalled() && deps.unfinished.mayKeep(deviceId() ?? address),
      });
      if (result.kind !== 'accepted') return notAccepted(result, envelope);
      deps.messages.add(deviceId() ?? address);
      facts.recorder?.accepted();
      const { bytes, repairs: made } = result;
      observer.accepted({ bytes, recipients: envelope.recipients.length, repairs: made });
      if (result.waits) deps.onPart(result.id);
      deps.log.info('message.accepted', {
        message: result.id,
        sender: envelope.sender,
        recipients: envelope.recipients.length,
        device: deviceId(),
        address,
        listener: facts.listener,
        tls,
        held: held?.code ?? null,
      });
      return { id: result.id };
    },
  };
}

function cleanGreeting(argument: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go.
  const clean = argument.replace(/[\x00-\x1f\x7f-\x9f]/g, '').slice(0, GREETING_MAX);
  return clean === '' ? null : clean;
}
