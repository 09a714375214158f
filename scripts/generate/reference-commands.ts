/** Renders docs/reference/commands.md from the command line itself. */
import type { Argument, Command, Option } from 'commander';
import type { CliDeps } from '../../src/cli/context.ts';
import { createProgram } from '../../src/cli/program.ts';

export function renderCommands(): string {
  const program = commandLine();
  const commands = program.commands.flatMap(leavesOf);
  return [
    '# Commands',
    '',
    'Exit codes: 0 good, 1 found a problem, 2 wrong usage or config. Options for every command:',
    '',
    ...renderOptions(program.options),
    ...commands.flatMap(renderCommand),
  ].join('\n');
}

/** Every command as it is typed, such as `queue list`. */
export function commandNames(): string[] {
  const program = commandLine();
  return program.commands
    .flatMap(leavesOf)
    .map((command) => pathOf(command).slice(program.name().length + 1));
}

/** Nothing is run: the commands are only asked what they are. */
function commandLine(): Command {
  return createProgram({ output: {}, env: {}, version: {} } as CliDeps).program;
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function renderCommand(command: Command): string[] {
  const { registeredArguments, options } = command;
  const usage = [
    pathOf(command),
    ...(options.length === 0 ? [] : ['[options]']),
    ...registeredArguments.map(sayArgument),
  ];
  return [
    `## ${pathOf(command)}`,
    '',
    '```',
    usage.join(' '),
    '```',
    '',
    `${sentence(command.description())}`,
    '',
    ...registeredArguments
      .filter(({ description }) => description !== '')
      .flatMap((argument) => [`- \`${sayArgument(argument)}\`: ${argument.description}`, '']),
    ...renderOptions(options),
  ];
}

function sayArgument(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function renderOptions(options: readonly Option[]): string[] {
  const shown = options.filter(({ hidden }) => !hidden);
  if (shown.length === 0) return [];
  return ['| Option | Default | |', '|---|---|---|', ...shown.map(renderOption), ''];
}

function renderOption({ flags, description, defaultValue, argChoices }: Option): string {
  const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
  const value = defaultValue === undefined ? '' : `\`${String(defaultValue)}\``;
  return `| \`${flags.replaceAll('|', '\\|')}\` | ${value} | ${`${description}${choices}`.replaceAll('|', '\\|')} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
