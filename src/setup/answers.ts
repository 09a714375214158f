/** What `init` has to know: each answer once, with what it is for, whether a person types it or a file holds it. */
import * as z from 'zod';
import { describeIssue } from '../config/issues.ts';
import type { ConfigPath, ConfigProblem } from '../config/problems.ts';
import { formatKey } from '../config/problems.ts';
import { isRecord, resolveMarked } from '../config/resolve.ts';
import { readYaml } from '../config/yaml-file.ts';
import { domainName, fileText, ipAddress, network, type OutputOf, secretValue } from '../core/settings.ts';

export const WAYS = ['submission', 'direct-send', 'connector'] as const;
export type Way = (typeof WAYS)[number];

const app = () => ({
  tenant: z.string().min(1).describe('Tenant id or domain, such as contoso.onmicrosoft.com.'),
  clientId: z.string().min(1).describe('Application (client) id of the app registration.'),
});
const keyPair = () => ({
  cert: fileText().describe('PEM file with the certificate and its chain.'),
  key: fileText().describe('PEM file with its private key.'),
});

const signIn = () =>
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('secret'),
      ...app(),
      secret: secretValue().describe('Client secret of the app registration.'),
      expires: z.iso
        .date({ error: 'expected a day such as 2027-01-31' })
        .optional()
        .describe('Day on which it ends, as Microsoft Entra shows it.'),
    }),
    z.strictObject({ kind: z.literal('certificate'), ...app(), ...keyPair() }),
    z.strictObject({
      kind: z.literal('password'),
      user: z.string().min(1).optional().describe('User name, where it differs from the mailbox.'),
      password: secretValue().describe('Password of the mailbox.'),
    }),
  ]);

export const answersSchema = () =>
  z
    .strictObject({
      site: z.strictObject({
        id: z
          .string()
          .regex(/^[a-z0-9-]{1,64}$/, {
            error: 'expected lower-case letters, digits and hyphens, such as berlin-hq',
          })
          .describe('Name of this site in topics and logs.'),
        name: z.string().min(1).optional().describe('Name of this site for people.'),
      }),
      domain: domainName().describe('Mail domain of the organisation, such as contoso.com.'),
      outside: z
        .boolean()
        .default(true)
        .describe('Whether scans also go to people outside the organisation.'),
      mailbox: z
        .email()
        .optional()
        .describe('A mailbox with a licence that may send by authenticated SMTP; left out, there is none.'),
      staticAddress: ipAddress()
        .optional()
        .describe('Public address of this site, where it is its own and never changes.'),
      certificate: z
        .strictObject(keyPair())
        .optional()
        .describe('Certificate of a public authority in the name of the domain, for a connector.'),
      way: z.enum(WAYS).optional().describe('Way to Microsoft 365; left out, the one that fits best.'),
      signIn: signIn().optional().describe('How to sign in to the mailbox; submission only.'),
      networks: z.array(network()).min(1).describe('Networks of the copiers.'),
      port: z.int().min(1).max(65535).default(25).describe('Port on which the box listens for copiers.'),
      hostname: z.string().min(1).optional().describe('Name of the box, such as scanferry.contoso.com.'),
      unknownDevices: z
        .enum(['accept', 'hold', 'reject'])
        .default('hold')
        .describe('What becomes of mail of copiers that the config does not name.'),
      notices: z.array(z.email()).default([]).describe('Who is told when a scan could not be delivered.'),
      profile: z.string().min(1).optional().describe('Profile of the copier that the setup sheet is for.'),
      dns: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('Name servers, where not those of the system.'),
      server: z
        .strictObject({
          host: z.string().min(1).optional().describe('Server name, where it is not the usual one.'),
          port: z.int().min(1).max(65535).optional().describe('TCP port, where it is not the usual one.'),
          ca: fileText().optional().describe('PEM file of a certificate authority to trust besides.'),
          authority: z.url().optional().describe('Sign-in address, where it is not the usual one.'),
        })
        .default({})
        .describe('Another server than the usual one: a mail filter in front, a national cloud, a test.'),
      goOn: z.boolean().default(false).describe('Write the config though a test has failed.'),
    })
    .superRefine(({ way, mailbox, signIn: how }, context) => {
      if (way === 'submission' && mailbox === undefined)
        context.addIssue({
          code: 'custom',
          path: ['mailbox'],
          message: 'expected the mailbox that submission sends from',
        });
      if (way === 'submission' && how === undefined)
        context.addIssue({
          code: 'custom',
          path: ['signIn'],
          message: 'expected how to sign in to the mailbox',
        });
    });

export type Answers = OutputOf<typeof answersSchema>;

/** Answers as they are typed or written: secrets in clear or by place, files by path. */
export type RawAnswers = Record<string, unknown>;

export interface ReadAnswers {
  answers: Answers | null;
  problems: ConfigProblem[];
}

export interface AnswerPlace {
  /** File they come from, for what is said about it. */
  file: string;
  /** Where relative paths start. */
  baseDir: string;
  env: Record<string, string | undefined>;
  readSecret(name: string): string | undefined;
}

/** Reads a file of answers: plain data, or every problem with its line. */
export function readAnswersFile(
  file: string,
  text: string,
): { raw: RawAnswers | null; problems: ConfigProblem[]; lineOf(at: ConfigPath): number | null } {
  const { data, problems, lineOf } = readYaml(file, text);
  if (problems.length > 0 || isRecord(data)) return { raw: isRecord(data) ? data : null, problems, lineOf };
  const message = 'expected keys such as site, domain and networks';
  return { raw: null, problems: [{ severity: 'error', file, line: null, key: '', message }], lineOf };
}

/** Judges all answers at once. A secret in clear is no problem here: it is stored under the box key. */
export function judgeAnswers(
  raw: RawAnswers,
  place: AnswerPlace,
  lineOf: (at: ConfigPath) => number | null,
): ReadAnswers {
  const problems: ConfigProblem[] = [];
  const add = (at: ConfigPath, message: string) =>
    void problems.push({
      severity: 'error',
      file: place.file,
      line: lineOf(at),
      key: formatKey(at),
      message,
    });
  const schema = answersSchema();
  const resolved = resolveMarked(schema, raw, {
    ...place,
    problem: (severity, at, message) => {
      if (severity === 'error') add(at, message);
    },
  });
  const parsed = schema.safeParse(resolved);
  if (!parsed.success) {
    const known = new Set(problems.map(({ key }) => key));
    for (const { path, message } of parsed.error.issues.flatMap((issue) =>
      describeIssue(issue, resolved, schema),
    )) {
      if (!known.has(formatKey(path)))
        add(path, message.replace('docs/reference/settings.md', 'docs/howto/init.md'));
    }
  }
  return { answers: parsed.success && problems.length === 0 ? parsed.data : null, problems };
}

/** What stands under a dotted key, such as `signIn.secret`; undefined where nothing does. */
export function valueAt(raw: unknown, keys: readonly string[]): unknown {
  return keys.reduce((value, key) => (isRecord(value) ? value[key] : undefined), raw);
}
