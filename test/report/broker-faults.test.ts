/** Errors of a broker connection that no broker of a test can bring about. */
import { expect, test } from 'vitest';
import { explainBrokerError, mayBeVersion } from '../../src/report/broker-faults.ts';

test.each([
  ['ENOTFOUND', 'mqtt.name-unknown'],
  ['EAI_AGAIN', 'mqtt.name-servers-silent'],
  ['EHOSTUNREACH', 'mqtt.unreachable'],
])('%s is %s, and no reason to try the other version', (code, expected) => {
  const error = Object.assign(new Error(`getaddrinfo ${code}`), { code });
  expect(explainBrokerError(error, 'mqtts://broker.contoso.com:8883', '5').code).toBe(expected);
  expect(mayBeVersion(error, false)).toBe(false);
});
