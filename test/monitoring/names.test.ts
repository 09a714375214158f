/** Whatever the ready-made files and the how-tos name is what the code names: a rename breaks this. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { prometheusOf } from '../../src/fleet/metrics-text.ts';
import { METRICS } from '../../src/health/index.ts';
import { TOPICS } from '../../src/report/topics.ts';
import { PACKAGING } from './support/guarded-broker.ts';

const HOWTO = path.resolve(import.meta.dirname, '../../docs/howto');

const files = [
  ...readdirSync(PACKAGING, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(PACKAGING, name))
    .filter((name) => path.extname(name) !== ''),
  ...readdirSync(HOWTO)
    .filter((name) => /^(monitor-with-|secure-the-broker)/.test(name))
    .map((name) => path.join(HOWTO, name)),
].map((name) => ({ name: path.basename(name), text: readFileSync(name, 'utf8') }));

/** Words of the programs themselves that look like a key. */
const NOT_OURS = new Set(['device_id_regex', 'device_class', 'scanferry_status', 'scanferry_device']);

/** Of which there may be several: the id, or what stands for it, follows. */
const several = METRICS.filter(({ each }) => each !== null).map(({ name }) => name);

function isKey(word: string): boolean {
  const key = word.replace(/_+$/, '');
  return METRICS.some(({ name }) => name === key) || several.some((name) => word.startsWith(`${name}_`));
}

const fleetText = readFileSync(path.resolve(import.meta.dirname, '../../src/fleet/metrics-text.ts'), 'utf8');
const prometheusNames = new Set([
  ...METRICS.map((metric) => prometheusOf(metric).name),
  ...(fleetText.match(/scanferry_(?:site|fleet)_[a-z_]+/g) ?? []),
]);

/** Levels of a topic, placeholders and wildcards alike. */
function shapeOf(topic: string): string {
  return topic.replaceAll(/<[a-z]+>|\{[^}]*\}|\$\{[^}]*\}|%u|\+/g, '+').replaceAll('$', '');
}

describe.each(files)('$name', ({ text }) => {
  test('names keys of metrics that there are', () => {
    const words = text.match(/\b(?:spool|route|device|box|broker|agent)_[a-z0-9]+_?[a-z0-9_]*/g) ?? [];
    expect(words.filter((word) => !isKey(word) && !NOT_OURS.has(word))).toEqual([]);
  });

  test('names metrics that Prometheus gets', () => {
    const words = text.match(/\bscanferry_[a-z0-9_]+/g) ?? [];
    expect(words.filter((word) => !prometheusNames.has(word) && !NOT_OURS.has(word))).toEqual([]);
  });

  test('names topics that there are', () => {
    const known = TOPICS.map(({ topic }) => shapeOf(topic));
    const words = text.match(/\b(?:scanferry\/v1|homeassistant)\/[^\s"'`,)]+/g) ?? [];
    const unknown = words.filter((word) => {
      // The expression of mqtt2prometheus, which is run elsewhere.
      if (word.includes('(?P<')) return false;
      const parts = shapeOf(word).split('/');
      return !known.some((topic) => covers(parts, topic.split('/')));
    });
    expect(unknown).toEqual([]);
  });
});

/** Whether a topic or a filter is about this topic: an id of an example fits a placeholder. */
function covers(parts: readonly string[], topic: readonly string[]): boolean {
  for (const [index, part] of parts.entries()) {
    if (part === '#') return true;
    if (topic[index] === undefined) return false;
    if (part !== topic[index] && part !== '+' && topic[index] !== '+') return false;
  }
  return parts.length === topic.length;
}
