/** Settings of the SMTP intake and of the devices it knows. */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { SENDER_REWRITES } from '../core/message.ts';
import { ipAddress, network, type OutputOf, secretValue } from '../core/settings.ts';

const listenerSettings = () =>
  z.strictObject({
    address: ipAddress().default('0.0.0.0').describe('Address to listen on.'),
    port: z.int().min(0).max(65535).describe('TCP port; 0 takes a free one (tests).'),
    tls: z
      .enum(['none', 'starttls', 'implicit', 'auto'])
      .default('auto')
      .describe('How TLS starts; auto: the first bytes of the device decide.'),
    floor: z
      .enum(['legacy', 'modern'])
      .default('legacy')
      .describe(
        'legacy: TLS 1.0 and up for trusted networks and addresses of configured devices, TLS 1.2 and up for all others; modern: TLS 1.2 and up for everybody.',
      ),
  });

export const intakeSettings = () =>
  z
    .strictObject({
      hostname: z
        .string()
        .min(1)
        .default('scanferry.local')
        .describe('Name of the box in the greeting, in EHLO and in its certificate.'),
      listeners: z
        .array(listenerSettings())
        .min(1)
        .default([
          { address: '0.0.0.0', port: 25, tls: 'auto', floor: 'legacy' },
          { address: '0.0.0.0', port: 465, tls: 'implicit', floor: 'legacy' },
        ])
        .describe('Ports the devices send to.'),
      trustedNetworks: z
        .array(network())
        .default([])
        .describe('Networks whose devices may send without signing in.'),
      unknownDevices: z
        .enum(['accept', 'hold', 'reject'])
        .default('hold')
        .describe(
          'What happens to mail of a device in a trusted network that is not in the list of devices: hold accepts it and keeps it until approved.',
        ),
      maxMessageBytes: z
        .int()
        .min(1024)
        .default(36_700_160)
        .describe('Largest message accepted from a device.'),
      senders: z
        .array(z.string().min(1))
        .optional()
        .describe('Allowed sender addresses or domains; left out, any.'),
      recipients: z
        .array(z.string().min(1))
        .optional()
        .describe('Allowed recipient addresses or domains; left out, any.'),
      messagesPerHour: z.int().min(1).default(2000).describe('Most messages an hour from one device.'),
      connectionsPerDevice: z
        .int()
        .min(1)
        .max(LIMITS.connectionsMax)
        .default(20)
        .describe('Most connections at once from one device; it uses one to four.'),
    })
    .prefault({});

export const deviceSettings = () =>
  z
    .strictObject({
      id: z
        .string()
        .regex(/^[a-z0-9-]{1,64}$/)
        .describe('Name of the device in logs, topics and sheets.'),
      profile: z.string().min(1).optional().describe('Profile id, such as generic/tls1.0.'),
      address: ipAddress().optional().describe('Address of the device.'),
      login: z
        .strictObject({ user: z.string().min(1).max(64), password: secretValue() })
        .optional()
        .describe('Login the device uses at this box.'),
      from: z.email().optional().describe('Sender address that replaces whatever the device sends.'),
      rewriteSender: z
        .enum(SENDER_REWRITES)
        .optional()
        .describe(
          'For this device, in place of rewriteSender of the submission route: whether the mailbox takes the place of its sender. It says nothing where `from` gives the sender.',
        ),
      recipients: z
        .array(z.string().min(1))
        .optional()
        .describe('Allowed recipient addresses or domains of this device.'),
      senders: z
        .array(z.string().min(1))
        .optional()
        .describe('Allowed sender addresses or domains of this device.'),
      maxMessageBytes: z.int().min(1024).optional().describe('Largest message accepted from this device.'),
      messagesPerHour: z.int().min(1).optional().describe('Most messages an hour from this device.'),
      name: z.string().min(1).max(80).optional().describe('Name for people, such as "Copier, 2nd floor".'),
      noticeToSender: z
        .boolean()
        .optional()
        .describe(
          'For this device, in place of notices.toSender: whether the sender of a scan is told of its failure.',
        ),
    })
    .refine((device) => device.address !== undefined || device.login !== undefined, {
      error: 'a device needs an address or a login, or both',
    });

export type ListenerSettings = OutputOf<typeof listenerSettings>;
export type IntakeSettings = OutputOf<typeof intakeSettings>;
export type DeviceSettings = OutputOf<typeof deviceSettings>;
