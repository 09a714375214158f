/** What the catalogue says of a device's signals: which profile, why, which firmware, and what to do about it. */

import { tlsFor } from '../profiles/firmware.ts';
import { type Candidate, createIdentifier, type Identifier } from '../profiles/identify.ts';
import type { Catalogue, DeviceProfile } from '../profiles/types.ts';
import type { Identified, Judge } from './types.ts';

/** Candidates shown beside the chosen one. */
const CANDIDATES_MAX = 3;
/** SNMP names that profiles may add to the questions; each costs every device a few bytes. */
const OIDS_MAX = 40;

/**
 * Compiles the rules of the catalogue at the first question: most agents never search.
 * @param changes counts changes of the catalogue; after one it is compiled anew.
 */
export function createJudge(catalogue: Catalogue, changes: () => number = () => 0): Judge {
  let compiled: { identifier: Identifier; at: number } | null = null;

  function currentIdentifier(): Identifier {
    const at = changes();
    if (compiled?.at !== at) compiled = { identifier: createIdentifier(catalogue), at };
    return compiled.identifier;
  }

  return {
    identify(signals): Identified {
      const identifier = currentIdentifier();
      const { verdict, profile: id, score, sentence, model, firmware, candidates } = identifier(signals);
      const profile = id === null ? undefined : catalogue.get(id);
      return {
        ...{ verdict, score, model, firmware, why: sentence },
        profile: id,
        title: profile?.title ?? null,
        candidates: candidates.slice(0, CANDIDATES_MAX).map(withoutRules),
        advice: profile === undefined ? [] : adviceOf(profile, firmware),
      };
    },
    profileOids: () => oidsOf(catalogue),
  };
}

function withoutRules({ profile, title, score, minScore, verdict }: Candidate) {
  return { profile, title, score, minScore, verdict };
}

/** Only what a source says; the profile holds it for this very firmware. */
function adviceOf(profile: DeviceProfile, firmware: string | null): string[] {
  const { update, protocols } = tlsFor(profile, firmware);
  const has = firmware === null ? 'Its firmware' : `Its firmware ${firmware}`;
  const noTls = protocols?.length === 1 && protocols[0] === 'none';
  return [
    ...(noTls ? [`${has} has no TLS for mail: let it send in plain text, within its own network.`] : []),
    ...(update === undefined ? [] : [`Update ${updateTo(update.to)}: ${sentence(update.brings)}`]),
  ];
}

function updateTo(version: string | undefined): string {
  return version === undefined ? 'its firmware' : `its firmware to ${version} or newer`;
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}

/** SNMP names that profiles match on or read from. */
function oidsOf(catalogue: Catalogue): string[] {
  const named = [...catalogue.values()].flatMap(({ match, version }) => [
    ...(match?.signals ?? []),
    ...(match?.model ?? []),
    ...(version?.from ?? []),
  ]);
  return [...new Set(named.flatMap(({ oid }) => (oid === undefined ? [] : [oid])))].slice(0, OIDS_MAX);
}
