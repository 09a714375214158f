/** `scanferry devices`: who is known, who waits to be let in, and how each is treated. */
import type { Command } from 'commander';
import type { CommandOutput } from '../control/commands.ts';
import type { CliContext } from './context.ts';
import { givePassword } from './device-password.ts';
import { formatDetail, hintOf, listTable } from './device-text.ts';
import { operator } from './routes.ts';

interface ApproveOptions {
  id?: string;
  name?: string;
  profile?: string;
}

export function addDevicesCommand(program: Command, context: CliContext): void {
  const devices = program
    .command('devices')
    .description('the devices: known, waiting to be let in, or found');
  devices
    .command('list', { isDefault: true })
    .description('every device, with its profile and why, and what of its mail waits')
    .action(() => list(context));
  devices
    .command('show')
    .description('one device: what its profile says, what was measured, and what the box does')
    .argument('<device>', 'id or address')
    .action((device: string) => show(context, device));
  devices
    .command('approve')
    .description('let a device in and release its mail')
    .argument('<device>', 'the address it sends from, or its id')
    .option('--id <id>', 'name of the device in logs and topics')
    .option('--name <name>', 'name for people, such as "Copier, 2nd floor"')
    .option('--profile <profile>', 'how it is treated; left out, as it is recognised')
    .action((device: string, options: ApproveOptions) => approve(context, device, options));
  devices
    .command('forget')
    .description('know a device no longer: its mail is held again')
    .argument('<device>', 'id or address')
    .action((device: string) => forget(context, device));
  devices
    .command('password')
    .description('make a password that fits the fields of a device, store it and print it once')
    .argument('<device>', 'id of a device')
    .option('--profile <profile>', 'profile whose limits count, where no agent runs')
    .action((device: string, options: { profile?: string }) => givePassword(context, device, options));
}

async function list(context: CliContext): Promise<void> {
  const rows = await context.client().call('devices.list', {});
  if (context.asJson()) return context.output.json(rows);
  if (rows.length === 0) {
    context.output.line(
      'No device is known; whatever sends to this box, or `scanferry discover` finds, is shown here.',
    );
    return;
  }
  context.output.line(listTable(rows, context.output.width ?? null));
  const hint = hintOf(rows);
  if (hint !== null) context.output.line(`\n${hint}`);
}

async function show(context: CliContext, device: string): Promise<void> {
  const detail = await context.client().call('devices.show', { device });
  if (context.asJson()) context.output.json(detail);
  else context.output.line(formatDetail(detail, context.output.width ?? null));
}

async function approve(context: CliContext, device: string, options: ApproveOptions): Promise<void> {
  const by = operator(context.env);
  const approval = await context.client().call('devices.approve', { device, ...options, by });
  if (context.asJson()) context.output.json(approval);
  else context.output.line(describeApproval(approval));
}

function describeApproval(approval: CommandOutput<'devices.approve'>): string {
  const { id, address, profile, likely, why, released, yaml } = approval;
  const messages = released === 1 ? '1 message of it goes' : `${released} messages of it go`;
  return [
    `${address} is known as ${id} now; ${released === 0 ? 'none of its mail was waiting' : `${messages} on its way`}.`,
    profile === null ? `It has no profile. ${why}` : `Its profile is ${profile}.`,
    ...(likely === null ? [] : [`To treat it so: scanferry devices approve ${id} --profile ${likely}`]),
    '',
    'That is kept by the box. To have it in the config, add this below `devices:`',
    yaml,
  ].join('\n');
}

async function forget(context: CliContext, device: string): Promise<void> {
  const { id, address } = await context
    .client()
    .call('devices.forget', { device, by: operator(context.env) });
  if (context.asJson()) return context.output.json({ id, address });
  context.output.line(
    id === null
      ? `What was measured of ${address} is forgotten.`
      : `${id} at ${address} is no longer known; what was measured of it is forgotten.`,
  );
}
