/** Renders templates of Home Assistant by Jinja2 itself (Debian's python3-jinja2). */
import path from 'node:path';
import { runOrThrow } from '../../support/processes.ts';

const SCRIPT = path.join(import.meta.dirname, 'render-templates.py');
/** Debian's own Python: only it sees Debian's packages. */
const PYTHON = '/usr/bin/python3';

export interface Rendering {
  template: string;
  payload: string;
}

/** What each gives, in their order; an error stands as `error: ...`. */
export async function renderTemplates(asked: readonly Rendering[]): Promise<string[]> {
  const output = await runOrThrow(PYTHON, [SCRIPT], { input: JSON.stringify(asked) });
  const results = JSON.parse(output) as ({ text: string } | { error: string })[];
  return results.map((result) => ('text' in result ? result.text : `error: ${result.error}`));
}
