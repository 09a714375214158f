/** Commands on the page of a site: chosen, confirmed, signed and sent, and what became of them. */
import { OperatorError } from '../../core/errors.ts';
import { type Html, html, prose } from '../../pages/html.ts';
import { COMMAND_VERBS, type CommandVerb } from '../../report/settings.ts';
import { readArguments } from '../arguments.ts';
import { isFinal, type SentCommand } from '../commander.ts';
import { formatAgo, formatTime } from '../format.ts';

/** By verb, one sentence. */
export type VerbHelp = Readonly<Record<CommandVerb, string>>;

export interface CommandFormData {
  site: string;
  /** What each can ask for, and what that does. */
  verbs: VerbHelp;
  /** Latest first. */
  sent: readonly SentCommand[];
  formToken: string;
  now: number;
}

const SHOWN_MAX = 5;

/** The form and the latest commands. */
export function commandCard(data: CommandFormData): Html {
  return html`<section class="card" id="commands"><h2>Commands</h2>
<form class="form" method="post" action="/site/${data.site}/confirm" data-keep>
<input type="hidden" name="token" value="${data.formToken}">
<label class="field">Command<select name="verb">${COMMAND_VERBS.map((verb) => html`<option value="${verb}">${verb}${data.verbs[verb] && ` – ${data.verbs[verb]}`}</option>`)}</select></label>
<details><summary>Arguments</summary><label class="field">One name=value a line<textarea name="args" rows="3" spellcheck="false"></textarea></label></details>
<div class="row"><button type="submit">Continue …</button></div>
</form>
${data.sent.length > 0 && html`<h3 class="small quiet">Sent from here</h3><ul class="problems" aria-live="polite">${data.sent.slice(0, SHOWN_MAX).map((command) => sentItem(command, data.now))}</ul>`}
</section>`;
}

const STATE_GRADES = { succeeded: 'ok', failed: 'fail', rejected: 'fail' } as const;

function sentItem(command: SentCommand, now: number): Html {
  const { answer } = command;
  const isOver = answer !== null && isFinal(answer);
  const grade = answer === null || !isOver ? null : STATE_GRADES[answer.state as keyof typeof STATE_GRADES];
  return html`<li id="command-${command.nonce}" class="is-${grade ?? 'open'}">
<strong>${command.verb}</strong> ${command.args.length > 0 && html`<span class="quiet small">${command.args.join(', ')}</span>`}
<span class="quiet small"><time title="${formatTime(command.sentAt)}">${formatAgo(command.sentAt, now)}</time></span>
<span data-state="${stateWord(command, now)}">${stateWord(command, now)}</span>
${answer?.why && html`<p>${prose(answer.why.cause)} <span class="quiet">${prose(answer.why.advice)}</span></p>`}
${hasResult(answer?.result) && html`<details><summary>Result</summary><pre>${JSON.stringify(answer?.result, null, 2)}</pre></details>`}
</li>`;
}

function stateWord({ answer, expiresAt }: SentCommand, now: number): string {
  if (answer !== null) return answer.state;
  return now > expiresAt ? 'no answer; it has expired' : 'sent, no answer yet';
}

function hasResult(result: unknown): boolean {
  return result !== null && result !== undefined;
}

export interface ConfirmData {
  site: string;
  name: string;
  verb: CommandVerb;
  verbs: VerbHelp;
  argsText: string;
  formToken: string;
  keyId: string;
}

/** What is about to be signed, in full: the last look before it goes. */
export function confirmPage(data: ConfirmData): Html {
  const checked = checkArguments(data.argsText);
  return html`<form class="card narrow" method="post" action="/site/${data.site}/send">
<h1>Send <code>${data.verb}</code> to ${data.name}?</h1>
${data.verbs[data.verb] && html`<p>${data.verbs[data.verb]}</p>`}
${'problem' in checked ? html`<p class="wrong" role="alert">${checked.problem}</p>` : argumentTable(checked.args)}
<p class="quiet small">It is signed with the key <code>${data.keyId}</code>, and the site <code>${data.site}</code> notes who asked for it.</p>
<input type="hidden" name="token" value="${data.formToken}"><input type="hidden" name="verb" value="${data.verb}"><input type="hidden" name="args" value="${data.argsText}">
<div class="row spread">${!('problem' in checked) && html`<button class="primary" type="submit">Sign and send</button>`}<a class="button" href="/site/${data.site}">Back</a></div>
</form>`;
}

function argumentTable(args: Record<string, unknown>): Html {
  const list = Object.entries(args);
  if (list.length === 0) return html`<p>Without arguments.</p>`;
  return html`<table><caption>With these arguments</caption><tbody>${list.map(([name, value]) => html`<tr><th scope="row">${name}</th><td><code>${JSON.stringify(value)}</code></td></tr>`)}</tbody></table>`;
}

/** Arguments as they were typed, one a line. Files are not read here: the text comes from a browser. */
export function checkArguments(text: string): { args: Record<string, unknown> } | { problem: string } {
  const words = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  try {
    return { args: readArguments(words, null) };
  } catch (error) {
    if (error instanceof OperatorError)
      return { problem: `${error.explanation.cause} ${error.explanation.advice}` };
    throw error;
  }
}
