/** The dashboard: which page is where. */
import type { Clock } from '../../core/clock.ts';
import { OperatorError } from '../../core/errors.ts';
import { describeError, type Log } from '../../core/log.ts';
import { createFollowers } from '../../pages/followers.ts';
import { type Html, html } from '../../pages/html.ts';
import { htmlResponse, problemResponse, redirect, renderPage } from '../../pages/layout.ts';
import { PROBLEMS as PAGE_PROBLEMS } from '../../pages/problems.ts';
import { createPageServer, type PageAnswer, type PageRequest, type PageRoute } from '../../pages/server.ts';
import { createSessions, isFormToken, type Session } from '../../pages/sessions.ts';
import { createDoor, type Door } from '../../pages/sign-in.ts';
import { COMMAND_VERBS, type CommandVerb } from '../../report/settings.ts';
import type { FleetBroker } from '../broker.ts';
import type { Commander } from '../commander.ts';
import type { Fleet } from '../fleet.ts';
import { formatTime } from '../format.ts';
import { type History, RANGES, type Range } from '../history.ts';
import { PROBLEMS } from '../problems.ts';
import { QUEUE_KEY } from '../series.ts';
import type { SiteDetail } from '../types.ts';
import { checkArguments, commandCard, confirmPage, type VerbHelp } from './commands.ts';
import { overview, readQuery } from './overview.ts';
import { PRODUCT } from './parts.ts';
import { sitePage } from './site.ts';

export interface FleetWebDeps {
  clock: Clock;
  log: Log;
  fleet: Pick<Fleet, 'registry' | 'onLook'>;
  history: Pick<History, 'curves' | 'events'>;
  broker: Pick<FleetBroker, 'trouble'>;
  /** Null where no key is at hand: then the pages only show. */
  commands: { commander: Commander; keyId: string; verbs: VerbHelp } | null;
  listen: { address: string; port: number };
  tls: { cert: string; key: string } | null;
  /** Hash of the password; null lets everybody in who can reach the page. */
  passwordHash: string | null;
}

export interface FleetWeb {
  /** Binds and returns the port; rejects with OperatorError when that fails. */
  start(): Promise<number>;
  stop(): Promise<void>;
}

const EVENTS_SHOWN = 50;
const SITE = '([a-z0-9-]{1,64})';

