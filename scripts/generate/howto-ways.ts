/** Renders docs/howto: how each way is set up, and the answers of `init`, from what the interview itself says. */
import * as z from 'zod';
import { answersSchema, type Way } from '../../src/setup/answers.ts';
import { microsoftSteps, type Step, type StepValues } from '../../src/setup/microsoft-steps.ts';

const VALUES: StepValues = {
  way: 'submission',
  domain: 'contoso.com',
  mailbox: 'scanner@contoso.com',
  signIn: 'secret',
  clientId: null,
  staticAddress: '203.0.113.7',
  hasCertificate: false,
};

const SOURCES = `Sources: Microsoft Learn, *How to set up a multifunction device or application to send email*, *Authenticate an IMAP,
POP or SMTP connection using OAuth*, *Fix issues with printers, scanners and LOB applications*, *Updated requirements for
SMTP relay through Exchange Online*, *SMTP submission improvements*; Microsoft's PowerShell reference; Exchange Team Blog
4408790 (Reject Direct Send), 4489835 (passwords). What each figure rests on: [sources](../sources.md).`;

const LAST = `## At the box and at the copier

\`scanferry init\` asks for the values, tries them live and writes this config; by hand it goes into
\`/etc/scanferry/scanferry.yaml\`. Then:

\`\`\`
scanferry check                          # reads the config
scanferry run                            # starts the agent
scanferry send-test anna@contoso.com     # follows a test scan to Microsoft's reply
scanferry sheet generic/plain            # what to enter at the copier; name a profile or a device of the config
\`\`\`

What a refusal means: [read-an-error](read-an-error.md).
`;

/** One page for each way. */
export function renderWay(way: Way): string {
  switch (way) {
    case 'submission':
      return renderSubmission();
    case 'direct-send':
      return renderDirectSend();
    case 'connector':
      return renderConnector();
  }
}

function renderSubmission(): string {
  return page([
    '# Send by submission, through a mailbox',
    '',
    'The box signs in to a mailbox of yours at smtp.office365.com, port 587. It reaches people inside and outside, from any',
    'address, and mail inside passes most spam checks. It needs a licence, and carries 30 messages a minute and 10,000',
    'recipients a day for each mailbox; several mailboxes can share the load.',
    '',
    '## In Microsoft 365',
    '',
    ...steps({ ...VALUES, way: 'submission' }),
    'With a certificate in place of the secret, step 5 is:',
    '',
    ...stepLines(microsoftSteps({ ...VALUES, signIn: 'certificate' })[4], 5),
    'With a password there is no app; the steps after Authenticated SMTP are this one:',
    '',
    ...stepLines(microsoftSteps({ ...VALUES, signIn: 'password' })[2], 3),
    '## The config',
    '',
    '```yaml',
    'routes:',
    '  - id: mailbox',
    '    kind: submission',
    '    mailbox: scanner@contoso.com',
    '    auth:',
    '      kind: oauth',
    '      tenant: contoso.onmicrosoft.com',
    '      clientId: 00000000-0000-0000-0000-000000000000',
    '      clientSecret: { secret: client-secret }      # or certificate: { cert: app.pem, key: app.key }',
    '      clientSecretExpires: 2027-05-01              # health warns thirty days before',
    '```',
    '',
    "`printf %s 'the secret' | scanferry secret set client-secret` stores it, encrypted under the key of the box. A password:",
    '`auth: { kind: basic, password: { secret: mailbox-password } }`.',
    '',
    'A mailbox may send as itself only, so a copier that sends as `copier@contoso.com` is rewritten to the mailbox, with',
    'Reply-To to the original. `sendAs` names further addresses that the mailbox has the right to; `rewriteSender: off` leaves',
    'senders as they are ([settings](../reference/settings.md)).',
    '',
  ]);
}

function renderDirectSend(): string {
  return page([
    '# Send directly to your own organisation',
    '',
    'The box hands mail to the MX of your domain on port 25, as any mail server of the internet would. It needs no mailbox and',
    'no sign-in, reaches people of your own organisation only, and is checked for spam. Port 25 toward the internet must be',
    'open, which many providers block.',
    '',
    '## In Microsoft 365',
    '',
    ...steps({ ...VALUES, way: 'direct-send' }),
    '## The config',
    '',
    '```yaml',
    'routes:',
    '  - { id: direct, kind: direct-send, domain: contoso.com }      # domains: [fabrikam.com] for more of the same tenant',
    '```',
    '',
    'Where a mail filter stands in front of Microsoft 365, the MX of the domain is the filter; `host` names the server of the',
    'tenant in its place.',
    '',
  ]);
}

