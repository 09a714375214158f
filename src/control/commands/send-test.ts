/** A test scan through the whole way. */
import { type SendTestStep, sendTestRequest } from '../protocol.ts';
import { command } from './command.ts';

export interface SendTestResult {
  /** Whether the other side took it. */
  succeeded: boolean;
  steps: SendTestStep[];
}

export const SEND_TEST_COMMANDS = {
  /** Sends and follows it to the end; `send-test-steps` of the control socket tells each step as it happens. */
  'send-test': command(sendTestRequest, async (deps, input): Promise<SendTestResult> => {
    const steps: SendTestStep[] = [];
    for await (const step of deps.sendTest(input)) steps.push(step);
    return { succeeded: steps.at(-1)?.succeeded === true, steps };
  }),
};
