/** Settings of the connection to an MQTT broker. */
import * as z from 'zod';
import { fileText, type OutputOf, secretValue } from '../core/settings.ts';
import { publicKeyTrouble } from './signing.ts';

/** What a signed command may ask for; each key lists those it may use. */
export const COMMAND_VERBS = [
  'flush',
  'retry',
  'hold',
  'release',
  'pause-route',
  'resume-route',
  'send-test',
  'doctor',
  'discover',
  'set-config',
  'support-bundle',
  'restart',
  'update-profiles',
] as const;
export type CommandVerb = (typeof COMMAND_VERBS)[number];

const commandKey = () =>
  z.strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/)
      .describe('Name of the key, as `kid` of a command says it.'),
    publicKey: fileText()
      .describe('File with the Ed25519 public key (PEM), as `scanferry fleet keygen` writes it.')
      .superRefine(({ text }, context) => {
        const trouble = publicKeyTrouble(text);
        if (trouble !== null)
          context.addIssue({
            code: 'custom',
            message: `expected an Ed25519 public key (PEM), but ${trouble}`,
          });
      }),
    verbs: z.array(z.enum(COMMAND_VERBS)).min(1).describe('What commands signed with this key may ask for.'),
  });

export const mqttSettings = () =>
  z.strictObject({
    url: z
      .url({
        protocol: /^(mqtts?|wss?)$/,
        error: 'expected a broker such as mqtts://broker.contoso.com:8883',
      })
      .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), {
        error:
          'expected a broker without user and password in its address; they belong in username and password',
      })
      .describe('Broker: mqtt, mqtts, ws or wss, host and port.'),
    version: z
      .union([z.literal('3.1.1'), z.literal('5')])
      .default('5')
      .describe('MQTT version; a broker without 5 is spoken to in 3.1.1.'),
    username: z.string().min(1).optional().describe('User name at the broker; left out, the site id.'),
    password: secretValue().optional().describe('Password at the broker.'),
    ca: fileText()
      .optional()
      .describe('File with the certificate authority of the broker (PEM); left out, the usual ones.'),
    certificate: z
      .strictObject({
        cert: fileText().describe('Certificate (PEM).'),
        key: fileText().describe('Its private key (PEM).'),
      })
      .optional()
      .describe('Client certificate for the broker.'),
    telemetrySeconds: z.int().min(5).max(86_400).default(60).describe('How often numbers are published.'),
    homeAssistant: z.boolean().default(false).describe('Announce the site to Home Assistant.'),
    homeAssistantButtons: z
      .boolean()
      .default(false)
      .describe(
        'Obey the buttons "try again now" and "send a test scan" of Home Assistant: whoever may publish there can press them, unsigned.',
      ),
    testRecipient: z
      .email()
      .optional()
      .describe('Who gets the test scan of the button; left out, the sender of test scans itself.'),
    commandKeys: z
      .array(commandKey())
      .max(20)
      .default([])
      .describe('Keys whose commands are obeyed; left out, none are.'),
  });

export type MqttSettings = OutputOf<typeof mqttSettings>;
