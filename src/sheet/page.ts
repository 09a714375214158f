/** A setup sheet as one page of HTML that prints on A4 and Letter and needs nothing beside it. */
import { type Html, html, prose } from '../pages/html.ts';
import { connectionPicture } from './picture.ts';
import { qrPicture } from './qr.ts';
import { SHEET_STYLE } from './style.ts';
import { groupByPath } from './text.ts';
import type { Sheet, SheetStep, SheetValue, SheetWay } from './types.ts';

export function renderSheetPage(sheet: Sheet): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${sheet.title}</title>
<style>${SHEET_STYLE}</style>
</head>
<body>
<header><div><h1>${sheet.title}</h1>
<p class="quiet">${sheet.device} · site ${sheet.site}</p>
<p>${sheet.knowledge}</p></div>
${sheet.url !== null && html`<figure>${qrPicture(sheet.url)}<figcaption>${sheet.url}</figcaption></figure>`}</header>
${
  sheet.warnings.length > 0 &&
  html`<section class="mind"><h2>Mind</h2><ul>${sheet.warnings.map((text) => html`<li>${text}</li>`)}</ul></section>`
}
<section><h2>What to enter</h2><table>${sheet.values.map(valueRow)}</table></section>
${sheet.ways.map(waySection)}
<section><h2>Certificate</h2><p>${prose(sheet.certificate)}</p></section>
<section><h2>How a scan travels</h2>${connectionPicture(sheet.legs)}</section>
<section><h2>Try it</h2><ol>${sheet.test.map((text) => html`<li>${prose(text)}</li>`)}</ol></section>
${sheet.errors.length > 0 && errorSection(sheet.errors)}
</body>
</html>
`.html;
}

function valueRow({ label, value, note }: SheetValue): Html {
  return html`<tr><th scope="row">${label}</th><td><code>${value}</code>${note !== null && html` <span class="quiet">${note}</span>`}</td></tr>`;
}

function waySection({ title, steps, note, evidence }: SheetWay): Html {
  return html`<section><h2>${title}</h2>
${groupByPath(steps).map(
  ({ path, steps: inGroup }) =>
    html`<p class="path">${path}</p><ul class="steps">${inGroup.map(stepItem)}</ul>`,
)}
${note !== null && html`<p>${note}</p>`}<p class="quiet small">${evidence}</p></section>`;
}

/** What stands after a semicolon explains, and is not entered. */
function stepItem({ label, set, limit }: SheetStep): Html {
  const [value = '', ...reasons] = set.split('; ');
  return html`<li>${label !== null && html`<b>${label}</b> `}<code>${value}</code>${reasons.length > 0 && html` ${reasons.join('; ')}`}${limit !== null && html` <span class="quiet">${limit}</span>`}</li>`;
}

function errorSection(errors: Sheet['errors']): Html {
  return html`<section><h2>What the device may say</h2><table>${errors.map(
    ({ code, meaning, advice }) =>
      html`<tr><th scope="row">${code}</th><td>${meaning}${advice !== null && html` <b>${advice}</b>`}</td></tr>`,
  )}</table></section>`;
}
