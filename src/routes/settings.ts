/** Settings of the ways out and of the choice between them. */
import * as z from 'zod';
import { SENDER_REWRITES } from '../core/message.ts';
import { domainName, fileText, type OutputOf, secretValue } from '../core/settings.ts';

const mailboxAddress = () => z.email().describe('Address of the Microsoft 365 mailbox that sends.');

const common = () => ({
  id: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .describe('Name of the route, used in routing, logs and topics.'),
  host: z.string().min(1).optional().describe('Server name to connect to; its certificate must carry it.'),
  port: z.int().min(1).max(65535).optional().describe('TCP port.'),
  ca: fileText()
    .optional()
    .describe(
      'PEM file of a certificate authority to trust besides the system ones (tests, national clouds behind a proxy).',
    ),
});

const limits = (defaults: {
  messagesPerMinute: number;
  connections: number;
  recipientsPerDay: number;
  recipientsPerMessage: number;
}) =>
  z
    .strictObject({
      messagesPerMinute: z
        .int()
        .min(1)
        .default(defaults.messagesPerMinute)
        .describe('Most messages a minute.'),
      connections: z
        .int()
        .min(1)
        .max(100)
        .default(defaults.connections)
        .describe('Most connections at once.'),
      recipientsPerDay: z
        .int()
        .min(1)
        .default(defaults.recipientsPerDay)
        .describe('Most recipients in 24 hours.'),
      recipientsPerMessage: z
        .int()
        .min(1)
        .max(1000)
        .default(defaults.recipientsPerMessage)
        .describe('Most recipients in one envelope; a larger one is split.'),
      messageBytesMax: z
        .int()
        .min(1024)
        .default(36_700_160)
        .describe('Largest message this route takes (the mailbox limit, 35 MB by default at Microsoft).'),
    })
    .prefault({});

/** Microsoft's figures for one mailbox: docs/sources.md, limits (smtp-submission-improvements). */
const submissionLimits = () =>
  limits({
    messagesPerMinute: 30,
    connections: 3,
    recipientsPerDay: 10_000,
    recipientsPerMessage: 500,
  });
/** Port 25 knows no published rate; over 200 recipients of one domain Microsoft answers 4.5.3. */
const mxLimits = () =>
  limits({
    messagesPerMinute: 600,
    connections: 5,
    recipientsPerDay: 1_000_000,
    recipientsPerMessage: 200,
  });

const keyPair = () =>
  z.strictObject({
    cert: fileText().describe('PEM file with the certificate, followed by its chain.'),
    key: fileText().describe('PEM file with the private key.'),
  });

const oauth = () =>
  z
    .strictObject({
      kind: z.literal('oauth'),
      tenant: z.string().min(1).describe('Tenant id or domain, such as contoso.onmicrosoft.com.'),
      clientId: z.string().min(1).describe('Application (client) id of the app registration.'),
      clientSecret: secretValue().optional().describe('Client secret of the app registration.'),
      clientSecretExpires: z.iso
        .date({ error: 'expected a day such as 2027-01-31' })
        .optional()
        .describe(
          'Day on which the client secret ends, as Microsoft Entra shows it: health warns 30 days ahead. Nobody else tells the box.',
        ),
      certificate: keyPair()
        .optional()
        .describe('Client certificate of the app registration, instead of a secret.'),
      deviceCode: z
        .boolean()
        .default(false)
        .describe('Sign in as a person with a code shown in the log; Microsoft blocks this in many tenants.'),
      cloud: z
        .enum(['worldwide', 'us-government', 'china'])
        .default('worldwide')
        .describe('Which Microsoft cloud the tenant is in.'),
      authority: z.url().optional().describe('Sign-in address; overrides the cloud.'),
      scope: z.string().optional().describe('OAuth scope; overrides the one of the cloud.'),
    })
    .refine(
      (auth) =>
        [auth.clientSecret !== undefined, auth.certificate !== undefined, auth.deviceCode].filter(Boolean)
          .length === 1,
      {
        error: 'give exactly one of clientSecret, certificate or deviceCode: true',
      },
    );

const basic = () =>
  z.strictObject({
    kind: z.literal('basic'),
    user: z.string().min(1).optional().describe('User name, where it differs from the mailbox.'),
    password: secretValue().describe(
      'Password. Microsoft switches passwords off for SMTP step by step from end of December 2026.',
    ),
  });

/** Where Microsoft 365 takes submissions of the worldwide cloud. */
export const MICROSOFT_SUBMISSION = { host: 'smtp.office365.com', port: 587 } as const;

const submission = () =>
  z.strictObject({
    ...common(),
    kind: z.literal('submission'),
    host: z.string().min(1).default(MICROSOFT_SUBMISSION.host).describe('Submission server.'),
    port: z
      .int()
      .min(1)
      .max(65535)
      .default(MICROSOFT_SUBMISSION.port)
      .describe('TCP port; STARTTLS is required on it.'),
    mailbox: mailboxAddress(),
    auth: z.discriminatedUnion('kind', [oauth(), basic()]),
    limits: submissionLimits(),
    rewriteSender: z
      .enum(SENDER_REWRITES)
      .default('if-needed')
      .describe(
        'Put the mailbox in place of a sender it may not use; replies still reach the original through Reply-To.',
      ),
    sendAs: z
      .array(z.string().min(1))
      .default([])
      .describe('Further addresses or domains this mailbox may send as; not rewritten by if-needed.'),
  });

const directSend = () =>
  z.strictObject({
    ...common(),
    kind: z.literal('direct-send'),
    domain: domainName().describe('A domain of the tenant; its MX is looked up.'),
    domains: z.array(domainName()).default([]).describe('Further domains of the same tenant.'),
    port: z.int().min(1).max(65535).default(25).describe('TCP port.'),
    limits: mxLimits(),
  });

const connector = () =>
  z.strictObject({
    ...common(),
    kind: z.literal('connector'),
    domain: domainName().describe('A domain of the tenant; its MX is looked up.'),
    port: z.int().min(1).max(65535).default(25).describe('TCP port.'),
    certificate: keyPair()
      .optional()
      .describe('Client certificate the connector knows; without it the connector goes by address.'),
    limits: mxLimits(),
  });

export const routeSettings = () => z.discriminatedUnion('kind', [submission(), directSend(), connector()]);

export const routingSettings = () =>
  z
    .array(
      z.strictObject({
        recipients: z
          .array(domainName())
          .min(1)
          .optional()
          .describe('Recipient domains this rule is for; left out, it is for all.'),
        use: z
          .array(
            z.union([z.string(), z.array(z.string()).min(1)], {
              error: 'expected the id of a route, or a list of ids that share the load',
            }),
          )
          .min(1)
          .describe(
            'Routes in order: the first that can carry the message, the next when it is paused. A list in the list, such as [[mailbox-1, mailbox-2], direct], is a group whose routes share the load: the least used one that may start takes the message, so a device that writes under no address of its own may appear as either mailbox.',
          ),
      }),
    )
    .describe('Which recipients go which way; the first rule that fits is taken.');

export type RouteSettings = OutputOf<typeof routeSettings>;
export type SubmissionSettings = OutputOf<typeof submission>;
export type DirectSendSettings = OutputOf<typeof directSend>;
export type ConnectorSettings = OutputOf<typeof connector>;
export type OauthSettings = OutputOf<typeof oauth>;
export type RoutingRule = OutputOf<typeof routingSettings>[number];
