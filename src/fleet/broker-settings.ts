/** What the fleet connects with, read from the files and variables that the command line names. */
import { randomBytes } from 'node:crypto';
import { OperatorError } from '../core/errors.ts';
import { createSecret, type Secret } from '../core/secret.ts';
import type { BrokerSettings } from '../report/broker-types.ts';
import { readText } from './keys.ts';
import { PROBLEMS } from './problems.ts';
import type { BrokerRequest } from './request.ts';

type Env = Record<string, string | undefined>;

/** @throws OperatorError for a file that can't be read or an address that is none. */
export function brokerSettings(request: BrokerRequest, env: Env): BrokerSettings {
  if (!isBrokerUrl(request.url)) throw new OperatorError(PROBLEMS.notBroker(request.url), { exitCode: 2 });
  const { certificate, ca } = request;
  return {
    url: request.url,
    version: '5',
    // Two fleets of one user must not put each other out.
    clientId: `scanferry-fleet-${randomBytes(4).toString('hex')}`,
    username: request.username,
    password: passwordOf(request, env),
    ca: ca === undefined ? undefined : readText(ca),
    certificate:
      certificate === undefined
        ? undefined
        : { cert: readText(certificate.cert), key: readText(certificate.key) },
  };
}

function isBrokerUrl(url: string): boolean {
  return URL.canParse(url) && /^(mqtts?|wss?):$/.test(new URL(url).protocol) && new URL(url).hostname !== '';
}

function passwordOf({ passwordFile }: BrokerRequest, env: Env): Secret | undefined {
  if (passwordFile !== undefined) return createSecret(readText(passwordFile).trimEnd());
  const given = env['SCANFERRY_FLEET_PASSWORD'];
  return given === undefined ? undefined : createSecret(given);
}
