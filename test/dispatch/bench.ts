/** Dispatch over a real spool with scripted routes, and the steps that its tests share. */
import type { EventRecord, EventType } from '../../src/core/events.ts';
import { createMessageId } from '../../src/core/message-id.ts';
import { createDispatch } from '../../src/dispatch/dispatch.ts';
import type { Dispatch, DispatchDeps } from '../../src/dispatch/types.ts';
import type { MessageDetail, Spool } from '../../src/spool/types.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { createQuietLog, type QuietLog } from '../support/quiet-log.ts';

export interface DispatchBench {
  readonly dispatch: Dispatch;
  readonly log: QuietLog;
  /** Lets everything run that needs no time to pass. */
  quiet(): Promise<void>;
  /** Moves the clock in steps, letting everything run in between. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** Stops while moving the clock, so that graces end. */
  stop(): Promise<void>;
}

/** Builds dispatch over `spool` and starts it. */
export async function startDispatch(
  clock: FakeClock,
  spool: Spool,
  deps: Partial<DispatchDeps> & Pick<DispatchDeps, 'routes' | 'routing'>,
): Promise<DispatchBench> {
  const log = createQuietLog();
  const watched = watchCalls(spool);
  const dispatch = createDispatch({
    clock,
    log,
    spool: watched.spool,
    maxAgeHours: 96,
    random: () => 0.5,
    ...deps,
  });
  const bench: DispatchBench = {
    dispatch,
    log,
    quiet: watched.quiet,
    async pass(ms, stepMs = 1000) {
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(stepMs, left));
        await watched.quiet();
      }
    },
    async stop() {
      let stopped = false;
      const done = dispatch.stop().then(() => {
        stopped = true;
      });
      while (!stopped) {
        await watched.quiet();
        if (!stopped) await clock.advance(500);
      }
      await done;
    },
  };
  await dispatch.start();
  await watched.quiet();
  return bench;
}

/** Passes calls on to the real spool and knows when none is under way. */
function watchCalls(spool: Spool): { spool: Spool; quiet(): Promise<void> } {
  let open = 0;
  const proxy = new Proxy(spool, {
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result = Reflect.apply(value, target, args);
        if (!(result instanceof Promise)) return result;
        open++;
        return result.finally(() => {
          open--;
        });
      };
    },
  });
  async function quiet(): Promise<void> {
    for (let calm = 0; calm < 5; calm = open === 0 ? calm + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { spool: proxy, quiet };
}

export interface TestMessage {
  recipients?: string[];
  sender?: string;
  device?: string;
  body?: string;
  receivedAt?: number;
}

/** Puts a message into the spool as intake would; resolves with its id. */
export async function accept(spool: Spool, clock: FakeClock, message: TestMessage = {}): Promise<string> {
  const receivedAt = message.receivedAt ?? clock.now();
  const id = createMessageId(receivedAt);
  const receipt = await spool.receive();
  await receipt.write(Buffer.from(message.body ?? 'Subject: scan\r\n\r\nHello\r\n'));
  await receipt.commit({
    id,
    receivedAt,
    sender: message.sender ?? 'scanner@contoso.com',
    recipients: message.recipients ?? ['kim@contoso.com'],
    messageIdHeader: `<${id}@scanferry.local>`,
    device: {
      id: message.device ?? 'copier-2f',
      address: '127.0.0.1',
      greeting: 'copier',
      login: null,
      profile: null,
      listener: '127.0.0.1:25',
      tls: null,
    },
    held: null,
  });
  return id;
}

export async function show(spool: Spool, id: string): Promise<MessageDetail> {
  const detail = await spool.show(id);
  if (!detail) throw new Error(`no message ${id}`);
  return detail;
}

/** States of a message's recipients, in the order of their addresses. */
export async function statesOf(spool: Spool, id: string): Promise<string[]> {
  const { recipients } = await show(spool, id);
  return recipients.toSorted((a, b) => (a.address < b.address ? -1 : 1)).map((recipient) => recipient.state);
}

export async function eventsOf<T extends EventType>(
  spool: Spool,
  type: T,
): Promise<Extract<EventRecord, { type: T }>[]> {
  const isOfType = (event: EventRecord): event is Extract<EventRecord, { type: T }> => event.type === type;
  return (await spool.events(0, 5000)).filter(isOfType);
}
