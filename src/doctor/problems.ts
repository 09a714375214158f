/** What the diagnosis tells an operator, apart from what health, routes and spool say already. */
import type { Explanation } from '../core/errors.ts';

const row = (code: string, cause: string, advice: string): Explanation => ({
  code: `doctor.${code}`,
  cause,
  advice,
});

export const PROBLEMS = {
  tooSlow: (seconds: number) =>
    row(
      'too-slow',
      `The check had no result after ${seconds} seconds.`,
      'Something on the way swallows packets without an answer; look at the checks around this one, then try again.',
    ),
  crashed: (detail: string) =>
    row('crashed', `The check itself failed (${detail}).`, 'The other checks stand; report this one.'),
  agentStopped: (dataDir: string) =>
    row(
      'agent-stopped',
      `No agent is running with the data folder ${dataDir}, so devices are not served.`,
      'Start it with `systemctl start scanferry` or `scanferry run`.',
    ),

  diskLow: (dataDir: string, free: string, min: string) =>
    row(
      'disk-low',
      `The disk of ${dataDir} has ${free} free, and below ${min} devices are told to try later.`,
      'Delete what is not needed, take a larger card or disk, or lower spool.minFreeBytes.',
    ),
  clockUnset: () =>
    row(
      'clock-unset',
      'The clock of this box has not been set yet, so nothing is sent.',
      'Let the box reach a time server (UDP port 123), or set the clock with `timedatectl set-time`.',
    ),
  /** @param offset such as `42 seconds ahead of`. */
  clockOff: (offset: string, source: string) =>
    row(
      'clock-off',
      `The clock of this box is ${offset} ${source}.`,
      'Check that systemd-timesyncd or chrony runs (`timedatectl status`) and that UDP port 123 is open.',
    ),
  clockUnknown: (detail: string) =>
    row(
      'clock-unknown',
      `Nobody could be asked what time it is (${detail}).`,
      'Compare `date` with a watch: sign-in and certificates need a clock that is right within minutes.',
    ),

  configError: (text: string) =>
    row(
      'config-error',
      text,
      'Correct the config; until then a restart of the agent would fail, and a reload changes nothing.',
    ),
  configWarning: (text: string) =>
    row('config-warning', text, 'It works, but look whether it is what you mean.'),
  configNotApplied: (keys: string) =>
    row(
      'config-not-applied',
      `The config file has changed since the agent read it (${keys}).`,
      'Apply it with `scanferry reload`.',
    ),
  fileOpen: (file: string, mode: string) =>
    row(
      'file-open',
      `${file} may be read or changed by others (mode ${mode}).`,
      `Run \`chmod 600 ${file}\`.`,
    ),
  configWritable: (file: string, mode: string) =>
    row('config-writable', `${file} may be changed by others (mode ${mode}).`, `Run \`chmod go-w ${file}\`.`),

  listenerRefused: (where: string) =>
    row(
      'listener-refused',
      `Nothing answers on ${where}.`,
      'Look in the log of the agent why the port could not be opened, and restart it.',
    ),
  listenerSilent: (where: string, detail: string) =>
    row(
      'listener-silent',
      `${where} takes the connection but does not answer as the agent does (${detail}).`,
      'Check that no other program or firewall rule of this box has that port.',
    ),
  pageOdd: (where: string, detail: string) =>
    row(
      'page-odd',
      `${where} answers over HTTPS, but not with the page of this box (${detail}).`,
      'Look with `ss -ltnp` whether another program has that port; else restart the agent.',
    ),
  /** @param setting the key to change. */
  portTaken: (where: string, setting: string) =>
    row(
      'port-taken',
      `Another program listens on ${where}, so the agent can't.`,
      `Find it with \`ss -ltnp\` and stop it (often postfix, exim4 or a web server), or choose another port in ${setting}.`,
    ),
  portUnusable: (where: string, code: string) =>
    row(
      'port-unusable',
      `The system does not let anybody listen on ${where} (${code}).`,
      'Check that the address belongs to this box (`ip address`), or use 0.0.0.0 for every address.',
    ),
  portForbidden: (where: string) =>
    row(
      'port-forbidden',
      `This user may not open ${where}: ports below 1024 need a right of their own.`,
      'Start the agent by its systemd unit, which has CAP_NET_BIND_SERVICE, or as root.',
    ),
  certificateExpires: (what: string, day: string) =>
    row(
      'certificate-expires',
      `${what} expires on ${day}.`,
      'Replace it before that day; afterwards it is refused.',
    ),
  certificateExpired: (what: string, day: string) =>
    row('certificate-expired', `${what} expired on ${day}.`, 'Replace it.'),
  certificateUnreadable: (what: string, detail: string) =>
    row(
      'certificate-unreadable',
      `${what} can't be read (${detail}).`,
      'Give a PEM file with a certificate.',
    ),
  certificateLacks: (names: string) =>
    row(
      'certificate-lacks',
      `The certificate of this box does not carry ${names}.`,
      'Restart the agent, which makes a new one; devices that trust the root certificate need nothing.',
    ),
  certificateUntrusted: (detail: string) =>
    row(
      'certificate-untrusted',
      `The certificate that is shown is not vouched for by this box's own authority (${detail}).`,
      'Restart the agent, which makes a new one.',
    ),
  versionMissing: (versions: string) =>
    row(
      'version-missing',
      `The listener should offer ${versions}, and does not.`,
      'Run the agent with its own Node.js: OpenSSL of other builds may leave old versions out.',
    ),
  versionTooOld: (versions: string) =>
    row(
      'version-too-old',
      `The listener offers ${versions}, although its floor is modern.`,
      'Report this; until then close the port to networks you do not trust.',
    ),

  spoolDamaged: (detail: string) =>
    row(
      'spool-damaged',
      `The spool is damaged (${detail}).`,
      'Restart the agent: it puts the file aside and saves what can be read; then replace the card or disk.',
    ),

  greetingOdd: (where: string, detail: string) =>
    row(
      'greeting-odd',
      `${where} takes the connection but does not greet as a mail server does (${detail}).`,
      'Look for a firewall that answers in its place (SMTP inspection), or check host and port of the route.',
    ),
  port25Blocked: (where: string) =>
    row(
      'port-25-blocked',
      `No answer from ${where}: many internet providers and clouds block port 25 outward.`,
      'Ask the provider to open outbound port 25 for this address, open it on the firewall, or use submission on port 587 instead.',
    ),
  portSilent: (where: string) =>
    row(
      'port-silent',
      `Nothing comes back from ${where}, not even a refusal: a firewall on the way swallows the packets, or the server is down.`,
      'Let this box out to that host and port on the firewall; if it is open there, ask the internet provider, or whoever runs the server.',
    ),
  ipv6Only: (host: string) =>
    row(
      'ipv6-only',
      `${host} can be reached over IPv6 only, and Microsoft takes mail over IPv6 only with reverse DNS and SPF.`,
      'Give the box an IPv4 address with a way to the internet.',
    ),

  pausedByOperator: (route: string) =>
    row(
      'route-paused',
      `The route ${route} is paused by hand.`,
      `Resume it with \`scanferry routes resume ${route}\`.`,
    ),
  secretExpires: (day: string) =>
    row(
      'secret-expires',
      `The client secret expires on ${day}.`,
      'Make a new one in Microsoft Entra (the app, Certificates & secrets) and store it before that day.',
    ),
  secretExpired: (day: string) =>
    row(
      'secret-expired',
      `The client secret expired on ${day}, by the config.`,
      'Make a new one in Microsoft Entra (the app, Certificates & secrets), store it, and set clientSecretExpires.',
    ),
  tokenMissing: () =>
    row(
      'token-missing',
      'Signing in by device code can be tried only with the token of a running agent, and there is none.',
      'Start the agent; its log shows the code to enter.',
    ),

  sizeSmaller: (route: string, sizeMax: number, messageBytesMax: number) =>
    row(
      'size-smaller',
      `The server takes ${sizeMax} bytes at most, and the route ${route} would send up to ${messageBytesMax}.`,
      `Set limits.messageBytesMax of the route and intake.maxMessageBytes to ${sizeMax} or less, so that a device is told at once.`,
    ),
  connectorSelfSigned: (subject: string) =>
    row(
      'connector-self-signed',
      `The certificate of the route (${subject}) is self-signed, and Microsoft's connector takes only one that an authority has signed.`,
      'Get a certificate of a public authority whose name equals TlsSenderCertificateName of the connector, or let the connector go by the public address.',
    ),
  connectorChainMissing: (issuer: string) =>
    row(
      'connector-chain-missing',
      `The certificate file of the route does not hold the certificate of its issuer (${issuer}), and Microsoft wants the whole chain.`,
      "Put the authority's intermediate certificates behind the certificate in the same file (most authorities call it fullchain).",
    ),

  spfMissing: (domain: string, record: string) =>
    row(
      'spf-missing',
      `The domain ${domain} has no SPF record, so its mail is easily taken for forged.`,
      `Publish this TXT record at ${domain}: ${record}`,
    ),
  spfSeveral: (domain: string, record: string) =>
    row(
      'spf-several',
      `The domain ${domain} has more than one SPF record, which makes all of them void (RFC 7208 section 4.5).`,
      `Replace them by this one TXT record: ${record}`,
    ),
  spfWithoutMicrosoft: (domain: string, include: string, record: string) =>
    row(
      'spf-without-microsoft',
      `The SPF record of ${domain} does not include ${include}, so mail that Microsoft 365 sends on may be taken for forged.`,
      `Change the TXT record at ${domain} to: ${record}`,
    ),
  spfWithoutAddress: (domain: string, address: string, record: string) =>
    row(
      'spf-without-address',
      `The SPF record of ${domain} does not name ${address}, the address Microsoft sees this box at, so scans may end in Junk.`,
      `Change the TXT record at ${domain} to: ${record}`,
    ),
  spfInvalid: (domain: string, detail: string) =>
    row(
      'spf-invalid',
      `The SPF record of ${domain} is void (${detail}), so receivers take its mail as if it had none.`,
      'Correct or remove that term; each include, a, mx, ptr, exists and redirect costs a lookup, and ten are allowed in all (RFC 7208 section 4.6.4).',
    ),
  spfForAll: (domain: string, record: string) =>
    row(
      'spf-for-all',
      `The SPF record of ${domain} lets the whole internet send in its name (+all).`,
      `Change the TXT record at ${domain} to: ${record}`,
    ),
  spfUnreadable: (domain: string, detail: string) =>
    row(
      'spf-unreadable',
      `The SPF record of ${domain} could not be looked up (${detail}).`,
      'Check the DNS servers this box uses.',
    ),

  brokerUntried: () =>
    row(
      'broker-untried',
      'A broker is configured, but nothing is known of the connection to it.',
      'Try again in a minute; the agent connects at its start.',
    ),
} as const satisfies Record<string, (...details: never[]) => Explanation>;
