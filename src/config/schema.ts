/** The whole config: each room's settings under its key, and nothing said twice. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { ipAddress, type OutputOf } from '../core/settings.ts';
import { discoverySettings } from '../discovery/settings.ts';
import { deviceSettings, intakeSettings } from '../intake/settings.ts';
import { noticeSettings } from '../notices/settings.ts';
import { mqttSettings } from '../report/settings.ts';
import { routeSettings, routingSettings } from '../routes/settings.ts';
import { spoolSettings } from '../spool/settings.ts';

export const DEFAULT_DATA_DIR = '/var/lib/scanferry';

const siteSettings = () =>
  z.strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, {
        error: 'expected lower-case letters, digits and hyphens, such as berlin-hq',
      })
      .describe('Name of this site in topics and logs.'),
    name: z.string().min(1).optional().describe('Name of this site for people.'),
  });

const webSettings = () =>
  z.strictObject({
    address: ipAddress().default('0.0.0.0').describe('Address to listen on.'),
    port: z.int().min(0).max(65535).default(443).describe('TCP port of the box page.'),
  });

/** `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`, as the resolver of Node.js takes them. */
const nameServer = () =>
  z.string().refine(isNameServer, {
    error: 'expected the address of a name server such as 192.168.50.1 or 192.168.50.1:5353',
  });

const dnsSettings = () =>
  z.strictObject({
    servers: z
      .array(nameServer())
      .min(1)
      .describe('Name servers as address or address:port; left out, those of the system.'),
  });

export const configSchema = () =>
  z.strictObject({
    site: siteSettings(),
    dataDir: z
      .string()
      .min(1)
      .default(DEFAULT_DATA_DIR)
      .describe('Folder for the spool, keys and certificates.'),
    intake: intakeSettings(),
    spool: spoolSettings(),
    devices: z.array(deviceSettings()).default([]).describe('Devices this site knows.'),
    routes: z
      .array(routeSettings())
      .min(1, { error: 'expected at least one route' })
      .describe('The ways out to Microsoft 365.'),
    routing: routingSettings()
      .optional()
      .describe('Left out: every recipient goes by the routes in their order.'),
    notices: noticeSettings()
      .optional()
      .describe('Mail to people about scans that could not be delivered; left out, it is off.'),
    mqtt: mqttSettings().optional().describe('Health and events over MQTT; left out, it is off.'),
    discovery: discoverySettings()
      .optional()
      .describe('Where to look for devices; left out, trustedNetworks when asked.'),
    dns: dnsSettings().optional().describe('Which name servers the routes ask.'),
    web: webSettings()
      .optional()
      .describe('Page of the box with its certificate to download; left out, it is off.'),
  });

type Parsed = OutputOf<typeof configSchema>;

/** The config as rooms get it: routing is always there. */
export type Config = Omit<Parsed, 'routing'> & { routing: NonNullable<Parsed['routing']> };

function isNameServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const isHost = isIPv4(host) || (/^\[.*\]$/.test(host) && isIPv6(host.slice(1, -1)));
  return isHost && Number(port) >= 1 && Number(port) <= 65_535;
}
