/** What an error of a broker connection means, in words. */
import type { Explanation } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import { BrokerUnavailable, type MqttVersion } from './broker-types.ts';
import { PROBLEMS } from './problems.ts';

/** MQTT 3.1.1 section 3.2.2.3 (1 to 5) and MQTT 5 section 3.2.2.2 (from 128 on), those that need words of their own. */
const REASONS: Readonly<Record<number, () => Explanation>> = {
  2: PROBLEMS.clientIdRefused,
  3: PROBLEMS.brokerBusy,
  4: PROBLEMS.signInRefused,
  5: PROBLEMS.notAuthorized,
  133: PROBLEMS.clientIdRefused,
  134: PROBLEMS.signInRefused,
  135: PROBLEMS.notAuthorized,
  136: PROBLEMS.brokerBusy,
  137: PROBLEMS.brokerBusy,
  138: PROBLEMS.banned,
  142: PROBLEMS.takenOver,
  151: PROBLEMS.brokerBusy,
  159: PROBLEMS.brokerBusy,
};

/** Unacceptable protocol version (3.1.1), unsupported protocol version (5). */
const VERSION_REASONS = new Set([1, 132]);

/** Whether a refused or broken CONNECT may be one of a broker that speaks only the older version. */
export function mayBeVersion(error: unknown, sawConnack: boolean): boolean {
  const reason = reasonOf(error);
  if (reason !== null) return VERSION_REASONS.has(reason);
  // Brokers before MQTT 5 close the connection or answer in their own format, which can't be parsed as 5.
  return !sawConnack && !hasNetworkCode(error);
}

/** One sentence for whatever ended a connection or kept it from coming about. */
export function explainBrokerError(error: unknown, url: string, version: MqttVersion): Explanation {
  if (error instanceof BrokerUnavailable) return error.explanation;
  const place = placeOf(url);
  const reason = reasonOf(error);
  if (reason !== null) {
    if (VERSION_REASONS.has(reason)) return PROBLEMS.versionRefused(version);
    return REASONS[reason]?.() ?? PROBLEMS.refused(reason);
  }
  const code = codeOf(error);
  const detail = describeError(error);
  if (code === 'ENOTFOUND') return PROBLEMS.nameUnknown(new URL(url).hostname);
  if (code === 'EAI_AGAIN') return PROBLEMS.nameServersSilent(new URL(url).hostname);
  // What the broker says of our certificate comes as an alert (RFC 8446 section 6.2: 42 to 46, 48, 116).
  if (
    /alert (bad certificate|unsupported certificate|certificate (revoked|expired|unknown|required)|unknown ca)/i.test(
      detail,
    )
  )
    return PROBLEMS.clientCertificate(place, detail);
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || CERTIFICATE_CODES.test(code))
    return PROBLEMS.tls(place, detail);
  // MQTT.js gives this one no code: a broker that has stopped answering.
  if (hasNetworkCode(error) || /^keepalive timeout/i.test(detail)) return PROBLEMS.unreachable(place, detail);
  return error === null ? PROBLEMS.closed(place) : PROBLEMS.notMqtt(place, detail);
}

/** Codes of OpenSSL's chain and name checks as Node.js gives them (tls, "X509 certificate error codes"). */
const CERTIFICATE_CODES =
  /CERT|SIGNATURE|SIGNED|ISSUER|INVALID_CA|HOSTNAME_MISMATCH|INVALID_PURPOSE|PATH_LENGTH/;

function hasNetworkCode(error: unknown): boolean {
  return (
    /^(E[A-Z]+|EAI_[A-Z]+|ERR_SSL.*|ERR_TLS.*)$/.test(codeOf(error)) || CERTIFICATE_CODES.test(codeOf(error))
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Reason code of a CONNACK or DISCONNECT; MQTT.js gives it as a number. */
function reasonOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}

function placeOf(url: string): string {
  return new URL(url).host;
}
