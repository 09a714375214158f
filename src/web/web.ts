/** The page of the box: over HTTPS, with the root certificate to download. */
import https from 'node:https';
import { type Explanation, OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { createBinding } from '../pages/bind.ts';
import { html, rawStyle } from '../pages/html.ts';

/** The one thing that can keep the page from being shown. */
export function portTaken(address: string, port: number, detail: string): Explanation {
  return {
    code: 'web.port-taken',
    cause: `The box page can't listen on ${address} port ${port}: ${detail}.`,
    advice: 'Free the port or set another one under web.port.',
  };
}

export interface WebDeps {
  log: Log;
  settings: { address: string; port: number };
  siteName: string;
  hostname: string;
  /** Where the box takes mail, as the config has it. */
  mailPorts(): number[];
  certificate: { key: string; cert: string };
  root: { pem: string; der: Buffer };
  /** Devices that have a setup sheet. */
  devices(): { id: string; name: string }[];
  /** The sheet as a whole page, or null for an unknown device. */
  sheet(deviceId: string): string | null;
}

export interface Web {
  /** Binds and returns the port. */
  start(): Promise<number>;
  stop(): Promise<void>;
  replaceCertificate(certificate: { key: string; cert: string }): void;
}

interface Page {
  type: string;
  /** File name for a download, or null to show it. */
  download: string | null;
  body: string | Buffer;
}

export function createWeb(deps: WebDeps): Web {
  // Browsers of today speak 1.2 at least; only the mail listeners go lower.
  const server = https.createServer({ ...deps.certificate, minVersion: 'TLSv1.2' }, (request, response) => {
    const page = pageAt(deps, request.url ?? '/');
    if (page === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(page === undefined ? 404 : 405, { 'content-type': 'text/plain' });
      response.end(page === undefined ? 'There is no such page.\n' : 'This page can only be read.\n');
      return;
    }
    response.writeHead(200, {
      'content-type': page.type,
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-content-type-options': 'nosniff',
      ...(page.download === null ? {} : { 'content-disposition': `attachment; filename="${page.download}"` }),
    });
    response.end(request.method === 'HEAD' ? undefined : page.body);
  });
  const binding = createBinding(server, LIMITS.boxPageConnectionsMax);
  return {
    async start() {
      const { address, port } = deps.settings;
      const bound = await binding.bind(deps.settings).catch((cause: unknown) => {
        throw new OperatorError(portTaken(address, port, describeError(cause)), { cause });
      });
      server.on('error', (error) => deps.log.error('web.failed', { error: describeError(error) }));
      return bound;
    },
    stop: () => binding.unbind(),
    replaceCertificate: (certificate) => server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' }),
  };
}

function pageAt(deps: WebDeps, url: string): Page | undefined {
  const device = /^\/sheet\/([a-z0-9-]{1,64})$/.exec(url)?.[1];
  if (device !== undefined) {
    const sheet = deps.sheet(device);
    return sheet === null ? undefined : { type: HTML, download: null, body: sheet };
  }
  switch (url) {
    case '/':
      return { type: HTML, download: null, body: homePage(deps) };
    case '/scanferry-ca.pem':
      return { type: 'application/x-pem-file', download: 'scanferry-ca.pem', body: deps.root.pem };
    case '/scanferry-ca.cer':
      return { type: 'application/pkix-cert', download: 'scanferry-ca.cer', body: deps.root.der };
    default:
      return undefined;
  }
}

const HTML = 'text/html; charset=utf-8';

function homePage(deps: WebDeps): string {
  const { siteName, hostname } = deps;
  const devices = deps.devices();
  const ports = [...new Set(deps.mailPorts())].flatMap((port, index) => [
    index > 0 && ' or ',
    html`<code>${port}</code>`,
  ]);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Scanferry ${siteName}</title>
<style>${STYLE}</style></head>
<body><h1>Scanferry ${siteName}</h1>
<p>This box takes mail from scanners and copiers and hands it to Microsoft 365.
At the device, enter <code>${hostname}</code> as the SMTP server, and port ${ports}.</p>
${
  devices.length > 0 &&
  html`<h2>Setup sheets</h2><p>What to enter at each device:</p>
<ul>${devices.map(({ id, name }) => html`<li><a href="/sheet/${id}">${name}</a></li>`)}</ul>`
}
<h2>Certificate</h2>
<p>A device that checks certificates needs the root certificate of this box:</p>
<ul><li><a href="/scanferry-ca.pem">scanferry-ca.pem</a> for most devices</li>
<li><a href="/scanferry-ca.cer">scanferry-ca.cer</a> (DER) for those that want a .cer or .crt file</li></ul>
</body></html>
`.html;
}

const STYLE = rawStyle`:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em;color:light-dark(#16202a,#e6ebf0);background:light-dark(#fff,#0f1419)}a{color:light-dark(#0b5cad,#7ab8ff)}
h1{font-size:1.5em}h2{font-size:1.1em}code{background:light-dark(#eef1f4,#1f2832);padding:.1em .3em;border-radius:3px}`;
