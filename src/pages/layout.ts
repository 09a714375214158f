/** The frame of every page: head, bar at the top, main part, foot. */
import type { Explanation } from '../core/errors.ts';
import { asset } from './assets.ts';
import { type Html, html } from './html.ts';
import type { PageResponse } from './server.ts';

export interface PageFrame {
  /** In the title of the window, before the product. */
  title: string;
  /** What this page belongs to, such as `Scanferry fleet`. */
  product: string;
  /** At the right end of the bar. */
  bar?: Html | null;
  main: Html;
  /** Small print at the end. */
  foot?: Html | null;
  /** Address of the events that keep the page up to date; null for a page that stays as it is. */
  live: string | null;
}

export function renderPage(frame: PageFrame): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${frame.title} · ${frame.product}</title>
<link rel="icon" href="${asset('icon.svg').path}" type="image/svg+xml">
<link rel="stylesheet" href="${asset('style.css').path}">
${
  frame.live !== null &&
  html`<script src="${asset('idiomorph.js').path}" defer></script>
<script src="${asset('live.js').path}" defer></script>`
}
</head>
<body${frame.live !== null && html` data-live="${frame.live}"`}>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar">
<a class="brand" href="/"><img src="${asset('icon.svg').path}" alt="" width="24" height="24">${frame.product}</a>
<span class="lost" data-connection role="status" hidden>No connection: what you see may be old.</span>
<div class="bar-end">${frame.bar}</div>
</header>
<main id="main" tabindex="-1">
${frame.main}
</main>
<footer>${frame.foot}</footer>
</body>
</html>
`.html;
}

export function htmlResponse(body: string, status = 200, headers: Record<string, string> = {}): PageResponse {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', ...headers }, body };
}

/** After a form: the browser loads `path`, so that loading again sends nothing twice. */
export function redirect(path: string, headers: Record<string, string> = {}): PageResponse {
  return { status: 303, headers: { location: path, ...headers }, body: '' };
}

/** A whole page that says what is wrong and what to do. */
export function problemResponse(product: string, status: number, explanation: Explanation): PageResponse {
  const main = html`<section class="card narrow"><h1>${explanation.cause}</h1>
<p>${explanation.advice}</p><p><a href="/">To the start</a></p></section>`;
  return htmlResponse(renderPage({ title: 'Problem', product, main, live: null }), status);
}
