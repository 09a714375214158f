/** The questions of the interview: what is asked, how it is explained, how an answer is read. */
import type * as z from 'zod';
import { describeIssue } from '../config/issues.ts';
import { isRecord } from '../config/resolve.ts';
import { answersSchema, type RawAnswers } from './answers.ts';
import { ownNetworks } from './networks.ts';

export interface Question {
  /** Dotted key of the answers, such as `site.id`. */
  name: string;
  text(raw: RawAnswers): string;
  help: string;
  /** Left out, it is always asked. */
  applies?(raw: RawAnswers): boolean;
  /** Proposed where nothing is known yet. */
  fallback?(raw: RawAnswers): string;
  /** A known answer, as it would be typed. */
  show(value: unknown): string;
  isSecret?: boolean;
  read(typed: string, context: { raw: RawAnswers; profileIds: readonly string[] }): Read;
}

export type Read = { value: unknown } | { problem: string };

const { shape } = answersSchema();
const NEEDED = 'An answer is needed here; ? explains.';
const NONE = 'none';

const isWay = (way: string) => (raw: RawAnswers) => raw['way'] === way;
const signsInBy =
  (...kinds: string[]) =>
  (raw: RawAnswers) =>
    raw['way'] === 'submission' && isRecord(raw['signIn']) && kinds.includes(String(raw['signIn']['kind']));

/** A text that a part of the answers' schema judges. */
function text(schema: z.ZodType): Pick<Question, 'read' | 'show'> {
  return {
    show: String,
    read: (typed) => (typed === '' ? { problem: NEEDED } : judged(schema, typed)),
  };
}

/** As `text`, where `none` is an answer too. */
function optional(schema: z.ZodType): Pick<Question, 'read' | 'show' | 'fallback'> {
  return {
    show: String,
    fallback: () => NONE,
    read: (typed) =>
      typed.toLowerCase() === NONE || typed === '' ? { value: undefined } : judged(schema, typed),
  };
}

function list(schema: z.ZodType): Pick<Question, 'read' | 'show'> {
  return {
    show: (value) => (Array.isArray(value) ? value.join(', ') : String(value)),
    read(typed) {
      if (typed.toLowerCase() === NONE) return judged(schema, []);
      const items = typed.split(/[\s,;]+/).filter((item) => item !== '');
      return items.length === 0 ? { problem: NEEDED } : judged(schema, items);
    },
  };
}

const yesNo: Pick<Question, 'read' | 'show'> = {
  show: (value) => (value === true ? 'yes' : 'no'),
  read(typed) {
    if (/^y(?:es)?$/i.test(typed)) return { value: true };
    return /^no?$/i.test(typed) ? { value: false } : { problem: 'Type yes or no.' };
  },
};

/** A path or a secret is judged when all answers are there. */
const anything: Pick<Question, 'read' | 'show'> = {
  show: String,
  read: (typed) => (typed === '' ? { problem: NEEDED } : { value: typed }),
};

function judged(schema: z.ZodType, value: unknown): Read {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  const said =
    issue === undefined
      ? 'this can not be read'
      : (describeIssue(issue, value, schema)[0]?.message ?? issue.message);
  return { problem: `${said.charAt(0).toUpperCase()}${said.slice(1)}.` };
}

const SIGN_INS = ['secret', 'certificate', 'password'];

