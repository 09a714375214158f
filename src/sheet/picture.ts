/** A picture of the way a scan takes: device, box, Microsoft 365, and how each leg is secured. */
import { breakLines } from '../core/break-lines.ts';
import { type Html, html } from '../pages/html.ts';
import type { SheetLeg } from './types.ts';

/** Width of the drawing; it scales with the page. */
const WIDTH = 720;
const BOX = { width: 168, height: 56, y: 8 };
/** Characters of a caption that fit between two boxes, and of a name inside of one. */
const CAPTION_MAX = 16;
const NAME_MAX = 20;
/** A longer name is written smaller, up to here; one that is longer still is cut. */
const SMALL_NAME_MAX = 27;
const LINE_HEIGHT = 14;

export function connectionPicture([first, second]: readonly [SheetLeg, SheetLeg]): Html {
  const middle = (WIDTH - BOX.width) / 2;
  const end = WIDTH - BOX.width;
  const words = [first, second].map(({ from, to, encryption }) => `${from} to ${to}: ${encryption}.`);
  const lines = Math.max(inLines(first.encryption).length, inLines(second.encryption).length);
  const height = Math.max(BOX.y + BOX.height + 2, BOX.y + BOX.height / 2 + 10 + lines * LINE_HEIGHT);
  return html`<svg class="way" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${words.join(' ')}">
${station(0, first.from, 'device')}${station(middle, first.to, 'this box')}${station(end, second.to, 'mail')}
${leg(BOX.width, middle, first)}${leg(middle + BOX.width, end, second)}
</svg>
<ul class="way-words">${words.map((text) => html`<li>${text}</li>`)}</ul>`;
}

function station(x: number, name: string, kind: string): Html {
  const centre = x + BOX.width / 2;
  return html`<rect x="${x + 1}" y="${BOX.y}" width="${BOX.width - 2}" height="${BOX.height}" rx="8" class="station"/>
<text x="${centre}" y="${BOX.y + 25}" class="name${name.length > NAME_MAX && ' long'}">${shorten(name)}</text>
<text x="${centre}" y="${BOX.y + 43}" class="kind">${kind}</text>`;
}

function leg(from: number, to: number, { encryption, isEncrypted }: SheetLeg): Html {
  const y = BOX.y + BOX.height / 2;
  const centre = (from + to) / 2;
  const caption = inLines(encryption);
  return html`<path d="M${from + 4} ${y}H${to - 12}" class="leg${!isEncrypted && ' clear'}"/>
<path d="M${to - 12} ${y - 5}l8 5-8 5z" class="head"/>
${isEncrypted && lock(centre, y - 10)}
${caption.map((line, index) => html`<text x="${centre}" y="${y + 18 + index * LINE_HEIGHT}" class="caption">${line}</text>`)}`;
}

function lock(x: number, y: number): Html {
  return html`<path d="M${x - 4} ${y - 4}v-3a4 4 0 0 1 8 0v3" class="bow"/><rect x="${x - 6}" y="${y - 4}" width="12" height="9" rx="2" class="body"/>`;
}

function shorten(name: string): string {
  return name.length > SMALL_NAME_MAX ? `${name.slice(0, SMALL_NAME_MAX - 1)}…` : name;
}

function inLines(text: string): string[] {
  return breakLines(text, CAPTION_MAX);
}
