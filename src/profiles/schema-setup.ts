/** The part of a profile that people read at the panel: menu paths, labels, values, and the device's own error codes. */
import * as z from 'zod';
import type { OutputOf } from '../core/settings.ts';
import { evidenceOf } from './schema-evidence.ts';

/** What `set` of a step may name between double braces; the setup sheet puts the box's own values there. */
export const PLACEHOLDERS = {
  relayHost: 'Host name of the box.',
  relayAddress: 'Numeric address of the box.',
  port: 'Port of the box that suits this device.',
  tlsMode: 'Encryption that suits this device: none, STARTTLS, SSL/TLS, or any where nobody knows.',
  signIn: 'on where the box has a login for this device, else off.',
  user: 'User name of the device’s login at the box, where it has one.',
  password: 'Password of that login.',
  from: 'Sender address of the device.',
  recipient: 'An address to try a scan with.',
  sizeMaxKiB: 'Largest message the whole way can carry, KiB.',
  rootCertificate: 'Address of the box’s root certificate for download.',
} as const satisfies Record<string, string>;

export type Placeholder = keyof typeof PLACEHOLDERS;

/** What {{tlsMode}} and {{signIn}} can be; a field may call them otherwise. */
const SETTING_VALUES = ['none', 'STARTTLS', 'SSL/TLS', 'any', 'on', 'off'] as const;

const setupStep = () =>
  z.strictObject({
    path: z
      .array(z.string().min(1).max(80))
      .min(1)
      .max(12)
      .describe('Menu path at the device, as it is labelled there.'),
    label: z.string().min(1).max(80).optional().describe('The field, as it is labelled there.'),
    set: z
      .string()
      .min(1)
      .max(200)
      .describe('What to enter or choose; a value of the box as {{relayHost}}, {{port}} and so on.'),
    words: z
      .partialRecord(z.enum(SETTING_VALUES), z.string().min(1).max(80))
      .optional()
      .describe('What this field calls the values of {{tlsMode}} and {{signIn}}, such as {"none": "Never"}.'),
    limit: z
      .string()
      .min(1)
      .max(160)
      .optional()
      .describe('What the field holds, such as 1 to 20 characters.'),
  });

export const setupSchema = () =>
  z.strictObject({
    ui: z
      .enum(['web', 'panel', 'service'])
      .describe('Web page of the device, its panel, or its service mode.'),
    title: z.string().min(1).max(80).optional().describe('What the maker calls it.'),
    models: z.string().min(1).max(160).optional().describe('Models the source speaks of.'),
    firmware: z.string().min(1).max(80).optional().describe('Firmware or generation the source speaks of.'),
    complete: z.boolean().describe('false: the source shows only part of the fields.'),
    steps: z.array(setupStep()).min(1).max(30),
    note: z.string().min(1).max(400).optional(),
    ...evidenceOf('The text that shows these labels.'),
  });

export const deviceErrorSchema = () =>
  z.strictObject({
    code: z.string().min(1).max(40).describe('As the device shows it.'),
    meaning: z.string().min(1).max(300),
    advice: z.string().min(1).max(300).optional().describe('What to do at the device or at the box.'),
    ...evidenceOf('The text that explains the code.'),
  });

export type SetupWay = OutputOf<typeof setupSchema>;
export type DeviceError = OutputOf<typeof deviceErrorSchema>;
