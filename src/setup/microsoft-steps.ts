/**
 * What has to be done in Microsoft 365 for each way, with the names of the site filled in.
 *
 * Sources: Microsoft Learn, How to set up a multifunction device or application to send email; Authenticate an IMAP,
 * POP or SMTP connection using OAuth; Updated requirements for SMTP relay; Fix issues with printers, scanners and LOB
 * applications; PowerShell reference (Set-CASMailbox, New-ServicePrincipal, New-InboundConnector,
 * Set-OrganizationConfig); Exchange Team Blog 4408790.
 */
import type { Way } from './answers.ts';

export interface StepValues {
  way: Way;
  domain: string;
  mailbox: string | null;
  signIn: 'secret' | 'certificate' | 'password' | null;
  clientId: string | null;
  staticAddress: string | null;
  /** Whether a connector knows the box by certificate. */
  hasCertificate: boolean;
}

export interface Step {
  title: string;
  /** Sentences; clicks are joined by ›. */
  text: string;
  /** Lines for Exchange Online PowerShell. */
  powershell: string[];
}

const CONNECT = 'Connect-ExchangeOnline';

/** The steps in order. */
export function microsoftSteps(values: StepValues): Step[] {
  switch (values.way) {
    case 'submission':
      return submissionSteps(values);
    case 'direct-send':
      return directSendSteps(values);
    case 'connector':
      return connectorSteps(values);
  }
}

function step(title: string, text: string, powershell: string[] = []): Step {
  return { title, text, powershell: powershell.length === 0 ? [] : [CONNECT, ...powershell] };
}

function submissionSteps({ mailbox, signIn, clientId }: StepValues): Step[] {
  const address = mailbox ?? 'scanner@contoso.com';
  return [
    step(
      'A mailbox with a licence',
      `In the Microsoft 365 admin center (admin.microsoft.com): Users › Active users › Add a user, with a licence that holds Exchange Online; its address is ${address}. Every scan is kept in its Sent Items: empty them now and then, or it fills up and sending stops.`,
    ),
    step(
      'Authenticated SMTP on',
      `Users › Active users › ${address} › Mail › Manage email apps › Authenticated SMTP › Save changes. It is needed with OAuth too, is off in organisations made since January 2020, and does not go together with Security Defaults.`,
      [`Set-CASMailbox -Identity ${address} -SmtpClientAuthenticationDisabled $false`],
    ),
    ...(signIn === 'password' ? passwordSteps(address) : appSteps(address, signIn ?? 'secret', clientId)),
  ];
}

function passwordSteps(address: string): Step[] {
  return [
    step(
      'The password',
      `Set a long one for ${address}. Microsoft switches passwords off for SMTP by default from the end of December 2026; an administrator can switch them on again for a time. OAuth lasts longer.`,
    ),
  ];
}

function appSteps(address: string, signIn: 'secret' | 'certificate', clientId: string | null): Step[] {
  const id = clientId ?? '<client id>';
  return [
    step(
      'An app registration',
      'In the Microsoft Entra admin center (entra.microsoft.com): App registrations › New registration › a name such as Scanferry, accounts in this organisational directory only, no redirect address › Register. Note the application (client) id and the directory (tenant) id.',
    ),
    step(
      'The permission to send',
      'There: API permissions › Add a permission › APIs my organization uses › Office 365 Exchange Online › Application permissions › SMTP.SendAsApp › Add permissions; then Grant admin consent.',
    ),
    signIn === 'secret'
      ? step(
          'A client secret',
          'There: Certificates & secrets › Client secrets › New client secret. Copy the value (not the secret id) at once, and note the day on which it ends.',
        )
      : step(
          'The certificate',
          'There: Certificates & secrets › Certificates › Upload certificate: the public part. The key stays on the box.',
        ),
    step(
      'The mailbox for the app',
      'With the object id of the enterprise application (Enterprise applications › its name › Object ID), which is another one than that of the app registration:',
      [
        `New-ServicePrincipal -AppId ${id} -ObjectId <object id of the enterprise application>`,
        `Add-MailboxPermission -Identity ${address} -User <object id of the enterprise application> -AccessRights FullAccess`,
      ],
    ),
  ];
}

function spfStep(domain: string, staticAddress: string | null): Step {
  const address = staticAddress === null ? '<public address of this site>' : prefixed(staticAddress);
  return step(
    'The SPF record',
    `At whoever runs the DNS of ${domain}, put the public address of this site into the SPF record (there must be one only): v=spf1 ${staticAddress === null ? `ip4:${address}` : address} include:spf.protection.outlook.com ~all. Whoever sends from that address then counts as your domain. Without it scans may land in Junk.`,
  );
}

function prefixed(address: string): string {
  return `${address.includes(':') ? 'ip6' : 'ip4'}:${address}`;
}

function directSendSteps({ domain, staticAddress }: StepValues): Step[] {
  return [
    step(
      'The domain',
      `In the Microsoft 365 admin center: Settings › Domains › ${domain} has to stand there as healthy. The box looks up its MX itself; senders may be any address of the domain, also one without a mailbox.`,
    ),
    spfStep(domain, staticAddress),
    step(
      'Reject Direct Send off',
      'While it is on, Microsoft refuses this way (550 5.7.68). It takes about half an hour to take effect. Where it has to stay on, use submission or a connector.',
      [
        'Get-OrganizationConfig | Format-List RejectDirectSend',
        'Set-OrganizationConfig -RejectDirectSend $false',
      ],
    ),
  ];
}

function connectorSteps({ domain, staticAddress, hasCertificate }: StepValues): Step[] {
  const address = staticAddress ?? '<public address of this site>';
  const known = hasCertificate
    ? `-TlsSenderCertificateName ${domain} -RequireTls $true`
    : `-SenderIPAddresses ${address} -RequireTls $true`;
  return [
    step(
      'The domain',
      `In the Microsoft 365 admin center: Settings › Domains › ${domain} has to be verified. Senders must be addresses of such a domain, or the name in the certificate must be one.`,
    ),
    step(
      'The connector',
      `In the Exchange admin center (admin.exchange.microsoft.com): Mail flow › Connectors › Add a connector › from: Your organization's email server › Next › a name such as Scanferry › Next › Authenticating sent email: ${
        hasCertificate
          ? `by verifying that the subject name on the certificate matches: the name in the certificate, such as ${domain}. The certificate comes from a public authority, and its file holds the whole chain`
          : `by verifying that the IP address of the sending server matches: ${address}. It must be yours alone and never change`
      } › Next › Create connector. Or:`,
      [`New-InboundConnector -Name Scanferry -ConnectorType OnPremises -SenderDomains * ${known}`],
    ),
    spfStep(domain, staticAddress),
  ];
}
