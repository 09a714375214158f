/**
 * Scores the catalogue on the printers of rapid7/recog (BSD-2-Clause), which are examples of sysDescr with the brand,
 * model and firmware that they are of. They are read where they lie and no part of this project:
 * `node scripts/recog-score.ts FOLDER` prints the score and every miss; FOLDER holds recog's snmp_sysdescr.xml.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { builtInCatalogue } from '../src/profiles/catalogue.ts';
import { createIdentifier } from '../src/profiles/identify.ts';
import type { Catalogue } from '../src/profiles/types.ts';

/** Where the folder lies beside a checkout, when it is there at all. */
export const RECOG_FOLDER = path.resolve(import.meta.dirname, '../../shared/data/recog');

export interface RecogExample {
  sysDescr: string;
  brand: string;
  /** '' where recog does not say. */
  model: string;
  firmware: string;
}

export interface RecogScore {
  examples: number;
  /** Of those whose brand the catalogue has a profile for. */
  known: number;
  brand: { right: number; wrong: number };
  model: { right: number; of: number };
  firmware: { right: number; of: number };
  misses: string[];
  /** Brands without a profile, and how many examples each has. */
  unknownBrands: string[];
}

const PRINTERS = new Set(['Printer', 'Multifunction Device', 'Print Server', 'Network Scanner', 'Copier']);

/** Recog's spelling of a brand to ours, where they differ by more than capitals. */
const BRANDS: Record<string, string> = { 'kyocera mita': 'kyocera', oce: 'océ', 'fuji xerox': 'fuji xerox' };

/** The examples of one file of recog that are of printers, copiers and scanners. */
export function readExamples(xml: string): RecogExample[] {
  return [...xml.matchAll(/<fingerprint pattern="[^"]*"[^>]*>([\s\S]*?)<\/fingerprint>/g)].flatMap(
    ([, body = '']) => {
      const fixed = (name: string) =>
        new RegExp(`<param pos="0" name="(?:os|hw)\\.${name}" value="([^"]*)"`).exec(body)?.[1] ?? '';
      const brand = fixed('vendor');
      if (!PRINTERS.has(fixed('device')) || brand === '') return [];
      return [...body.matchAll(/<example([^>]*)>([\s\S]*?)<\/example>/g)].map(
        ([, attributes = '', text = '']) => {
          const said = (name: string) =>
            new RegExp(`(?:os|hw)\\.${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
          return {
            sysDescr: decode(/_encoding="base64"/.test(attributes) ? fromBase64(text) : text),
            brand,
            model: decode(said('product') || fixed('product')),
            firmware: said('version').replace(/,$/, ''),
          };
        },
      );
    },
  );
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

function decode(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

/** Every example by its sysDescr alone: brand of the named profile, model and firmware that are read out. */
export function scoreExamples(examples: readonly RecogExample[]): RecogScore {
  const catalogue = builtInCatalogue();
  const identify = createIdentifier(catalogue);
  const brands = new Set([...catalogue.values()].map(({ vendor }) => plain(vendor ?? '')));
  const score: RecogScore = {
    ...{ examples: examples.length, known: 0, brand: { right: 0, wrong: 0 } },
    ...{ model: { right: 0, of: 0 }, firmware: { right: 0, of: 0 }, misses: [], unknownBrands: [] },
  };
  const unknown = new Map<string, number>();
  for (const example of examples) {
    const found = identify({ snmpSysDescr: example.sysDescr });
    const brand = brandsOf(found.profile, catalogue);
    const wanted = plain(BRANDS[example.brand.toLowerCase()] ?? example.brand);
    if (!brands.has(wanted)) {
      unknown.set(example.brand, (unknown.get(example.brand) ?? 0) + 1);
      if (brand.length > 0) score.brand.wrong += 1;
      continue;
    }
    score.known += 1;
    const said = { model: found.model ?? '', firmware: found.firmware ?? '' };
    const misses = compare(score, { ...example, brand: wanted }, { brand, ...said });
    if (misses.length > 0) score.misses.push(`${misses.join(', ')}: ${example.sysDescr}`);
  }
  score.unknownBrands = [...unknown].map(([name, count]) => `${name} ${count}`);
  return score;
}

/** The brand on the device and, for a badge, its maker's, which recog may name instead. */
function brandsOf(id: string | null, catalogue: Catalogue): string[] {
  const profile = catalogue.get(id ?? '');
  if (profile === undefined) return [];
  return [plain(profile.vendor ?? ''), ...brandsOf(profile.oemOf ?? null, catalogue)];
}

type Answer = Pick<RecogExample, 'brand' | 'model' | 'firmware'>;

function compare(
  score: RecogScore,
  wanted: Answer,
  found: Omit<Answer, 'brand'> & { brand: string[] },
): string[] {
  const misses: string[] = [];
  if (found.brand.includes(wanted.brand)) score.brand.right += 1;
  else {
    if (found.brand.length > 0) score.brand.wrong += 1;
    misses.push(`brand ${found.brand[0] ?? 'none'} instead of ${wanted.brand}`);
  }
  for (const part of ['model', 'firmware'] as const) {
    if (wanted[part] === '') continue;
    score[part].of += 1;
    if (isSame(wanted[part], found[part])) score[part].right += 1;
    else misses.push(`${part} ${found[part] || 'none'} instead of ${wanted[part]}`);
  }
  return misses;
}

/** Recog leaves out series words that we keep (`Aficio`), and keeps brands that we leave out. */
function isSame(wanted: string, found: string): boolean {
  const [short, long] = [plain(wanted), plain(found)].sort((left, right) => left.length - right.length);
  return short !== undefined && long !== undefined && short !== '' && long.endsWith(short);
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** The score in a few lines. */
export function formatScore({ examples, known, brand, model, firmware, unknownBrands }: RecogScore): string {
  const share = (right: number, of: number) =>
    `${right} of ${of} (${((100 * right) / Math.max(of, 1)).toFixed(1)} %)`;
  return [
    `recog: ${examples} examples of printers, copiers, scanners and print servers, by sysDescr alone`,
    `  brands of the catalogue: ${known}; without a profile: ${unknownBrands.join(', ')}`,
    `  brand     ${share(brand.right, known)}; ${brand.wrong} named as another brand`,
    `  model     ${share(model.right, model.of)}`,
    `  firmware  ${share(firmware.right, firmware.of)}`,
  ].join('\n');
}

/** Reads the examples of a folder of recog's; throws where it has none. */
export function readFolder(folder: string): RecogExample[] {
  return readExamples(readFileSync(path.join(folder, 'snmp_sysdescr.xml'), 'utf8'));
}

if (import.meta.main) {
  const score = scoreExamples(readFolder(process.argv[2] ?? RECOG_FOLDER));
  console.log([...score.misses, formatScore(score)].join('\n'));
}
