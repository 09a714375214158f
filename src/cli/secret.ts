/** `scanferry secret`: the box's encrypted store, so that no password stands in the config. */
import type { Command } from 'commander';
import { openSecretStore } from '../config/secret-store.ts';
import { OperatorError } from '../core/errors.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';
import { PROBLEMS } from './problems.ts';

const NAME = /^[a-z0-9-]{1,64}$/;

export function addSecretCommand(program: Command, context: CliContext): void {
  const secret = program
    .command('secret')
    .description('passwords and client secrets, encrypted under the box key');
  secret
    .command('set')
    .description('store a secret; its value is read from standard input')
    .argument('<name>')
    .action(async (name: string) => {
      if (!NAME.test(name))
        throw usage('secret', 'A secret name has lower-case letters, digits and hyphens.');
      const value = (await readStandardInput(context)).replace(/\r?\n$/, '');
      if (value === '') throw usage('secret', 'The secret read from standard input is empty.');
      openSecretStore(context.dataDir()).write(name, value);
      context.output.line(`stored ${name}; write { secret: ${name} } in the config`);
    });
  secret
    .command('list', { isDefault: true })
    .description('list the names; values are never shown')
    .action(() => {
      const names = openSecretStore(context.dataDir()).names();
      if (context.asJson()) context.output.json(names);
      else context.output.line(names.length === 0 ? 'No secret is stored.' : names.join('\n'));
    });
  secret
    .command('remove')
    .description('remove a secret')
    .argument('<name>')
    .action((name: string) => {
      if (!openSecretStore(context.dataDir()).remove(name)) {
        throw new OperatorError(PROBLEMS.noSuchSecret(name));
      }
      context.output.line(`removed ${name}`);
    });
}

async function readStandardInput(context: CliContext): Promise<string> {
  if (process.stdin.isTTY) context.output.error('Type the secret, then Enter and Ctrl-D:');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
