/**
 * Names a device by its signals. Every profile adds up what fits: of several rules for one signal the heaviest, and
 * what speaks against. A device is *identified* where the score of a profile is reached by two signals or more, so
 * that no single one decides; *likely* where one strong signal speaks for one profile; *ambiguous* where profiles of
 * the same score disagree. Pure, and never throws, whatever a device answered.
 */
import { parentOf } from './inherit.ts';
import {
  type CompiledExtraction,
  type CompiledRule,
  type CountedSignal,
  compileExtraction,
  compileRule,
} from './rule.ts';
import type { DeviceSignals } from './signals.ts';
import type { Catalogue, DeviceProfile } from './types.ts';

export type Verdict = 'identified' | 'likely' | 'ambiguous' | 'unknown';

export interface Candidate {
  /** Id of the profile. */
  profile: string;
  title: string;
  score: number;
  /** Score from which on this profile is identified. */
  minScore: number;
  verdict: 'identified' | 'likely' | 'weak';
  /** The signals that counted, the heaviest first. */
  counted: CountedSignal[];
}

export interface Identification {
  verdict: Verdict;
  /** Id of the profile, or null where there is none or several speak alike. */
  profile: string | null;
  /** 0 where there is no profile. */
  score: number;
  /** One sentence for people. */
  sentence: string;
  /** Model as the device spells it, without the brand; null where it does not say. */
  model: string | null;
  firmware: string | null;
  /** Every profile for which anything speaks, the best first, at most ten. */
  candidates: Candidate[];
}

export type Identifier = (signals: DeviceSignals) => Identification;

/** A single signal of this weight or more makes a device likely: it spells out the brand. */
const LIKELY_SCORE = 50;
const CANDIDATES_MAX = 10;

/** Compiles the rules of the catalogue once; the result can be called for any number of devices. */
export function createIdentifier(catalogue: Catalogue): Identifier {
  const compiled = [...catalogue.values()].flatMap((profile) => compileProfile(profile, catalogue));
  return (signals) => {
    const candidates = compiled
      .flatMap((profile) => weigh(profile, signals))
      .sort((left, right) => compareCandidates(left, right));
    const chosen = choose(candidates, catalogue);
    const reader = compiled.find(({ profile }) => profile.id === chosen.candidate?.profile);
    return {
      verdict: chosen.verdict,
      profile: chosen.candidate?.profile ?? null,
      score: chosen.candidate?.score ?? 0,
      sentence: chosen.sentence,
      model: firstOf(reader?.model ?? [], signals),
      firmware: firstOf(reader?.firmware ?? [], signals),
      candidates: candidates.slice(0, CANDIDATES_MAX),
    };
  };
}

interface CompiledProfile {
  profile: DeviceProfile;
  minScore: number;
  rules: CompiledRule[];
  model: CompiledExtraction[];
  firmware: CompiledExtraction[];
}

function compileProfile(profile: DeviceProfile, catalogue: Catalogue): CompiledProfile[] {
  if (profile.match === undefined) return [];
  return [
    {
      profile,
      minScore: profile.match.minScore,
      rules: profile.match.signals.map(compileRule),
      model: modelRules(profile, catalogue).map(compileExtraction),
      firmware: (profile.version?.from ?? []).map(compileExtraction),
    },
  ];
}

/** A variant without model rules of its own reads the model as its family does. */
function modelRules(profile: DeviceProfile, catalogue: Catalogue) {
  const own = profile.match?.model;
  if (own !== undefined) return own;
  return catalogue.get(parentOf(profile) ?? '')?.match?.model ?? [];
}

function weigh(compiled: CompiledProfile, signals: DeviceSignals): Candidate[] {
  const fitting = compiled.rules.map((rule) => rule(signals)).filter((counted) => counted !== null);
  const counted = heaviestOfEach(fitting);
  const score = counted.reduce((sum, { weight }) => sum + weight, 0);
  if (score <= 0) return [];
  const { minScore, profile } = compiled;
  const speaking = counted.filter(({ weight }) => weight > 0);
  const verdict = verdictOf(score, minScore, speaking);
  return [{ profile: profile.id, title: profile.title, score, minScore, verdict, counted }];
}