function renderConnector(): string {
  return page([
    '# Send through a connector',
    '',
    'The box hands mail to the MX of your domain on port 25, and a rule in Exchange Online, the connector, knows it by its',
    'public address or by its certificate and relays what it sends, outside too. It needs no mailbox. The address must be',
    'yours alone and never change; Microsoft advises the certificate. Port 25 toward the internet must be open.',
    '',
    '## In Microsoft 365, by address',
    '',
    ...steps({ ...VALUES, way: 'connector' }),
    '## In Microsoft 365, by certificate',
    '',
    'As above, with this connector:',
    '',
    ...stepLines(microsoftSteps({ ...VALUES, way: 'connector', hasCertificate: true })[1], 2),
    '## The config',
    '',
    '```yaml',
    'routes:',
    '  - id: connector',
    '    kind: connector',
    '    domain: contoso.com',
    '    certificate: { cert: relay.pem, key: relay.key }      # left out, the connector goes by address',
    '```',
    '',
    '`relay.pem` holds the certificate and the whole chain of its authority; a self-signed one is refused. When the certificate',
    'fits no connector, Microsoft answers 5.7.64, and the box says as which address it is seen.',
    '',
  ]);
}

function page(lines: string[]): string {
  return [...lines, LAST, SOURCES, ''].join('\n');
}

function steps(values: StepValues): string[] {
  return microsoftSteps(values).flatMap((step, index) => stepLines(step, index + 1));
}

function stepLines(step: Step | undefined, number: number): string[] {
  if (step === undefined) throw new Error(`there is no step ${number}`);
  const { title, text, powershell } = step;
  const lines = [`${number}. **${title}.** ${text}`];
  if (powershell.length > 0)
    lines.push('   ```powershell', ...powershell.map((line) => `   ${line}`), '   ```');
  return [...lines, ''];
}

/** The keys of an answers file. */
export function renderAnswers(): string {
  return `# Set up a box with \`scanferry init\`

\`scanferry init\` asks at a terminal: Enter takes what stands in brackets, \`?\` explains, \`back\` goes to the question before,
Ctrl-C leaves with nothing written. It looks up the MX, tries the ports, says which of the three ways fits and why, what to
do in Microsoft 365, signs in as a delivery would, asks whether an address takes mail, and takes it back: nothing is sent. A
test that fails can be repeated, mended, or passed over. At the end the config is shown, and written when you say yes.

Secrets are not written into the config: they lie in the data folder, encrypted under the key of the box (\`scanferry secret
list\`). A config that is there is never replaced unasked, and is kept beside the new one.

## Without a terminal

\`scanferry init --answers FILE\` takes the answers from YAML, for instance:

\`\`\`yaml
site: { id: berlin-hq, name: Berlin HQ }
domain: contoso.com
outside: true
mailbox: scanner@contoso.com
signIn: { kind: secret, tenant: contoso.onmicrosoft.com, clientId: 00000000-0000-0000-0000-000000000000, secret: { file: m365-secret } }
networks: [192.168.50.0/24]
notices: [it@contoso.com]
\`\`\`

Every problem of the file is told at once, with its line. When a test fails nothing is written, unless \`goOn: true\` says so.
\`--force\` replaces a config that is there. With \`--ask\` the questions are asked all the same, and the file holds the
defaults: one file serves many sites of one tenant. Relative paths start at the file. \`secret\` and \`password\` take the text
itself, \`{ file: … }\`, \`{ env: … }\`, or \`{ secret: … }\` for one that the box has already.

| Key | Value | Default | |
|---|---|---|---|
${answerRows().join('\n')}
`;
}

interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
}

function answerRows(): string[] {
  // The output of z.toJSONSchema is JSON Schema; these are the parts of it that are read here.
  const schema = z.toJSONSchema(answersSchema(), { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return rowsOf(schema, '');
}

function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${prefix}${key}`;
    const row = `| \`${name}\` | ${valueText(schema)} | ${defaultOf(schema, required.includes(key))} | ${schema.description ?? ''} |`;
    const inner = (schema.oneOf ?? [schema]).flatMap((option) => {
      const kind = option.properties?.['kind']?.const;
      const at = kind === undefined ? `${name}.` : `${name}(${String(kind)}).`;
      return rowsOf(withoutKind(option), at);
    });
    return [row, ...inner];
  });
}

function withoutKind({ properties = {}, ...rest }: JsonSchema): JsonSchema {
  const { kind: _, ...others } = properties;
  return { ...rest, properties: others };
}

function valueText({ type, enum: values, oneOf, anyOf, items }: JsonSchema): string {
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(', ');
  if (oneOf !== undefined) {
    const kinds = oneOf.map(({ properties }) => `\`${String(properties?.['kind']?.const)}\``);
    return `group; \`kind\` is ${kinds.join(', ')}`;
  }
  if (type === 'array') return `list of ${valueText(items ?? {})}`;
  if (type === 'boolean') return '`true` or `false`';
  if (type === 'integer' || type === 'number') return 'number';
  return type === 'object'
    ? 'group'
    : anyOf !== undefined || type === 'string' || type === undefined
      ? 'text'
      : type;
}

function defaultOf({ default: value }: JsonSchema, isRequired: boolean): string {
  if (value !== undefined && typeof value !== 'object') return `\`${String(value)}\``;
  return isRequired && value === undefined ? 'required' : '';
}
