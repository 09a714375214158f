/** What a backup needs of a running agent. */
import * as z from 'zod';
import { command } from './command.ts';

export const BACKUP_COMMANDS = {
  /** The agent alone may read its spool while it runs; the backup itself is written by who asks. */
  'backup.copy-spool': command(
    z.strictObject({ messages: z.boolean() }),
    async (deps, { messages }, gone): Promise<{ file: string }> => ({
      file: await deps.copySpool({ messages }, gone),
    }),
  ),
};
