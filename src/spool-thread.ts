/** The spool's thread of an agent: the worker of the room, and its garbage of the start given back as in the main thread. */
import './spool/worker-main.ts';
import { createSystemClock } from './core/clock.ts';
import { LIMITS } from './core/limits.ts';
import { settleMemory } from './program/memory-settings.ts';

createSystemClock(0).schedule(LIMITS.threadSettledMs, settleMemory);