/** Of each signal the heaviest that speaks for and the heaviest that speaks against, in order of weight. */
function heaviestOfEach(fitting: CountedSignal[]): CountedSignal[] {
  const kept = new Map<string, CountedSignal>();
  for (const counted of fitting) {
    const key = `${counted.signal} ${counted.oid ?? ''} ${counted.weight > 0}`;
    const known = kept.get(key);
    if (known === undefined || Math.abs(counted.weight) > Math.abs(known.weight)) kept.set(key, counted);
  }
  return [...kept.values()].sort((left, right) => right.weight - left.weight);
}

function verdictOf(score: number, minScore: number, speaking: CountedSignal[]): Candidate['verdict'] {
  if (score >= minScore && speaking.length >= 2) return 'identified';
  const heaviest = speaking[0]?.weight ?? 0;
  return heaviest >= LIKELY_SCORE && score >= LIKELY_SCORE ? 'likely' : 'weak';
}

const VERDICT_ORDER = ['identified', 'likely', 'weak'];

function compareCandidates(left: Candidate, right: Candidate): number {
  return (
    VERDICT_ORDER.indexOf(left.verdict) - VERDICT_ORDER.indexOf(right.verdict) ||
    right.score - left.score ||
    (left.profile < right.profile ? -1 : 1)
  );
}

interface Choice {
  verdict: Verdict;
  candidate: Candidate | null;
  sentence: string;
}

function choose(candidates: Candidate[], catalogue: Catalogue): Choice {
  const [best] = candidates;
  if (best === undefined) return none('unknown', 'Nothing speaks for any profile.');
  if (best.verdict === 'weak') {
    return none('unknown', `The hints are too weak; the best is ${best.profile}, because ${reasons(best)}.`);
  }
  const equals = candidates.filter(({ verdict, score }) => verdict === best.verdict && score === best.score);
  const candidate = equals.length === 1 ? best : mostGeneral(equals, catalogue);
  if (candidate === null) {
    const names = equals.map(({ profile }) => profile).join(' and ');
    return none('ambiguous', `${names} fit equally well, so none is taken.`);
  }
  const certainty = candidate.verdict === 'identified' ? 'It is' : 'It is likely';
  return {
    verdict: candidate.verdict === 'identified' ? 'identified' : 'likely',
    candidate,
    sentence: `${certainty} ${candidate.profile}, because ${reasons(candidate)}.`,
  };
}

function none(verdict: 'ambiguous' | 'unknown', sentence: string): Choice {
  return { verdict, candidate: null, sentence };
}

/** Of candidates that fit equally well, the one that all others are badges or variants of. */
function mostGeneral(equals: Candidate[], catalogue: Catalogue): Candidate | null {
  const isAboveAll = ({ profile }: Candidate) =>
    equals.every((other) => other.profile === profile || isAbove(profile, other.profile, catalogue));
  return equals.find(isAboveAll) ?? null;
}

function isAbove(ancestor: string, id: string, catalogue: Catalogue): boolean {
  const profile = catalogue.get(id);
  const parent = profile === undefined ? null : parentOf(profile);
  return parent !== null && (parent === ancestor || isAbove(ancestor, parent, catalogue));
}

function reasons({ counted }: Candidate): string {
  const against = counted.filter(({ weight }) => weight < 0);
  const speaking = listed(counted.filter(({ weight }) => weight > 0));
  return against.length === 0 ? speaking : `${speaking}, although ${listed(against)}`;
}

/** Reasons as one part of a sentence: `a, b and c`. */
function listed(signs: readonly CountedSignal[]): string {
  const [last = '', ...before] = signs.map(({ why }) => why).reverse();
  return before.length === 0 ? last : `${before.reverse().join(', ')} and ${last}`;
}

function firstOf(extractions: CompiledExtraction[], signals: DeviceSignals): string | null {
  for (const extract of extractions) {
    const found = extract(signals);
    if (found !== null) return found;
  }
  return null;
}
