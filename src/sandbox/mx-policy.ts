/** The rules of the tenant's MX: no sign-in, direct send, and relay for a caller that a connector knows. */
import { LIMITS } from '../core/limits.ts';
import { domainOf } from '../core/message.ts';
import { REPLIES } from './replies.ts';
import { capabilityList, type HostPolicy, type Session } from './session.ts';
import { headerFrom } from './submission-policy.ts';
import type { InboundConnector, TenantState } from './tenant.ts';

export const MX_HOST = 'contoso-com.mail.protection.outlook.com';
const ACCEPTED = '250 2.6.0 Queued mail for delivery';

export function createMxPolicy(tenant: TenantState): HostPolicy {
  const faults = () => tenant.faults.mx;
  const isAccepted = (domain: string) => tenant.domains.has(domain);

  function isAttributed(session: Session): boolean {
    const { connector } = tenant;
    return (
      certificateName(session, connector) !== null || connector?.addresses.includes(session.address) === true
    );
  }

  /** Relay to anywhere: a fitting connector, and an accepted domain in the certificate or the envelope sender (2.4). */
  function mayRelay(session: Session): boolean {
    const name = certificateName(session, tenant.connector);
    const owned = name !== null && [...tenant.domains].some((domain) => `.${name}`.endsWith(`.${domain}`));
    return isAttributed(session) && (owned || isAccepted(domainOf(session.sender ?? '')));
  }

  function inside(session: Session, recipient: string): string {
    if (tenant.rejectDirectSend && isAccepted(domainOf(session.sender ?? '')) && !isAttributed(session)) {
      return REPLIES['550-5.7.68'].text;
    }
    if (tenant.missingRecipients.has(recipient.toLowerCase())) return REPLIES['550-5.4.1'].text;
    const same = session.recipients.filter((one) => domainOf(one) === domainOf(recipient));
    return same.length >= tenant.limits.envelopeAtMx ? REPLIES['452-4.5.3'].text : '250 2.1.5 Recipient OK';
  }

  function outside(session: Session): string {
    if (mayRelay(session)) return '250 2.1.5 Recipient OK';
    return REPLIES[tenant.connector === null ? '550-5.7.54' : '550-5.7.64'].text;
  }

  return {
    kind: 'mx',
    hostname: MX_HOST,
    sessionMaxMs: LIMITS.sandboxSessionMaxMs,
    clientAuthorities: () => tenant.connector?.authorities ?? [],
    mechanisms: () => [],
    capabilities: (session) =>
      capabilityList({
        starttls: session.tls === null && !faults().stripStarttls && !faults().plainTextOnly,
        mechanisms: [],
      }),
    signIn: () => '504 5.7.4 Unrecognized authentication type',
    signedIn: () => undefined,
    mail: () => '250 2.1.0 Sender OK',
    rcpt: (session, recipient) =>
      isAccepted(domainOf(recipient)) ? inside(session, recipient) : outside(session),
    message(_session, body) {
      if (body.malformed) return REPLIES['550-5.6.11'].text;
      if (headerFrom(body.header) === null) return REPLIES['550-5.7.512'].text;
      return body.bodyBytes > tenant.receiveBytesMax ? REPLIES['552-5.3.4'].text : ACCEPTED;
    },
    ended: () => undefined,
  };
}

/** The connector's name when a trusted client certificate carries it; a wildcard in the certificate fits too (2.4). */
function certificateName(session: Session, connector: InboundConnector | null): string | null {
  const wanted = connector?.certificateName?.toLowerCase() ?? null;
  const certificate = session.clientCertificate;
  if (wanted === null || !certificate?.trusted) return null;
  const parent = wanted.slice(wanted.indexOf('.'));
  const fits = certificate.names.some((name) => [wanted, `*${parent}`].includes(name.toLowerCase()));
  return fits ? wanted : null;
}