export const QUESTIONS: readonly Question[] = [
  {
    name: 'site.id',
    text: () => 'Short name of this site, for topics and logs',
    help: 'Lower-case letters, digits and hyphens, such as berlin-hq. It never changes later.',
    ...text(shape.site.shape.id),
  },
  {
    name: 'site.name',
    text: () => 'Name of this site for people',
    help: 'Such as Berlin HQ; it stands on pages and in notices.',
    ...optional(shape.site.shape.name.unwrap()),
  },
  {
    name: 'domain',
    text: () => 'Mail domain of your organisation',
    help: 'What stands behind the @ in your addresses, such as contoso.com. Its MX is looked up now.',
    ...text(shape.domain),
  },
  {
    name: 'outside',
    text: () => 'Do scans also go to people outside your organisation? yes or no',
    help: 'Direct send reaches your own people only; with yes it is not proposed.',
    fallback: () => 'yes',
    ...yesNo,
  },
  {
    name: 'mailbox',
    text: () => 'Mailbox with a licence that scans are sent from, or none',
    help: 'Such as scanner@contoso.com. Submission signs in to it; the others need none. It does not have to be there yet.',
    ...optional(shape.mailbox.unwrap()),
  },
  {
    name: 'staticAddress',
    text: () => 'Public address of this site, if it is yours alone and never changes, or none',
    help: 'The address from which the internet sees this site, such as 203.0.113.7; your provider knows whether it stays. A connector can know you by it, and the SPF record names it.',
    ...optional(shape.staticAddress.unwrap()),
  },
  {
    name: 'certificate.cert',
    text: () => 'Certificate for the connector (PEM file with its chain), or none to be known by address',
    help: 'From a public authority, in the name of a domain of yours. Microsoft advises it over the address.',
    applies: isWay('connector'),
    ...anything,
    fallback: () => NONE,
    read: (typed) => ({ value: typed.toLowerCase() === NONE ? undefined : typed }),
  },
  {
    name: 'certificate.key',
    text: () => 'Its private key (PEM file)',
    help: 'It stays where it is; the config names the file.',
    applies: (raw) =>
      isWay('connector')(raw) && isRecord(raw['certificate']) && raw['certificate']['cert'] !== undefined,
    ...anything,
  },
  {
    name: 'signIn.kind',
    text: () => 'Sign in to the mailbox by secret, certificate or password',
    help: 'secret and certificate: OAuth by an app registration, which lasts. password: Microsoft switches it off by default from the end of December 2026.',
    applies: isWay('submission'),
    fallback: () => 'secret',
    show: String,
    read: (typed) =>
      SIGN_INS.includes(typed) ? { value: typed } : { problem: `Type one of ${SIGN_INS.join(', ')}.` },
  },
  {
    name: 'signIn.tenant',
    text: () => 'Tenant: its id, or its first domain',
    help: 'Such as contoso.onmicrosoft.com, or the directory (tenant) id that the app registration shows.',
    applies: signsInBy('secret', 'certificate'),
    fallback: ({ domain }) => String(domain ?? ''),
    ...anything,
  },
  {
    name: 'signIn.clientId',
    text: () => 'Application (client) id of the app registration',
    help: 'In the Microsoft Entra admin center: App registrations › the app › Overview. There is none yet? docs/howto/send-by-submission.md has every click.',
    applies: signsInBy('secret', 'certificate'),
    ...anything,
  },
  {
    name: 'signIn.secret',
    text: () => 'Client secret (it is not shown)',
    help: 'The value, not the id, of Certificates & secrets › Client secrets. It is stored encrypted, not in the config.',
    applies: signsInBy('secret'),
    isSecret: true,
    ...anything,
  },
  {
    name: 'signIn.expires',
    text: () => 'Day on which the secret ends, such as 2027-01-31, or none',
    help: 'As Microsoft Entra shows it. The box warns thirty days before; nobody else does.',
    applies: signsInBy('secret'),
    ...optional(shape.signIn.unwrap().options[0].shape.expires.unwrap()),
  },
  {
    name: 'signIn.cert',
    text: () => 'Certificate of the app registration (PEM file)',
    help: 'The one whose public part was uploaded there.',
    applies: signsInBy('certificate'),
    ...anything,
  },
  {
    name: 'signIn.key',
    text: () => 'Its private key (PEM file)',
    help: 'It stays where it is; the config names the file.',
    applies: signsInBy('certificate'),
    ...anything,
  },
  {
    name: 'signIn.user',
    text: () => 'User name, if it is not the address of the mailbox, or none',
    help: 'Where the person signs in under another name than the address.',
    applies: signsInBy('password'),
    ...optional(shape.signIn.unwrap().options[2].shape.user.unwrap()),
  },
  {
    name: 'signIn.password',
    text: () => 'Password of the mailbox (it is not shown)',
    help: 'It is stored encrypted, not in the config.',
    applies: signsInBy('password'),
    isSecret: true,
    ...anything,
  },
  {
    name: 'notices',
    text: () => 'Who is told by mail when a scan could not be delivered: addresses, or none',
    help: 'Several with commas. The test asks whether one of them takes mail; nothing is sent.',
    fallback: () => NONE,
    ...list(shape.notices.unwrap()),
  },
  {
    name: 'networks',
    text: () => 'Networks of the copiers',
    help: 'Such as 192.168.50.0/24, several with commas. Only these may hand in mail without signing in.',
    fallback: () => ownNetworks().join(', '),
    ...list(shape.networks),
  },
  {
    name: 'port',
    text: () => 'Port on which the box listens for copiers',
    help: '25 is what copiers expect. Plain text, STARTTLS and TLS from its first byte all work on it.',
    fallback: () => '25',
    show: String,
    read: (typed) =>
      /^\d+$/.test(typed) ? judged(shape.port, Number(typed)) : { problem: 'Type a number, such as 25.' },
  },
  {
    name: 'unknownDevices',
    text: () => 'Mail of copiers that the config does not name: accept, hold or reject',
    help: 'hold: it is taken and kept until you approve the copier. accept: it goes at once. reject: the copier shows an error.',
    fallback: () => 'hold',
    ...text(shape.unknownDevices.unwrap()),
  },
  {
    name: 'profile',
    text: () => 'Kind of copier for the setup sheet: a word of its name, a profile, or none',
    help: 'Such as ricoh or canon; `scanferry profiles list` shows all.',
    fallback: () => NONE,
    show: String,
    read: (typed, { profileIds }) => readProfile(typed, profileIds),
  },
];

const PROFILES_SHOWN = 12;

function readProfile(typed: string, profileIds: readonly string[]): Read {
  const word = typed.toLowerCase();
  if (word === NONE) return { value: undefined };
  if (profileIds.includes(word)) return { value: word };
  const found = profileIds.filter((id) => id.includes(word));
  if (found.length === 1) return { value: found[0] };
  if (found.length === 0)
    return { problem: `No profile has ${typed} in its name; none goes on without one.` };
  const more = found.length > PROFILES_SHOWN ? ` and ${found.length - PROFILES_SHOWN} more` : '';
  return { problem: `Which one? ${found.slice(0, PROFILES_SHOWN).join(', ')}${more}` };
}
