/**
 * Room report: what a site tells its broker, and what it hears from it.
 *
 * On each connection everything retained is published anew, because the broker may have forgotten it. Events follow
 * the event table; telemetry is only told while somebody can hear it. Nothing here is awaited by intake or dispatch.
 */
import type { Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { HealthReport } from '../health/types.ts';
import { brokerSettings } from './broker-settings.ts';
import { type BrokerConnection, BrokerUnavailable, type IncomingMessage } from './broker-types.ts';
import { createButtons } from './buttons.ts';
import { createCommandDesk } from './commands.ts';
import { connectBroker } from './connection.ts';
import { createEventFeed } from './event-feed.ts';
import type { ResponsePayload } from './payloads.ts';
import { createRetainedState } from './retained.ts';
import { eventPayload, telemetryPayload } from './site-payloads.ts';
import { createSiteState } from './site-state.ts';
import { HOME_ASSISTANT_STATUS, parseTopic, siteTopics } from './topics.ts';
import type { Report, ReportDeps } from './types.ts';

export function createReport(deps: ReportDeps): Report {
  const { clock, log, spool, settings } = deps;
  const siteId = deps.site().id;
  const topics = siteTopics(siteId);
  const retained = createRetainedState({ log, publish: (message) => connection.publish(message) });
  const state = createSiteState({ ...deps, retained, topics, address: () => connection.localAddress() });
  const feed = createEventFeed({
    ...{ clock, log, spool, startedAt: deps.startedAt },
    isConnected: () => isReady,
    publish: (event) =>
      connection.publish({
        topic: topics.event,
        payload: JSON.stringify(eventPayload(siteId, event)),
        qos: 1,
        retain: false,
      }),
  });
  const desk = createCommandDesk({
    ...{ clock, log, spool, site: siteId, keys: settings.commandKeys, execute: deps.execute },
    respond,
  });
  const buttons = createButtons({ clock, log, settings, obey: desk.obey });
  let isReady = false;
  let isStopping = false;
  let telemetry: Timer | null = null;
  let announcement: Timer | null = null;
  let correction: Timer | null = null;
  let unsubscribe: () => void = () => {};

  const connection: BrokerConnection = connectBroker({
    ...{ clock, log, random: deps.random, onMessage, onConnect },
    settings: brokerSettings(settings, siteId),
    will: { topic: topics.status, payload: 'offline', qos: 1, retain: true },
    onState({ isConnected }) {
      if (!isConnected) isReady = false;
    },
  });

  async function onConnect(): Promise<void> {
    await state.connected();
    // First, so that whoever sees the site online can command it.
    await listen([
      ...(settings.commandKeys.length > 0 ? [topics.commands] : []),
      ...(settings.homeAssistant ? [HOME_ASSISTANT_STATUS] : []),
      ...(buttons.areObeyed ? [topics.buttons] : []),
    ]);
    const published = retained.republish();
    state.refresh();
    await published;
    await listen([topics.status]);
    state.published();
    isReady = true;
    feed.wake();
    tellTelemetry(deps.health.report());
  }

  /** A broker that forbids to listen is no reason to be silent. */
  async function listen(filters: readonly string[]): Promise<void> {
    for (const filter of filters) {
      await connection.subscribe([filter], 1).catch((error: unknown) => {
        if (!(error instanceof BrokerUnavailable) || error.explanation.code !== 'mqtt.subscribe-refused')
          throw error;
        log.warn('mqtt.subscribe-refused', { cause: error.explanation.cause });
      });
    }
  }

  function onMessage(message: IncomingMessage): void {
    if (message.topic === HOME_ASSISTANT_STATUS) onHomeAssistant(message);
    const topic = parseTopic(message.topic);
    if (topic === null || topic.site !== siteId) return;
    if (topic.kind === 'command') desk.take(topic.id, message);
    else if (topic.kind === 'button') buttons.press(topic.id, message);
    else if (topic.kind === 'status') onOwnStatus(message);
  }

  /** The will of an earlier connection that the broker gave up late. */
  function onOwnStatus({ payload }: IncomingMessage): void {
    if (isStopping || correction !== null || payload.toString('utf8') !== 'offline') return;
    log.info('mqtt.late-will', {});
    retained.touch(topics.status);
    correction = clock.schedule(LIMITS.reportOnlineAgainMs, () => {
      correction = null;
      retained.touch(topics.status);
    });
  }

  /** All sites hear the birth of Home Assistant at once. A retained one is an old birth. */
  function onHomeAssistant({ payload, retain }: IncomingMessage): void {
    if (retain || announcement !== null || payload.toString('utf8') !== 'online') return;
    announcement = clock.schedule(deps.random() * LIMITS.reportHomeAssistantSpreadMs, () => {
      announcement = null;
      state.announceAgain();
    });
  }

  async function respond(payload: ResponsePayload, request: IncomingMessage): Promise<void> {
    const own = topics.response(payload.nonce);
    // Another topic that the request names is answered too, but never outside the answers of this site.
    const wished = request.responseTopic;
    const isWished =
      wished !== null &&
      wished !== own &&
      parseTopic(wished)?.kind === 'response' &&
      parseTopic(wished)?.site === siteId;
    for (const topic of isWished ? [own, wished] : [own]) {
      const correlation = request.correlation === null ? {} : { correlation: request.correlation };
      await connection
        .publish({ topic, payload: JSON.stringify(payload), qos: 1, retain: false, ...correlation })
        .catch((error: unknown) => {
          // The event table has the outcome, and is told when there is a connection again.
          log.warn('mqtt.answer-lost', { topic, error: describeError(error) });
        });
    }
  }

  function tellTelemetry(report: HealthReport): void {
    if (!isReady) return;
    const payload = JSON.stringify(telemetryPayload({ ...report, ts: clock.now() }));
    connection
      .publish({ topic: topics.telemetry, payload, qos: 0, retain: false })
      .catch((error: unknown) => {
        // Numbers of a moment that nobody could hear: the next ones come soon.
        log.debug('mqtt.telemetry-lost', { error: describeError(error) });
      });
  }

  function planTelemetry(): void {
    telemetry = clock.schedule(settings.telemetrySeconds * 1000, () => {
      tellTelemetry(deps.health.report());
      planTelemetry();
    });
  }

  async function inTime(work: Promise<unknown>): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = clock.schedule(LIMITS.brokerGoodbyeMaxMs, () => limit.resolve());
    await Promise.race([work, limit.promise]);
    timer.cancel();
  }

  return {
    async start() {
      await state.start();
      await desk.start();
      await feed.start();
      unsubscribe = deps.health.onReport(state.onHealth);
      planTelemetry();
      connection.start();
    },
    async stop() {
      isStopping = true;
      unsubscribe();
      for (const timer of [telemetry, announcement, correction]) timer?.cancel();
      // What it waits for may never be acknowledged; the end of the connection ends that.
      const told = feed.stop();
      if (connection.state().isConnected) {
        state.goodbye();
        await inTime(Promise.all([retained.idle(), desk.stop()]));
      }
      isReady = false;
      await connection.stop();
      await told;
      state.stop();
    },
    state: () => connection.state(),
    refresh: () => state.refresh(),
  };
}
