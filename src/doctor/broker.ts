/** The MQTT broker: how the agent's connection stands, or a trial where no agent runs. */
import type { Config } from '../config/schema.ts';
import { durationWords } from '../health/words.ts';
import { checkClientCertificate } from './credentials.ts';
import { fail, ok } from './findings.ts';
import { PROBLEMS } from './problems.ts';
import type { Check, CheckContext, DoctorDeps, Finding } from './types.ts';

/** None where no broker is configured. */
export function brokerChecks({ config }: DoctorDeps): Check[] {
  if (config?.mqtt === undefined) return [];
  const { mqtt } = config;
  return [{ group: 'broker', name: 'broker', run: (context) => checkBroker(config, mqtt, context) }];
}

async function* checkBroker(
  config: Config,
  mqtt: NonNullable<Config['mqtt']>,
  { agent, clock, tryBroker, signal }: CheckContext,
): AsyncGenerator<Finding> {
  const name = new URL(mqtt.url).host;
  if (mqtt.certificate !== undefined)
    yield checkClientCertificate(`${name}: own certificate`, mqtt.certificate.cert, { now: clock.now() });
  // A second connection under the same name would end the agent's own, so it is tried only where none runs.
  if (agent === null) {
    const trial = await tryBroker(config, signal);
    yield trial.isConnected
      ? ok(name, `took the connection and the sign-in (MQTT ${trial.version})`)
      : fail(name, 'no connection', trial.why);
    return;
  }
  const facts = agent.broker();
  const since = durationWords(clock.now() - (facts?.since ?? clock.now()));
  if (facts?.connected === true) yield ok(name, `connected for ${since}`);
  else yield fail(name, `no connection for ${since}`, facts?.error ?? PROBLEMS.brokerUntried());
}
