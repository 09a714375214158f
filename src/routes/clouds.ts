/** Where each Microsoft cloud signs in, and what its mail service is called there. */
import type { OauthSettings } from './settings.ts';

interface Cloud {
  authority: string;
  /** Scope for an application signing in as itself. */
  applicationScope: string;
  /** Scope for a person signing in by device code. */
  delegatedScope: string;
}

/**
 * Sources: Microsoft Learn "Authenticate an IMAP, POP or SMTP connection using OAuth" (worldwide), README of
 * tarickb/sasl-xoauth2 (hosts of the national clouds).
 */
export const CLOUDS = {
  worldwide: {
    authority: 'https://login.microsoftonline.com',
    applicationScope: 'https://outlook.office365.com/.default',
    delegatedScope: 'https://outlook.office.com/SMTP.Send',
  },
  'us-government': {
    authority: 'https://login.microsoftonline.us',
    applicationScope: 'https://outlook.office365.us/.default',
    delegatedScope: 'https://outlook.office365.us/SMTP.Send',
  },
  china: {
    authority: 'https://login.partner.microsoftonline.cn',
    applicationScope: 'https://partner.outlook.cn/.default',
    delegatedScope: 'https://partner.outlook.cn/SMTP.Send',
  },
} as const satisfies Record<OauthSettings['cloud'], Cloud>;

/** The sign-in address with the tenant in its path, and the scope, after the settings' own word. */
export function signInPlace(auth: OauthSettings): { authority: URL; scope: string } {
  const cloud = CLOUDS[auth.cloud];
  const authority = new URL(auth.authority ?? cloud.authority);
  if (authority.pathname === '/') authority.pathname = `/${auth.tenant}`;
  const scope = auth.deviceCode ? cloud.delegatedScope : cloud.applicationScope;
  return { authority, scope: auth.scope ?? scope };
}
