/** MAIL and RCPT as devices write them, brought into the one form of RFC 5321 4.1.1.2 and 4.1.1.3. */
import type { QuirkId } from '../../profiles/quirks.ts';

export interface PathCommand {
  verb: 'MAIL' | 'RCPT';
  /** Between the angle brackets; '' is the null sender. */
  path: string;
  /** ESMTP parameters, with a space in front, or ''. */
  parameters: string;
  quirks: QuirkId[];
}

const COMMAND = /^(MAIL|RCPT)(\s+)(FROM|TO)(\s*):(\s*)(.*)$/i;
const BRACKETED = /^<([^<>]*)>(?:\s+(.*))?$/;
/** What follows must be parameters (RFC 5321 4.1.2): in `Copier <copier@contoso.com>` the first word is a name. */
const BARE = /^([^<>\s]+)((?:\s+[A-Za-z0-9][A-Za-z0-9-]*(?:=\S*)?)*)\s*$/;

/**
 * Takes a command line apart, or returns null for one that is none of the two or beyond help. A device may put
 * spaces where none belong, or leave the angle brackets out; nobody may do both inside the address itself.
 */
export function readPathCommand(line: string): PathCommand | null {
  const command = COMMAND.exec(line);
  if (!command) return null;
  const [, word = '', gap, kind = '', beforeColon, afterColon, rest = ''] = command;
  const verb = word.toUpperCase();
  if ((verb !== 'MAIL' && verb !== 'RCPT') || (verb === 'MAIL') !== (kind.toUpperCase() === 'FROM'))
    return null;
  const bracketed = BRACKETED.exec(rest);
  const match = bracketed ?? BARE.exec(rest);
  if (!match) return null;
  const [, written = '', behind = ''] = match;
  const parameters = behind.trim();
  const path = written.trim();
  const hasSpaces = gap !== ' ' || beforeColon !== '' || afterColon !== '' || path !== written;
  const quirks: QuirkId[] = [];
  if (hasSpaces) quirks.push('path-spaces');
  if (!bracketed) quirks.push('path-bare');
  return { verb, path, parameters: parameters === '' ? '' : ` ${parameters}`, quirks };
}

/** The command line in its one correct form, without line end. */
export function writePathCommand({ verb, path, parameters }: Omit<PathCommand, 'quirks'>): string {
  return `${verb} ${verb === 'MAIL' ? 'FROM' : 'TO'}:<${path}>${parameters}`;
}
