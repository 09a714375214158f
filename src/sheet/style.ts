/** The look of a setup sheet; it stands inside the page, so that a saved or mailed sheet is whole. */
import { type Html, rawStyle } from '../pages/html.ts';

export const SHEET_STYLE: Html = rawStyle`
@page { size: auto; margin: 10mm 13mm }
:root { color-scheme: light }
* { box-sizing: border-box }
body { font: 13.5px/1.4 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; color: #16202a; background: #fff; max-width: 190mm; margin: 0 auto; padding: 16px }
header { display: flex; justify-content: space-between; gap: 16px; align-items: flex-start; border-bottom: 2px solid #0b5cad; padding-bottom: 8px }
h1 { font-size: 1.7em; line-height: 1.2; margin: 0 }
h2 { font-size: 1em; margin: 0 0 4px; color: #0b5cad }
p, ul, ol { margin: 4px 0 }
ul, ol { padding-left: 1.4em }
section { margin-top: 10px; break-inside: avoid }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: baseline; padding: 3px 8px 3px 0; border-bottom: 1px solid #d5dbe1 }
th { font-weight: 600; white-space: nowrap; width: 1%; padding-right: 16px }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .95em; background: #eef1f4; padding: 1px 4px; border-radius: 3px; overflow-wrap: anywhere; print-color-adjust: exact }
.quiet { color: #55626f }
.small { font-size: .85em }
.path { font-weight: 600 }
.steps { list-style: square }
.mind { border-left: 4px solid #8a5300; background: #fff4e0; padding: 6px 10px; print-color-adjust: exact }
.mind h2 { color: #8a5300 }
figure { margin: 0; text-align: center; max-width: 190px }
figcaption { font-size: 8px; color: #55626f; overflow-wrap: anywhere }
.qr { width: 92px; height: 92px; display: block; margin: 0 auto }
.way { width: 100%; max-width: 720px; display: block }
.way text { text-anchor: middle; font-size: 13px; fill: #16202a }
.way .name { font-weight: 600 }
.way .name.long { font-size: 10px }
.way .kind, .way .caption { font-size: 11px; fill: #55626f }
.way .station { fill: #f4f6f8; stroke: #9aa8b5 }
.way .leg { stroke: #1a6b3c; stroke-width: 2.5; fill: none }
.way .leg.clear { stroke: #8a5300; stroke-dasharray: 6 4 }
.way .head { fill: #55626f }
.way .bow { fill: none; stroke: #1a6b3c; stroke-width: 1.6 }
.way .body { fill: #1a6b3c }
.way-words { display: none }
@media screen and (max-width: 560px) { .way { display: none } .way-words { display: block } }
@media print { body { padding: 0; max-width: none; font-size: 11px; line-height: 1.33 } section { margin-top: 7px } th, td { padding-top: 2px; padding-bottom: 2px } }
`;
