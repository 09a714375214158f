/** The decisions of the simulated sign-in service: which grant yields a token, which a Microsoft-shaped error. */
import { createHmac, randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { type AssertionFault, checkAssertion } from './client-assertion.ts';
import type { App, PendingCodes, TenantState } from './tenant.ts';
import { keepNewest, type TokenOwner, type TokenService } from './tokens.ts';

/** An error of the token endpoint: HTTP status, OAuth error, AADSTS number and text. */
export interface GrantError {
  status: number;
  error: string;
  code: number;
  text: string;
}

export type GrantResult = { ok: Record<string, unknown> } | { failed: GrantError };

export interface GrantDeps {
  clock: Clock;
  tenant: TenantState;
  tokens: TokenService;
  codes: PendingCodes;
}

const failed = (error: string, code: number, text: string, status = 400): GrantResult => ({
  failed: { status, error, code, text },
});

/** Resources whose tokens Exchange Online takes, with the national clouds (docs/sources.md, sign-in). */
const RESOURCES = [
  'https://outlook.office365.com',
  'https://outlook.office.com',
  'https://outlook.office365.us',
  'https://partner.outlook.cn',
];
const CODE_LIFETIME_S = 900;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** Nobody verifies the id token; it only has to be a token. */
const ID_TOKEN_KEY = randomBytes(32);

export function unknownTenant(tenant: string): GrantResult {
  return failed('invalid_request', 90002, `Tenant '${tenant}' not found.`);
}

/** Answers a request to `/oauth2/v2.0/token`; `audience` is the address of that endpoint. */
export function grantToken(deps: GrantDeps, form: URLSearchParams, audience: string): GrantResult {
  const clientId = form.get('client_id') ?? '';
  const app = deps.tenant.apps.get(clientId);
  if (!app) {
    return failed('unauthorized_client', 700016, `Application with identifier '${clientId}' was not found.`);
  }
  switch (form.get('grant_type')) {
    case 'client_credentials':
      return clientCredentials(deps, app, form, audience);
    case 'device_code':
    case DEVICE_GRANT:
      return deviceCode(deps, clientId, form.get('device_code') ?? form.get('code') ?? '');
    case 'refresh_token':
      return refresh(deps, clientId, form.get('refresh_token') ?? '');
    default:
      return failed('unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
  }
}

/** Answers a request to `/oauth2/v2.0/devicecode`. */
export function startDeviceCode(
  deps: GrantDeps,
  form: URLSearchParams,
  verificationUri: string,
): GrantResult {
  const clientId = form.get('client_id') ?? '';
  if (!deps.tenant.apps.has(clientId)) {
    return failed('unauthorized_client', 700016, `Application with identifier '${clientId}' was not found.`);
  }
  const userCode = Array.from({ length: 9 }, () => 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'[randomInt(32)]).join(
    '',
  );
  const code = randomBytes(32).toString('base64url');
  keepNewest(deps.codes, LIMITS.sandboxRecordsMax);
  deps.codes.set(code, {
    clientId,
    scope: form.get('scope') ?? '',
    userCode,
    expiresAt: deps.clock.now() + CODE_LIFETIME_S * 1000,
    answer: null,
  });
  return {
    ok: {
      user_code: userCode,
      device_code: code,
      verification_uri: verificationUri,
      expires_in: CODE_LIFETIME_S,
      interval: deps.tenant.deviceCodeIntervalS,
      message: `To sign in, open ${verificationUri} and enter the code ${userCode}.`,
    },
  };
}

function clientCredentials(deps: GrantDeps, app: App, form: URLSearchParams, audience: string): GrantResult {
  const scope = form.get('scope') ?? '';
  const refused = clientRefusal(deps, app, form, audience) ?? scopeRefusal(scope);
  if (refused) return refused;
  return { ok: tokenResponse(deps, { clientId: form.get('client_id') ?? '', user: null, scope }) };
}

function clientRefusal(
  deps: GrantDeps,
  app: App,
  form: URLSearchParams,
  audience: string,
): GrantResult | null {
  const assertion = form.get('client_assertion');
  if (assertion !== null && form.get('client_assertion_type') === ASSERTION_TYPE) {
    const clientId = form.get('client_id') ?? '';
    const { certificates } = app;
    const fault = checkAssertion(assertion, { clientId, audience, certificates, now: deps.clock.now() });
    return fault === null ? null : assertionRefusal(fault);
  }
  const given = form.get('client_secret');
  if (given === null) {
    return failed(
      'invalid_client',
      7000218,
      "The request must contain 'client_assertion' or 'client_secret'.",
      401,
    );
  }
  const secret = app.secrets.find(({ value }) => value === given);
  if (!secret) return failed('invalid_client', 7000215, 'Invalid client secret provided.', 401);
  const isExpired = secret.expiresAt !== null && secret.expiresAt <= deps.clock.now();
  return isExpired
    ? failed('invalid_client', 7000222, 'The provided client secret keys are expired.', 401)
    : null;
}

function assertionRefusal(fault: AssertionFault): GrantResult {
  switch (fault) {
    case 'malformed':
      return failed('invalid_request', 50027, 'JWT token is invalid or malformed.');
    case 'signature':
      return failed('invalid_client', 700027, 'Client assertion failed signature validation.', 401);
    case 'audience':
      return failed('invalid_client', 700023, 'Client assertion audience claim does not match.', 401);
    case 'time':
      return failed('invalid_client', 700024, 'Client assertion is not within its valid time range.', 401);
  }
}

/** A client library may add openid scopes of its own; what counts is the resource. */
function scopeRefusal(scope: string): GrantResult | null {
  const [wanted = ''] = scope.split(' ');
  if (!wanted.endsWith('/.default')) {
    return failed(
      'invalid_scope',
      1002012,
      `The provided value for scope ${scope} is not valid; client credential flows need /.default.`,
    );
  }
  const resource = wanted.slice(0, -'/.default'.length);
  if (RESOURCES.includes(resource)) return null;
  return failed(
    'invalid_scope',
    70011,
    `The provided value for the input parameter 'scope' is not valid: ${scope}`,
  );
}

function deviceCode(deps: GrantDeps, clientId: string, code: string): GrantResult {
  const pending = deps.codes.get(code);
  if (pending?.clientId !== clientId) return failed('bad_verification_code', 70000, 'The code is not known.');
  if (pending.expiresAt <= deps.clock.now()) return failed('expired_token', 70019, 'The code has expired.');
  if (pending.answer === null)
    return failed('authorization_pending', 70016, 'The user has not signed in yet.');
  deps.codes.delete(code);
  if (pending.answer === 'declined') return failed('authorization_declined', 70017, 'The user declined.');
  if (deps.tenant.deviceCodeBlocked) {
    return failed('invalid_grant', 53003, 'Access has been blocked by Conditional Access policies.');
  }
  return { ok: tokenResponse(deps, { clientId, user: pending.answer.toLowerCase(), scope: pending.scope }) };
}

function refresh(deps: GrantDeps, clientId: string, token: string): GrantResult {
  const owner = deps.tokens.refreshOwner(token);
  if (owner?.clientId !== clientId) {
    return failed('invalid_grant', 50173, 'The refresh token is not valid any more.');
  }
  return { ok: tokenResponse(deps, owner) };
}

function tokenResponse(deps: GrantDeps, owner: TokenOwner): Record<string, unknown> {
  const { value, expiresInS } = deps.tokens.issue(owner);
  const response = {
    token_type: 'Bearer',
    expires_in: expiresInS,
    ext_expires_in: expiresInS,
    access_token: value,
  };
  return owner.user === null ? response : { ...response, ...personal(deps, owner, owner.user) };
}

/** What a person's sign-in has besides: refresh token, id token, client info. */
function personal(deps: GrantDeps, owner: TokenOwner, user: string): Record<string, unknown> {
  const [, tenantId = ''] = deps.tenant.ids;
  const objectId = createHmac('sha256', 'sandbox user').update(user).digest('hex').slice(0, 32);
  const nowS = Math.floor(deps.clock.now() / 1000);
  return {
    scope: owner.scope,
    refresh_token: deps.tokens.issueRefresh(owner),
    id_token: signIdToken({
      ver: '2.0',
      aud: owner.clientId,
      iss: `https://login.microsoftonline.com/${tenantId}/v2.0`,
      iat: nowS,
      exp: nowS + 3600,
      tid: tenantId,
      oid: objectId,
      sub: objectId,
      preferred_username: user,
    }),
    client_info: encode({ uid: objectId, utid: tenantId }),
  };
}

function signIdToken(claims: Record<string, unknown>): string {
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', ID_TOKEN_KEY).update(text).digest('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
