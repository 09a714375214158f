/** One rule or extraction of a profile, compiled: what it says of a device's signals. */
import { compilePattern } from './pattern.ts';
import type { Extraction, SignalRule } from './schema-match.ts';
import { type DeviceSignals, SIGNALS, type SignalName, signalText } from './signals.ts';

/** A rule that fits the signals of a device. */
export interface CountedSignal {
  signal: SignalName;
  /** Which of the SNMP values, where there are many. */
  oid: string | null;
  weight: number;
  /** For people: `sysDescr begins with 'RICOH MP C2503'`. */
  why: string;
}

export type CompiledRule = (signals: DeviceSignals) => CountedSignal | null;
export type CompiledExtraction = (signals: DeviceSignals) => string | null;

export function compileRule(rule: SignalRule): CompiledRule {
  const test = compileTest(rule);
  return (signals) => {
    const text = signalText(signals, rule.signal, rule.oid);
    const said = text === null ? null : test(text);
    if (said === null) return null;
    const name = rule.oid === undefined ? SIGNALS[rule.signal] : `${SIGNALS[rule.signal]} ${rule.oid}`;
    return { signal: rule.signal, oid: rule.oid ?? null, weight: rule.weight, why: `${name} ${said}` };
  };
}

/** Returns what the text does, such as `begins with 'RICOH '`, or null where the rule does not fit. */
function compileTest(rule: SignalRule): (text: string) => string | null {
  const { op, value } = rule;
  switch (op) {
    case 'equals':
      return (text) => (text === value ? `is ${quote(value)}` : null);
    case 'prefix':
      return rule.signal === 'snmpSysObjectId'
        ? (text) => (isUnder(text, value) ? `lies under ${value}` : null)
        : (text) => (text.startsWith(value) ? `begins with ${quote(value)}` : null);
    case 'regex': {
      const pattern = compilePattern(value, rule.ignoreCase);
      return (text) => describeMatch(pattern.exec(text));
    }
  }
}

function describeMatch(match: RegExpExecArray | null): string | null {
  if (match === null) return null;
  const end = match.index + match[0].length;
  const isWhole = match.index === 0 && end === match.input.length;
  const verb = match.index === 0 ? 'begins with' : 'holds';
  return `${isWhole ? 'is' : verb} ${quote(match[0])}`;
}

/** An OID lies under another where its arcs begin with all of the other's: 1.3.67 is not under 1.3.6. */
function isUnder(oid: string, root: string): boolean {
  return `${oid.replace(/^\./, '')}.`.startsWith(`${root}.`);
}

/** Longest part of a device's words that a reason shows. */
const QUOTED_MAX = 60;

function quote(text: string): string {
  return `'${text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text}'`;
}

/** Reads the first group out of a signal; null where it does not fit or the group is empty. */
export function compileExtraction(extraction: Extraction): CompiledExtraction {
  const pattern = compilePattern(extraction.regex, extraction.ignoreCase);
  return (signals) => {
    const text = signalText(signals, extraction.signal, extraction.oid);
    const found = text === null ? undefined : pattern.exec(text)?.[1]?.trim();
    return found === undefined || found === '' ? null : found;
  };
}
