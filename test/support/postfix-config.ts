/** The configuration of the Postfix that tests use as an upstream: what stays, and what a test may switch. */
import type { CertificateKind, TestCertificate } from './certificates.ts';

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** What a test may change while Postfix runs. */
export interface PostfixSettings {
  /** TLS versions spoken. Below 1.2 the weak ciphers that go with them are allowed too. */
  tls: { floor: TlsVersion; ceiling: TlsVersion };
  certificate: CertificateKind;
  /** False looks like STARTTLS stripped on the way: not offered, while AUTH is, in plain text, to whoever falls for it. */
  starttls: boolean;
  /** `required`: relays only after AUTH. `offered`: relays for anyone, AUTH possible. `off`: relays for anyone, no AUTH. */
  auth: 'required' | 'offered' | 'off';
  /** Replies to RCPT TO for single addresses, such as `{ 'gone@contoso.com': '550 5.1.1 No such mailbox' }`. */
  recipientReplies: Record<string, string>;
  /** Largest message in bytes, as EHLO tells it. */
  messageBytesMax: number;
}

export const POSTFIX_DEFAULTS: PostfixSettings = {
  tls: { floor: 'TLSv1.2', ceiling: 'TLSv1.3' },
  certificate: 'valid',
  starttls: true,
  auth: 'required',
  recipientReplies: {},
  // Exchange Online's largest settable size (150 MB).
  messageBytesMax: 150 * 1024 * 1024,
};

export interface PostfixPlace {
  /** Holds etc, queue, data and log. */
  directory: string;
  host: string;
  address: string;
  port: number;
  implicitPort: number;
  sinkPort: number;
}

/** Parameters (postconf(5)) that stay the same while this Postfix runs. */
export function fixedParameters(place: PostfixPlace): Record<string, string> {
  const { directory, host } = place;
  return {
    compatibility_level: '3.6',
    config_directory: `${directory}/etc`,
    queue_directory: `${directory}/queue`,
    data_directory: `${directory}/data`,
    maillog_file: `${directory}/log/mail.log`,
    maillog_file_prefixes: directory,
    myhostname: host,
    inet_interfaces: place.address,
    inet_protocols: 'ipv4',
    smtpd_peername_lookup: 'no',
    // Everything is relayed to the sink, nothing is local.
    mydestination: '',
    alias_maps: '',
    alias_database: '',
    local_recipient_maps: '',
    mynetworks: '127.0.0.0/8',
    default_transport: `lmtp:inet:127.0.0.1:${place.sinkPort}`,
    disable_dns_lookups: 'yes',
    // Bytes stay as they came: no rewriting, no conversion, no folding, no header taken away.
    local_header_rewrite_clients: '',
    remote_header_rewrite_domain: '',
    message_drop_headers: '',
    disable_mime_output_conversion: 'yes',
    lmtp_line_length_limit: '0',
    lmtp_send_xforward_command: 'no',
    strict_8bitmime: 'no',
    // The trace header then tells which TLS and which login were used.
    smtpd_tls_received_header: 'yes',
    smtpd_sasl_authenticated_header: 'yes',
    smtpd_tls_loglevel: '1',
    smtpd_tls_dh1024_param_file: 'auto',
    smtpd_sasl_type: 'cyrus',
    smtpd_sasl_path: 'smtpd',
    cyrus_sasl_config_path: `${directory}/etc/sasl`,
    smtpd_sasl_security_options: 'noanonymous',
    // A test does not wait for tarpits, nor minutes for a retry.
    smtpd_error_sleep_time: '0',
    in_flow_delay: '0',
    minimal_backoff_time: '1s',
    queue_run_delay: '1s',
  };
}

/** Parameters that follow from the switches. `generation` shows in the greeting, which tells when they are in effect. */
export function switchedParameters(
  settings: PostfixSettings,
  certificate: TestCertificate,
  generation: number,
): Record<string, string> {
  const protocols = `>=${settings.tls.floor}, <=${settings.tls.ceiling}`;
  const isLegacy = settings.tls.floor === 'TLSv1' || settings.tls.floor === 'TLSv1.1';
  const hasAuth = settings.auth !== 'off';
  return {
    smtpd_banner: greetingOf(generation),
    smtpd_tls_cert_file: certificate.certFile,
    smtpd_tls_key_file: certificate.keyFile,
    smtpd_tls_security_level: settings.starttls ? 'may' : 'none',
    smtpd_tls_protocols: protocols,
    smtpd_tls_mandatory_protocols: protocols,
    smtpd_tls_ciphers: 'medium',
    smtpd_tls_mandatory_ciphers: 'medium',
    // OpenSSL 3 signs TLS 1.0 and 1.1 handshakes with SHA-1, which security level 1 and above forbids.
    tls_medium_cipherlist: isLegacy ? 'ALL:@SECLEVEL=0' : 'HIGH:!aNULL',
    smtpd_sasl_auth_enable: hasAuth ? 'yes' : 'no',
    smtpd_tls_auth_only: settings.starttls ? 'yes' : 'no',
    smtpd_relay_restrictions:
      settings.auth === 'required'
        ? 'permit_sasl_authenticated, reject_unauth_destination'
        : 'permit_mynetworks, reject_unauth_destination',
    smtpd_recipient_restrictions: recipientRestrictions(settings.recipientReplies),
    message_size_limit: String(settings.messageBytesMax),
  };
}

/** The text after `220 ` of this generation. */
export function greetingOf(generation: number): string {
  return `$myhostname ESMTP Postfix, settings ${generation}`;
}

function recipientRestrictions(replies: Record<string, string>): string {
  const rows = Object.entries(replies).map(([address, reply]) => `{ ${address} = ${reply} }`);
  return rows.length === 0 ? 'permit' : `check_recipient_access inline:{ ${rows.join(', ')} }, permit`;
}

/** main.cf as text. */
export function mainCf(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

/** master.cf: the two listeners and only the daemons they need, none of them in a chroot. */
export function masterCf(place: PostfixPlace): string {
  return `${place.address}:${place.port} inet n - n - - smtpd
${place.address}:${place.implicitPort} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_tls_security_level=encrypt
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}

/** The SASL library's own configuration for smtpd: passwords in a private sasldb2. */
export function saslConf(directory: string, mechanisms: readonly string[]): string {
  return `pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: ${mechanisms.join(' ')}
sasldb_path: ${directory}/etc/sasl/sasldb2
`;
}
