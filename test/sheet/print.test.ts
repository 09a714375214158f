/** The page as it comes out of a printer: Chromium prints it, Poppler reads it, and zbar reads its QR code. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderSheetPage } from '../../src/sheet/page.ts';
import type { SheetDevice } from '../../src/sheet/types.ts';
import { startBrowser } from '../support/browser.ts';
import { runOrThrow } from '../support/processes.ts';
import { sheetOf } from './fixture.ts';

let browser: Browser;
let page: Page;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-sheet-'));
  browser = await startBrowser();
  page = await browser.newPage();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function print(profile: string | null, format: 'A4' | 'Letter', more: Partial<SheetDevice> = {}) {
  await page.setContent(renderSheetPage(sheetOf(profile, more)));
  const file = path.join(folder, `${(profile ?? 'none').replaceAll('/', '-')}-${format}.pdf`);
  await page.pdf({ path: file, format, printBackground: true });
  return file;
}

const textOf = (file: string) => runOrThrow('pdftotext', ['-layout', file, '-']);

test.each(['canon/ir', 'epson/workforce', 'ricoh/mp-c2503', 'apc/nmc2', 'generic/plain'])(
  'the sheet of %s fits one page, of A4 and of Letter',
  async (profile) => {
    for (const format of ['A4', 'Letter'] as const) {
      const info = await runOrThrow('pdfinfo', [await print(profile, format)]);
      expect(info, format).toMatch(/^Pages: +1$/m);
    }
  },
);

test('what is printed reads in order, and nothing of it is cut off', async () => {
  const text = await textOf(await print('epson/workforce', 'A4'));
  const order = [
    ...['Setting up Copier second floor', 'What to enter', 'SMTP server'],
    ...['Authentication Method SMTP AUTH', 'Authenticated Account copier2f', 'SMTP Server Port Number 25'],
    ...['Secure Connection STARTTLS', 'Certificate', 'How a scan travels', 'Microsoft 365', 'Try it'],
  ];
  const flat = text.replaceAll(/\s+/g, ' ');
  const places = order.map((words) => flat.indexOf(words));
  expect(places, flat).not.toContain(-1);
  expect([...places].sort((a, b) => a - b)).toEqual(places);
  const root = 'document.documentElement';
  const over = await page.evaluate(`${root}.scrollWidth - ${root}.clientWidth`);
  expect(over).toBe(0);
});

test('the QR code, photographed off the paper, leads to the page of this sheet', async () => {
  const file = await print('apc/nmc2', 'A4');
  const picture = path.join(folder, 'paper');
  await runOrThrow('pdftoppm', ['-r', '100', '-png', '-singlefile', file, picture]);
  const read = await runOrThrow('zbarimg', ['--quiet', '--raw', `${picture}.png`]);
  expect(read.trim()).toBe('https://scanferry.contoso.local/sheet/copier-2f');
});

test('a name that is made of markup is printed as it is, and runs nothing', async () => {
  const name = `<img src=x onerror="document.title='taken'">${'W'.repeat(60)}`;
  const text = await textOf(await print('canon/ir', 'A4', { name }));
  expect(text).toContain('<img src=x onerror=');
  expect(await page.title()).toContain('<img src=x');
});

test('the page needs nothing from anywhere else', async () => {
  const html = renderSheetPage(sheetOf('canon/ir'));
  expect(html).not.toMatch(/<script|<link|<img|@import|url\(/);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.setContent(html);
  expect(asked.filter((url) => !url.startsWith('about:'))).toEqual([]);
});

test('the picture of the way has every word of a box with three routes, and a phone shows them as text', async () => {
  const routes = ['signed in to a mailbox', 'straight to your domain', 'through your connector'];
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  try {
    await page.setContent(renderSheetPage(sheetOf('generic/tls1.0', {}, { routes })));
    const words = (await page.locator('svg.way text').allTextContents()).join(' ');
    for (const route of routes) expect(words).toContain(route);
    expect(await page.locator('.way-words').isVisible()).toBe(true);
    expect(await page.locator('svg.way').isVisible()).toBe(false);
    await page.setViewportSize({ width: 1000, height: 800 });
    expect(await page.locator('.way-words').isVisible()).toBe(false);
    // What is written lies inside the drawing.
    const picture = await page.locator('svg.way').boundingBox();
    for (const caption of await page.locator('svg.way .caption').all()) {
      const box = await caption.boundingBox();
      expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(
        (picture?.y ?? 0) + (picture?.height ?? 0),
      );
    }
  } finally {
    await page.close();
  }
});
