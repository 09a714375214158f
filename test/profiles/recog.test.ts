/** The catalogue measured on printers that others have collected (rapid7/recog), where that collection is at hand. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  formatScore,
  RECOG_FOLDER,
  readExamples,
  readFolder,
  scoreExamples,
} from '../../scripts/recog-score.ts';

const SAMPLE = `<fingerprints>
  <fingerprint pattern="^Canon (\\S+)">
    <example os.product="iR 2270">Canon iR 2270 /P</example>
    <example _encoding="base64" os.product="MF1 &amp; MF2">Q2Fub24gTUYxICYgTUYyIC9Q</example>
    <param pos="0" name="os.vendor" value="Canon"/>
    <param pos="0" name="os.device" value="Multifunction Device"/>
  </fingerprint>
  <fingerprint pattern="^Quill (\\S+)">
    <example os.product="7">Quill 7</example>
    <param pos="0" name="os.vendor" value="Quill"/><param pos="0" name="os.device" value="Printer"/>
  </fingerprint>
  <fingerprint pattern="^Savin">
    <example os.product="MP C4503" os.version="9.99,">SAVIN MP C4503 1.18 / SAVIN Network Printer C model</example>
    <param pos="0" name="os.vendor" value="Ricoh"/><param pos="0" name="hw.device" value="Printer"/>
  </fingerprint>
  <fingerprint pattern="^Switch">
    <example>Switch 1</example>
    <param pos="0" name="os.vendor" value="Canon"/><param pos="0" name="os.device" value="Switch"/>
  </fingerprint>
</fingerprints>`;

test('examples are scored by brand or maker, model and firmware, and every miss is named', () => {
  const score = scoreExamples(readExamples(SAMPLE));
  expect(score).toMatchObject({
    ...{ examples: 4, known: 3, unknownBrands: ['Quill 1'] },
    brand: { right: 3, wrong: 0 },
    model: { right: 3, of: 3 },
    firmware: { right: 0, of: 1 },
    misses: ['firmware 1.18 instead of 9.99: SAVIN MP C4503 1.18 / SAVIN Network Printer C model'],
  });
  expect(formatScore(score)).toContain('brand     3 of 3 (100.0 %); 0 named as another brand');
});

test('the collection is named as well as when docs/profiles.md was written', () => {
  if (!existsSync(path.join(RECOG_FOLDER, 'snmp_sysdescr.xml'))) {
    console.warn(
      `NOT MEASURED: ${RECOG_FOLDER} holds no copy of rapid7/recog's xml files; put one there to measure.`,
    );
    return;
  }
  const score = scoreExamples(readFolder(RECOG_FOLDER));
  console.log(formatScore(score));
  expect(score.brand.right / score.known).toBeGreaterThan(0.9);
  // A wrong name is worse than none: its quirks would be applied.
  expect(score.brand.wrong / score.examples).toBeLessThan(0.03);
  expect(score.model.right / score.model.of).toBeGreaterThan(0.8);
  expect(score.firmware.right / score.firmware.of).toBeGreaterThan(0.8);
});
