/**
 * Which of the three ways fits: the rows of Microsoft's comparison, applied to what is known of the site.
 *
 * Sources: Microsoft Learn, How to set up a multifunction device or application to send email (its table "Compare the
 * options"); Updated requirements for SMTP relay; Exchange Team Blog 4408790 and 4489835.
 */
import type { Way } from './answers.ts';

export interface SiteFacts {
  domain: string;
  outside: boolean;
  hasMailbox: boolean;
  staticAddress: string | null;
  hasCertificate: boolean;
  /** MX hosts of the domain; null where they could not be looked up. */
  mailHosts: readonly string[] | null;
  /** Whether a connection came about; null where it was not tried. */
  port25: boolean | null;
  port587: boolean | null;
}

export interface Verdict {
  way: Way;
  fits: boolean;
  /** What is to know of it, a sentence each. */
  because: string[];
  /** What keeps it from being used. */
  missing: string[];
}

export const WAY_TITLES: Record<Way, string> = {
  submission: 'Submission: signed in to a mailbox',
  'direct-send': 'Direct send: straight to your own organisation',
  connector: 'Connector: relayed by a rule in Exchange Online',
};

/** Microsoft's own mail hosts: docs/sources.md; `mx.microsoft` is where newer domains are. */
const MICROSOFT_MX = /\.(?:mail\.protection\.outlook\.com|mx\.microsoft)$/i;

/** Whether the domain's mail goes to Microsoft 365 first; null where it is not known. */
export function isMicrosoftMx(mailHosts: readonly string[] | null): boolean | null {
  return mailHosts === null ? null : mailHosts.some((host) => MICROSOFT_MX.test(host.replace(/\.$/, '')));
}

/** All three, the proposed one first. */
export function adviseWay(facts: SiteFacts): Verdict[] {
  const verdicts = [judgeSubmission(facts), judgeDirectSend(facts), judgeConnector(facts)];
  return [...verdicts.filter(({ fits }) => fits), ...verdicts.filter(({ fits }) => !fits)];
}

function verdict(way: Way, because: string[], missing: (string | false)[]): Verdict {
  const found = missing.filter((each) => each !== false);
  return { way, fits: found.length === 0, because, missing: found };
}

function judgeSubmission({ hasMailbox, port587 }: SiteFacts): Verdict {
  return verdict(
    'submission',
    [
      'It reaches people inside and outside, from any address, and is the easiest to set up.',
      'Mail inside passes most spam checks.',
      'It carries 30 messages a minute and 10,000 recipients a day for each mailbox.',
    ],
    [
      !hasMailbox && 'It needs a mailbox with a licence that may send by authenticated SMTP.',
      port587 === false && 'Port 587 toward the internet is closed from here.',
    ],
  );
}

function judgeDirectSend({ domain, outside, staticAddress, mailHosts, port25 }: SiteFacts): Verdict {
  return verdict(
    'direct-send',
    [
      'It needs no mailbox, no licence and no sign-in.',
      staticAddress === null
        ? 'Without a public address of its own that stays, its mail may land in Junk.'
        : `With ${staticAddress} in the SPF record of ${domain}, its mail is not taken for junk.`,
      'A tenant can switch it off (Reject Direct Send).',
    ],
    [
      outside && 'It reaches people of your own organisation only.',
      isMicrosoftMx(mailHosts) === false && notMicrosoft(domain, mailHosts),
      mailHosts === null && `The MX of ${domain} could not be looked up.`,
      port25 === false && 'Port 25 toward the internet is closed from here; many providers block it.',
    ],
  );
}

function judgeConnector({ domain, staticAddress, hasCertificate, mailHosts, port25 }: SiteFacts): Verdict {
  return verdict(
    'connector',
    [
      'It reaches people inside and outside, and needs no mailbox.',
      'It is the most work to set up: a rule in Exchange Online that knows this site.',
    ],
    [
      staticAddress === null &&
        !hasCertificate &&
        'It needs a public address that is yours alone and stays, or a certificate of a public authority.',
      isMicrosoftMx(mailHosts) === false && notMicrosoft(domain, mailHosts),
      mailHosts === null && `The MX of ${domain} could not be looked up.`,
      port25 === false && 'Port 25 toward the internet is closed from here; many providers block it.',
    ],
  );
}

function notMicrosoft(domain: string, mailHosts: readonly string[] | null): string {
  return `The MX of ${domain} is ${(mailHosts ?? []).join(', ')}, which is not Microsoft's: a mail filter stands in front, or the mail is elsewhere.`;
}
