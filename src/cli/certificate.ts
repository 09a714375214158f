/** `scanferry certificate`: the box's root certificate, for devices that insist on trusting it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { OperatorError } from '../core/errors.ts';
import type { CliContext } from './context.ts';
import { PROBLEMS } from './problems.ts';

export function addCertificateCommand(program: Command, context: CliContext): void {
  program
    .command('certificate')
    .description("print the box's root certificate, to install on devices that check it")
    .addOption(
      new Option('--format <format>', 'pem for most devices, der for those that want a .cer file')
        .choices(['pem', 'der'])
        .default('pem'),
    )
    .action((options: { format: 'pem' | 'der' }) => {
      const file = path.join(context.dataDir(), 'ca', `root.${options.format}`);
      process.stdout.write(read(file));
    });
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new OperatorError(PROBLEMS.noCertificate(file), { cause });
  }
}
