/** The support bundle of a running agent. */
import * as z from 'zod';
import { OperatorError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { keepBundle, readKeptBundle } from '../../support/bundle.ts';
import { type LiveFacts, linesOf, partOf } from '../../support/facts.ts';
import { type MadeBundle, makeBundle } from '../../support/make.ts';
import { PROBLEMS } from '../../support/problems.ts';
import type { ControlDeps } from '../deps.ts';
import { command } from './command.ts';
import { HEALTH_COMMANDS } from './health.ts';
import { STATUS_COMMANDS } from './status.ts';

export interface SupportBundle extends Omit<MadeBundle, 'bytes'> {
  /** On the box, in the data folder. */
  file: string;
  bytes: number;
  /** In how many parts it can be fetched by who can't reach the box. */
  parts: number;
}

export interface SupportBundlePart {
  name: string;
  part: number;
  parts: number;
  /** Base64; all parts in order are the file. */
  content: string;
}

export const SUPPORT_COMMANDS = {
  'support-bundle': command(
    z.strictObject({
      withAddresses: z
        .boolean()
        .default(false)
        .describe('Keep addresses, hosts, domains and names as they are.'),
    }),
    async (deps, { withAddresses }, gone): Promise<SupportBundle> => {
      const { places } = deps.support;
      const now = deps.now();
      const made = await makeBundle({ places, live: await lookAt(deps, gone), withAddresses, now });
      const file = await keepBundle(places.dataDir, made.name, made.bytes);
      return { ...made, file, bytes: made.bytes.length, parts: partsOf(made.bytes) };
    },
  ),

  /** An answer over MQTT is short, so a bundle is fetched piece by piece. */
  'support-bundle.part': command(
    z.strictObject({
      name: z.string().max(64).describe('Name that `support-bundle` has answered with.'),
      part: z.int().min(1).describe('Number of the part, from 1.'),
    }),
    async (deps, { name, part }): Promise<SupportBundlePart> => {
      const bytes = readKeptBundle(deps.support.places.dataDir, name);
      const parts = bytes === null ? 0 : partsOf(bytes);
      if (bytes === null || part > parts) throw new OperatorError(PROBLEMS.noSuchPart(name, part));
      const from = (part - 1) * LIMITS.supportPartBytes;
      const content = bytes.subarray(from, from + LIMITS.supportPartBytes).toString('base64');
      return { name, part, parts, content };
    },
  ),
};

function partsOf(bytes: Buffer): number {
  return Math.ceil(bytes.length / LIMITS.supportPartBytes);
}

async function lookAt(deps: ControlDeps, gone: AbortSignal): Promise<LiveFacts> {
  const { clock, logTail } = deps.support;
  const [doctor, status, health, spool, events] = await Promise.all([
    linesOf(clock, (signal) => deps.diagnose({}, signal)),
    partOf(clock, () => STATUS_COMMANDS.status.run(deps, {}, gone)),
    partOf(clock, () => HEALTH_COMMANDS.health.run(deps, {}, gone)),
    partOf(clock, () => deps.spool.inspect()),
    partOf(clock, () => deps.spool.latestEvents(LIMITS.supportEventsMax)),
  ]);
  return { agent: 'running', doctor, status, health, spool, events, log: logTail() };
}
