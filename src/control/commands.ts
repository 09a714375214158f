/** The operator's commands, declared once: name, input, and what each does. The CLI, the box page and MQTT are faces of this table. */
import type * as z from 'zod';
import { AGENT_COMMANDS } from './commands/agent.ts';
import { BACKUP_COMMANDS } from './commands/backup.ts';
import { DEVICE_COMMANDS } from './commands/devices.ts';
import { DISCOVERY_COMMANDS } from './commands/discovery.ts';
import { DOCTOR_COMMANDS } from './commands/doctor.ts';
import { HEALTH_COMMANDS } from './commands/health.ts';
import { MESSAGE_COMMANDS } from './commands/messages.ts';
import { ROUTE_COMMANDS } from './commands/routes.ts';
import { SEND_TEST_COMMANDS } from './commands/send-test.ts';
import { STATUS_COMMANDS } from './commands/status.ts';
import { SUPPORT_COMMANDS } from './commands/support.ts';

export const COMMANDS = {
  ...STATUS_COMMANDS,
  ...HEALTH_COMMANDS,
  ...MESSAGE_COMMANDS,
  ...ROUTE_COMMANDS,
  ...DEVICE_COMMANDS,
  ...DISCOVERY_COMMANDS,
  ...DOCTOR_COMMANDS,
  ...SEND_TEST_COMMANDS,
  ...BACKUP_COMMANDS,
  ...AGENT_COMMANDS,
  ...SUPPORT_COMMANDS,
} as const;

export type CommandName = keyof typeof COMMANDS;
export type CommandInput<N extends CommandName> = z.input<(typeof COMMANDS)[N]['input']>;
export type CommandOutput<N extends CommandName> = Awaited<ReturnType<(typeof COMMANDS)[N]['run']>>;

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
