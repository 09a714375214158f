/** Remembers which addresses start TLS at once on an `auto` port, so that the banner waits for them. */
import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';

const ROOM = 'intake';
const PREFIX = 'implicit-tls ';
const learnedFact = z.object({ at: z.number() });

export interface LearnedTls {
  /** Reads what earlier runs have learned. */
  load(): Promise<void>;
  isImplicit(address: string, port: number): boolean;
  /** Written and told once per address and port; a device may scan in plain text through another port. */
  learn(address: string, port: number, listener: string): void;
  /** For a device that has been set to plain text since. */
  forget(address: string, port: number): void;
  /** For a device that nobody shall know any more. */
  forgetAddress(address: string): void;
}

export function createLearnedTls(deps: { clock: Clock; log: Log; spool: Spool }): LearnedTls {
  const { clock, log, spool } = deps;
  /** Key to the time it was learned; insertion order is age. */
  const learned = new Map<string, number>();

  function inBackground(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => log.error('intake.fact-lost', { what, error: describeError(error) }));
  }

  function drop(key: string): void {
    if (learned.delete(key)) inBackground('forget', spool.deleteFact(ROOM, key));
  }

  return {
    async load() {
      const facts = [...(await spool.getFacts(ROOM))].flatMap(([key, value]) => {
        const fact = learnedFact.safeParse(value);
        return key.startsWith(PREFIX) && fact.success ? [[key, fact.data.at] as const] : [];
      });
      for (const [key, at] of facts.sort((a, b) => a[1] - b[1])) learned.set(key, at);
    },
    isImplicit: (address, port) => learned.has(keyOf(address, port)),
    learn(address, port, listener) {
      const key = keyOf(address, port);
      if (learned.has(key)) return;
      learned.set(key, clock.now());
      log.info('device.tls-learned', { address, mode: 'implicit', listener });
      inBackground('learn', spool.putFact(ROOM, key, { at: clock.now() }));
      inBackground(
        'device.tls-learned',
        spool.record({ type: 'device.tls-learned', data: { address, mode: 'implicit', listener } }),
      );
      const oldest = learned.keys().next();
      if (learned.size > LIMITS.learnedDevicesMax && !oldest.done) drop(oldest.value);
    },
    forget(address, port) {
      const key = keyOf(address, port);
      if (learned.has(key)) log.info('device.tls-forgotten', { address, port });
      drop(key);
    },
    forgetAddress(address) {
      for (const key of [...learned.keys()]) if (key.startsWith(`${PREFIX}${address} `)) drop(key);
    },
  };
}

function keyOf(address: string, port: number): string {
  return `${PREFIX}${address} ${port}`;
}