export function createFleetWeb(deps: FleetWebDeps): FleetWeb {
  const { clock, log, fleet, history, broker, commands, listen } = deps;
  const followers = createFollowers(clock);
  const door = createFleetDoor(deps);
  let unsubscribe: (() => void)[] = [];

  function frame(title: string, main: Html, session: Session | null): PageAnswer {
    const trouble = broker.trouble();
    return htmlResponse(
      renderPage({
        ...{ title, product: PRODUCT, live: '/live', bar: bar(session) },
        main: html`${trouble !== null && html`<section class="card" role="alert"><p class="wrong"><strong>No connection to the broker: what you see may be old.</strong></p><p>${trouble.cause} ${trouble.advice}</p></section>`}${main}`,
        foot: html`As of ${formatTime(clock.now())}`,
      }),
    );
  }

  function withSite(request: PageRequest, show: (site: SiteDetail) => PageAnswer): PageAnswer {
    const site = fleet.registry.detail(request.parts[0] ?? '');
    return site === null ? problemResponse(PRODUCT, 404, PAGE_PROBLEMS.notFound()) : show(site);
  }

  function showOverview(request: PageRequest): PageAnswer {
    const main = overview({
      ...{ rows: fleet.registry.rows(), query: readQuery(request.query), now: clock.now() },
      queueCurve: (site) => history.curves(site, 'day')[QUEUE_KEY] ?? [],
    });
    return frame('All sites', main, door?.session(request) ?? null);
  }

  function showSite(request: PageRequest): PageAnswer {
    return withSite(request, (site) => {
      const session = door?.session(request) ?? null;
      const range = rangeOf(request.query.get('range'));
      const main = sitePage({
        ...{ site, now: clock.now(), range, curves: history.curves(site.site, range) },
        ...eventPage(history, site.site, request.query.get('before')),
        commands: commandsOf(site, session),
      });
      return frame(site.name, main, session);
    });
  }

  function commandsOf(site: SiteDetail, session: Session | null): Html | null {
    if (commands === null || session === null) return null;
    const sent = commands.commander.sent(site.site);
    const { verbs } = commands;
    return commandCard({ site: site.site, verbs, sent, formToken: session.formToken, now: clock.now() });
  }

  /** Only a form of the session's own page gets through. */
  function withCommand(
    request: PageRequest,
    act: (command: {
      verb: CommandVerb;
      argsText: string;
      session: Session;
      site: SiteDetail;
    }) => PageAnswer | Promise<PageAnswer>,
  ): PageAnswer | Promise<PageAnswer> {
    const session = door?.session(request) ?? null;
    if (session === null || !isFormToken(session, request.form.get('token'))) {
      return problemResponse(PRODUCT, 403, PAGE_PROBLEMS.foreignForm());
    }
    const verb = COMMAND_VERBS.find((one) => one === request.form.get('verb'));
    const site = fleet.registry.detail(request.parts[0] ?? '');
    if (verb === undefined || site === null) return problemResponse(PRODUCT, 404, PAGE_PROBLEMS.notFound());
    return act({ verb, argsText: request.form.get('args') ?? '', session, site });
  }

  function confirm(
    request: PageRequest,
    { keyId, verbs }: NonNullable<FleetWebDeps['commands']>,
  ): PageAnswer | Promise<PageAnswer> {
    return withCommand(request, ({ verb, argsText, session, site }) => {
      const { formToken } = session;
      const { site: id, name } = site;
      const main = confirmPage({ site: id, name, verb, verbs, argsText, formToken, keyId });
      // Not live: the question stays as it was asked.
      return htmlResponse(
        renderPage({ title: 'Confirm', product: PRODUCT, main, live: null, bar: bar(session) }),
      );
    });
  }

  function send(request: PageRequest, commander: Commander): PageAnswer | Promise<PageAnswer> {
    return withCommand(request, async ({ verb, argsText, site }) => {
      const checked = checkArguments(argsText);
      if ('problem' in checked) return problemResponse(PRODUCT, 400, PROBLEMS.argumentInvalid(argsText));
      try {
        const { nonce } = await commander.send(site.site, verb, checked.args);
        log.info('fleet.command-sent', { site: site.site, verb, nonce, from: request.address });
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        return problemResponse(PRODUCT, 502, PROBLEMS.sendFailed(error.explanation.cause));
      }
      return redirect(`/site/${site.site}#commands`);
    });
  }

  const routes: PageRoute[] = [
    { method: 'GET', path: /^\/$/, handle: showOverview },
    { method: 'GET', path: new RegExp(`^/site/${SITE}$`), handle: showSite },
    { method: 'GET', path: /^\/live$/, handle: () => ({ follow: (response) => follow(response) }) },
    ...(door?.routes ?? []),
  ];
  if (commands !== null) {
    routes.push(
      {
        method: 'POST',
        path: new RegExp(`^/site/${SITE}/confirm$`),
        handle: (request) => confirm(request, commands),
      },
      {
        method: 'POST',
        path: new RegExp(`^/site/${SITE}/send$`),
        handle: (request) => send(request, commands.commander),
      },
    );
  }

  function follow(response: Parameters<typeof followers.add>[0]): void {
    if (followers.add(response)) return;
    response.writeHead(503, { 'retry-after': '60' }).end(PAGE_PROBLEMS.tooManyFollowers().cause);
  }

  const server = createPageServer({
    ...{ log, address: listen.address, port: listen.port, tls: deps.tls, routes },
    guard: (request) => door?.guard(request) ?? null,
    problem: (status, explanation) => problemResponse(PRODUCT, status, explanation),
  });

  return {
    async start() {
      unsubscribe = [
        fleet.onLook(({ hasChanged }) => hasChanged && followers.changed()),
        ...(commands === null ? [] : [commands.commander.onAnswer(() => followers.changed())]),
      ];
      try {
        return await server.start();
      } catch (cause) {
        throw new OperatorError(PROBLEMS.listenFailed(listen.address, listen.port, describeError(cause)), {
          cause,
        });
      }
    },
    async stop() {
      for (const end of unsubscribe) end();
      followers.stop();
      await server.stop();
    },
  };
}

function createFleetDoor({ clock, passwordHash, tls }: FleetWebDeps): Door | null {
  if (passwordHash === null) return null;
  return createDoor({
    product: PRODUCT,
    sessions: createSessions({ clock, passwordHash }),
    isSecure: tls !== null,
  });
}

function bar(session: Session | null): Html | null {
  return session === null
    ? null
    : html`<form method="post" action="/sign-out"><button class="plain" type="submit">Sign out</button></form>`;
}

function rangeOf(text: string | null): Range {
  return text !== null && Object.hasOwn(RANGES, text) ? (text as Range) : 'day';
}

/** Events before a cursor `<ts>-<seq>`, one more than is shown to know whether there are older ones. */
function eventPage(history: Pick<History, 'events'>, site: string, cursor: string | null) {
  const [, ts, seq] = /^(\d+)-(\d+)$/.exec(cursor ?? '') ?? [];
  const before =
    ts === undefined || seq === undefined ? {} : { before: { ts: Number(ts), seq: Number(seq) } };
  const found = history.events(site, { limit: EVENTS_SHOWN + 1, ...before });
  const events = found.slice(0, EVENTS_SHOWN);
  const last = events.at(-1);
  const hasOlder = found.length > EVENTS_SHOWN && last !== undefined;
  return { events, olderEvents: hasOlder ? `/site/${site}?before=${last.ts}-${last.seq}#events` : null };
}
