/** The page of the box: over HTTPS, with the root certificate to download. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Explanation, OperatorError } from '../core/errors.ts';
import { describeError, type Log } from '../core/log.ts';

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
  certificate: { key: string; cert: string };
  root: { pem: string; der: Buffer };
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
  const pages = createPages(deps);
  // Browsers of today speak 1.2 at least; only the mail listeners go lower.
  const server = https.createServer({ ...deps.certificate, minVersion: 'TLSv1.2' }, (request, response) => {
    const page = pages.get(request.url ?? '/');
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
  server.on('error', (error) => deps.log.error('web.failed', { error: describeError(error) }));
  return {
    async start() {
      server.listen(deps.settings.port, deps.settings.address);
      try {
        await once(server, 'listening');
      } catch (cause) {
        throw new OperatorError(portTaken(deps.settings.address, deps.settings.port, describeError(cause)), {
          cause,
        });
      }
      return (server.address() as AddressInfo).port;
    },
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    replaceCertificate: (certificate) => server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' }),
  };
}

function createPages(deps: WebDeps): Map<string, Page> {
  return new Map<string, Page>([
    ['/', { type: 'text/html; charset=utf-8', download: null, body: homePage(deps) }],
    [
      '/scanferry-ca.pem',
      { type: 'application/x-pem-file', download: 'scanferry-ca.pem', body: deps.root.pem },
    ],
    [
      '/scanferry-ca.cer',
      { type: 'application/pkix-cert', download: 'scanferry-ca.cer', body: deps.root.der },
    ],
  ]);
}

function homePage(deps: WebDeps): string {
  const site = escapeHtml(deps.siteName);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Scanferry ${site}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em;color:#1b1f24}
h1{font-size:1.5em}code{background:#eef1f4;padding:.1em .3em;border-radius:3px}</style></head>
<body><h1>Scanferry ${site}</h1>
<p>This box takes mail from scanners and copiers and hands it to Microsoft 365.
At the device, enter <code>${escapeHtml(deps.hostname)}</code> as the SMTP server.</p>
<p>A device that checks certificates needs the root certificate of this box:</p>
<ul><li><a href="/scanferry-ca.pem">scanferry-ca.pem</a> for most devices</li>
<li><a href="/scanferry-ca.cer">scanferry-ca.cer</a> (DER) for those that want a .cer or .crt file</li></ul>
</body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
