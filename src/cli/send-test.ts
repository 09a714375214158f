/** `scanferry send-test`: a test scan through the whole way, each step as it happens. */
import type { Command } from 'commander';
import { type SendTestStep, sendTestRequest } from '../control/protocol.ts';
import { wrapText } from '../core/break-lines.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';

export function addSendTestCommand(program: Command, context: CliContext): void {
  program
    .command('send-test')
    .description('send a test scan through the box and follow it to the reply of the other side')
    .argument('<recipient...>', 'addresses to send to')
    .option('--from <address>', 'sender address')
    .option('--wait <seconds>', 'how long to follow it', '120')
    .action(async (to: string[], options: { from?: string; wait: string }) => {
      const request = sendTestRequest.safeParse({
        to,
        from: options.from,
        waitMs: Number(options.wait) * 1000,
      });
      if (!request.success) {
        throw usage('send-test', 'send-test takes e-mail addresses and a time from 1 to 3600 seconds.');
      }
      for await (const step of context.client().sendTest(request.data)) {
        if (step.succeeded !== undefined) context.exitCode = step.succeeded ? 0 : 1;
        context.output.line(context.asJson() ? JSON.stringify(step) : formatStep(step));
      }
    });
}

const INDENT = ' '.repeat(23);

function formatStep(step: SendTestStep): string {
  const text = wrapText(step.text, INDENT.length).trimStart();
  const line = `${(step.atMs / 1000).toFixed(2).padStart(8)} s  ${step.step.padEnd(9)}  ${text}`;
  return step.reply === null ? line : `${line}\n${INDENT}${step.reply.replaceAll('\n', `\n${INDENT}`)}`;
}
