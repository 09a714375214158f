/**
 * The table of what the Microsoft sign-in service refuses, by the number of its error. Source of the numbers:
 * Microsoft Learn, "Microsoft Entra authentication and authorization error codes" (MicrosoftDocs/entra-docs,
 * docs/identity-platform/reference-error-codes.md, read 2026-11-24); 700024, 900023 and 1002012 are not on that page
 * but in many public reports with Microsoft's own text.
 */
import type { Explanation } from '../core/errors.ts';
import type { RouteFault } from '../core/outcome.ts';
import type { SignInTrouble } from './sign-in-client.ts';

interface SignInRow {
  id: string;
  aadsts: readonly number[];
  cause: string;
  advice: string;
  /** Waiting heals it. */
  isPassing?: true;
}

/** A device code waits for a person; the advice holds the code and where to enter it. */
export function signInWaiting(advice: string): Explanation {
  return {
    code: 'route.sign-in.waiting',
    cause: 'Nobody has signed this box in to the mailbox yet.',
    advice,
  };
}

/** The same, found by a look that asks nobody: a code that it showed would end with it. */
export const SIGN_IN_NEEDED: Explanation = {
  code: 'route.sign-in.needed',
  cause: 'Nobody has signed this box in to the mailbox, or the sign-in has run out.',
  advice:
    'Enter the code that the agent shows in `scanferry status` and in its log; where it shows none, `scanferry send-test` makes it ask.',
};

export const SIGN_IN_ERRORS: readonly SignInRow[] = [
  {
    id: 'secret-wrong',
    aadsts: [7000215, 7000218, 70002],
    cause: 'The client secret is wrong.',
    advice:
      'Enter the value of the client secret, not its id (Microsoft Entra, the app, Certificates & secrets).',
  },
  {
    id: 'secret-expired',
    aadsts: [7000222],
    cause: 'The client secret has expired.',
    advice: 'Make a new client secret in Microsoft Entra (the app, Certificates & secrets) and enter it.',
  },
  {
    id: 'certificate-refused',
    aadsts: [700027, 700030],
    cause: 'The client certificate is not the one the application knows, or it has expired.',
    advice: 'Upload the certificate of this route in Microsoft Entra (the app, Certificates & secrets).',
  },
  {
    id: 'clock-wrong',
    aadsts: [700024, 50013],
    cause: 'The sign-in was refused because its time is not valid.',
    advice: 'Check the clock of this box.',
  },
  {
    id: 'application-unknown',
    aadsts: [700016, 70001],
    cause: 'The tenant has no application with this client id.',
    advice: 'Check clientId and tenant of the route.',
  },
  {
    id: 'application-disabled',
    aadsts: [7000112],
    cause: 'The application is disabled in the tenant.',
    advice: 'Enable it in Microsoft Entra under Enterprise applications.',
  },
  {
    id: 'tenant-unknown',
    aadsts: [90002, 900023, 50059],
    cause: 'There is no such tenant in this cloud.',
    advice: 'Check tenant and cloud of the route.',
  },
  {
    id: 'scope-wrong',
    aadsts: [70011, 1002012, 500011],
    cause: 'The sign-in service does not know the requested scope in this tenant.',
    advice: 'Leave scope out, and check that the tenant has Exchange Online and that the cloud is right.',
  },
  {
    id: 'consent-missing',
    aadsts: [65001, 65004, 65005, 650056, 90094, 50105],
    cause: 'The application has not been granted the right to send mail.',
    advice: 'Add the application permission SMTP.SendAsApp in Microsoft Entra and grant admin consent.',
  },
  {
    id: 'device-code-blocked',
    aadsts: [53003, 530032, 530035],
    cause: 'A Conditional Access policy of the tenant blocks this sign-in.',
    advice: 'Use a client secret or certificate instead of the device code, or except this application.',
  },
  {
    id: 'application-not-public',
    aadsts: [700025],
    cause: 'The application does not allow this kind of sign-in.',
    advice:
      'For a device code, switch on "Allow public client flows" in Microsoft Entra (the app, Authentication).',
  },
  {
    id: 'account-blocked',
    aadsts: [50053, 50055, 50057, 50034, 50126],
    cause: 'The account that signs in is locked, disabled, unknown, or its password has expired.',
    advice: 'Look at the account in the Microsoft 365 admin center, then sign in again.',
  },
  {
    id: 'sign-in-again',
    aadsts: [70043, 70008, 700082, 700084, 50173, 50076, 50078, 50079, 50158, 70019],
    cause: 'The earlier sign-in is no longer valid.',
    advice: 'Sign in again with the code in the log.',
  },
  {
    id: 'service-busy',
    aadsts: [90033, 90024, 90006, 50196, 90055],
    cause: 'The Microsoft sign-in service is busy.',
    advice: 'Nothing to do, it heals by itself.',
    isPassing: true,
  },
];

/** What the trouble means for the route; null when the service gave no hint at all. */
export function signInFault(trouble: SignInTrouble | null): RouteFault {
  if (trouble?.failure) return trouble.failure.fault;
  const aadsts = trouble?.aadsts ?? null;
  const row = SIGN_IN_ERRORS.find((candidate) => aadsts !== null && candidate.aadsts.includes(aadsts));
  if (row !== undefined && aadsts !== null)
    return fault(`route.sign-in.${row.id}`, row, {
      detail: `AADSTS${aadsts}`,
      isPassing: row.isPassing ?? false,
    });
  const status = trouble?.status ?? null;
  const isPassing = status === null || status >= 500 || status === 429;
  const detail = aadsts === null ? `HTTP status ${status ?? 'unknown'}` : `AADSTS${aadsts}`;
  return isPassing
    ? fault('route.sign-in.unavailable', UNAVAILABLE, { detail, isPassing })
    : fault('route.sign-in.refused', REFUSED, { detail, isPassing });
}

export const UNAVAILABLE = {
  cause: 'The Microsoft sign-in service gave no usable answer.',
  advice: 'It is tried again; if it lasts, check the service health of Microsoft 365.',
};
export const REFUSED = {
  cause: 'The Microsoft sign-in service refused the sign-in.',
  advice: 'Look the error number up at https://login.microsoftonline.com/error.',
};

function fault(
  code: string,
  { cause, advice }: { cause: string; advice: string },
  { detail, isPassing }: { detail: string; isPassing: boolean },
): RouteFault {
  return {
    why: { code, cause: cause.replace(/\.$/, ` (${detail}).`), advice },
    reply: null,
    needsPerson: !isPassing,
    retryAfterMs: null,
  };
}
