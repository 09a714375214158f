/** Faults of a real upstream that keep mail from leaving, with what the agent must make of them. */
import type { PostfixSettings } from '../../support/postfix-config.ts';

export interface PostfixFault {
  name: string;
  /** Switches of Postfix that make it so; all others are as they should be. */
  postfix?: Partial<PostfixSettings>;
  /** Set by the box's operator. */
  password?: string;
  stripStarttls?: true;
  code: string;
  /** The sentence for the operator. */
  cause: RegExp;
  /** The farthest the agent may go in clear. */
  clear: string[];
}

const GREETING = 'EHLO scanferry.local';

export const POSTFIX_FAULTS: readonly PostfixFault[] = [
  {
    name: 'TLS 1.1 only',
    postfix: { tls: { floor: 'TLSv1.1', ceiling: 'TLSv1.1' } },
    code: 'route.tls-too-old',
    cause: /^The server speaks only TLS 1\.1 or older \(smtp\.contoso\.com:\d+; ERR_SSL_\w+\)\.$/,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'TLS 1.0 only',
    postfix: { tls: { floor: 'TLSv1', ceiling: 'TLSv1' } },
    code: 'route.tls-too-old',
    cause: /^The server speaks only TLS 1\.1 or older /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a self-signed certificate',
    postfix: { certificate: 'selfSigned' },
    code: 'route.certificate-self-signed',
    cause: /^The server's certificate is self-signed, so nobody vouches for it /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'an expired certificate',
    postfix: { certificate: 'expired' },
    code: 'route.certificate-expired',
    cause: /^The server's certificate has expired /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a certificate that is not valid yet',
    postfix: { certificate: 'notYetValid' },
    code: 'route.certificate-not-yet-valid',
    cause: /^The server's certificate is not valid yet /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a certificate for another name',
    postfix: { certificate: 'wrongName' },
    code: 'route.certificate-wrong-name',
    cause: /^The server's certificate is for another name /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'no STARTTLS, and AUTH offered in clear',
    postfix: { starttls: false },
    code: 'route.starttls-missing',
    cause: /^The server offers no encryption \(STARTTLS\), and mail never goes out in plain text /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'STARTTLS stripped on the way',
    stripStarttls: true,
    code: 'route.starttls-missing',
    cause: /^The server offers no encryption \(STARTTLS\), and mail never goes out in plain text /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'no AUTH',
    postfix: { auth: 'off' },
    code: 'route.auth-missing',
    cause: /^The server offers no way to sign in that fits this route /,
    clear: [GREETING, 'STARTTLS'],
  },
  {
    name: 'a password that Postfix refuses',
    password: 'not the password',
    code: 'reply.sign-in-refused',
    cause: /refused the sign-in: user, password, token or a right on the mailbox is wrong/,
    clear: [GREETING, 'STARTTLS'],
  },
];
