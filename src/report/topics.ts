/** The tree of topics: every topic has its one name here. */

const ROOT = 'scanferry/v1';

/** Longest tail is `device/<id>/state`; ids are those of the config. */
export interface SiteTopics {
  status: string;
  info: string;
  health: string;
  telemetry: string;
  event: string;
  /** All commands of the site. */
  commands: string;
  device(id: string): string;
  command(verb: string): string;
  response(nonce: string): string;
  /** A press of a button in Home Assistant; nothing on it is signed. */
  button(name: string): string;
  buttons: string;
}

/** Topics of one site; `+` gives those of every site. */
export function siteTopics(site: string): SiteTopics {
  const root = `${ROOT}/${site}`;
  return {
    status: `${root}/status`,
    info: `${root}/info`,
    health: `${root}/health`,
    telemetry: `${root}/telemetry`,
    event: `${root}/event`,
    commands: `${root}/cmd/+`,
    device: (id) => `${root}/device/${id}/state`,
    command: (verb) => `${root}/cmd/${verb}`,
    response: (nonce) => `${root}/rsp/${nonce}`,
    button: (name) => `${root}/button/${name}`,
    buttons: `${root}/button/+`,
  };
}

/**
 * Home Assistant's discovery topic for a site, with the site as its node id: a level of its own, so that the access
 * list of a broker can keep a site to its own announcement (docs/decisions/0009-home-assistant-topic.md).
 */
export function homeAssistantTopic(site: string): string {
  return `homeassistant/device/${site}/scanferry/config`;
}

/** Version that the IT department wants on its sites: plain text, retained, published by a person. */
export const RELEASE_TOPIC = `${ROOT}/release`;

/** Home Assistant says `online` here when it starts. */
export const HOME_ASSISTANT_STATUS = 'homeassistant/status';

/** One row of the table of topics in docs/reference/topics.md. */
interface TopicDescription {
  topic: string;
  from: 'site' | 'you' | 'Home Assistant';
  isRetained: boolean;
  qos: 0 | 1;
  help: string;
  /** Interface in payloads.ts; null where the payload is no JSON of ours or is told elsewhere. */
  payload: string | null;
}

const ANY = siteTopics('<site>');

/** Every topic, as the reference shows it. */
export const TOPICS: readonly TopicDescription[] = [
  {
    ...{ topic: ANY.status, from: 'site', isRetained: true, qos: 1, payload: null },
    help: 'Plain `online` or `offline`; `offline` is also the will.',
  },
  {
    ...{ topic: ANY.info, from: 'site', isRetained: true, qos: 1, payload: 'InfoPayload' },
    help: 'What the site is.',
  },
  {
    ...{ topic: ANY.health, from: 'site', isRetained: true, qos: 1, payload: 'HealthPayload' },
    help: 'How it is: at once when a grade or a problem changes, else every 5 minutes.',
  },
  {
    ...{ topic: ANY.telemetry, from: 'site', isRetained: false, qos: 0, payload: null },
    help: 'Numbers, every `mqtt.telemetrySeconds`.',
  },
  {
    ...{ topic: ANY.device('<id>'), from: 'site', isRetained: true, qos: 1, payload: 'DeviceStatePayload' },
    help: 'How one device of the config is; cleared when it is gone.',
  },
  {
    ...{ topic: ANY.event, from: 'site', isRetained: false, qos: 1, payload: 'EventPayload' },
    help: 'What happened, in order.',
  },
  {
    ...{ topic: ANY.command('<verb>'), from: 'you', isRetained: false, qos: 1, payload: null },
    help: 'A signed command.',
  },
  {
    ...{
      topic: ANY.response('<nonce>'),
      from: 'site',
      isRetained: false,
      qos: 1,
      payload: 'ResponsePayload',
    },
    help: 'What became of it: each state as it is reached.',
  },
  {
    ...{ topic: ANY.button('<name>'), from: 'Home Assistant', isRetained: false, qos: 0, payload: null },
    help: '`PRESS` on `flush` or `send-test`, obeyed only with `mqtt.homeAssistantButtons`.',
  },
  {
    ...{ topic: RELEASE_TOPIC, from: 'you', isRetained: true, qos: 1, payload: null },
    help: 'Version that you want on your sites, plain text; Home Assistant shows where it is missing.',
  },
  {
    ...{ topic: homeAssistantTopic('<site>'), from: 'site', isRetained: true, qos: 1, payload: null },
    help: 'Announcement to Home Assistant, with `mqtt.homeAssistant`.',
  },
  {
    ...{ topic: HOME_ASSISTANT_STATUS, from: 'Home Assistant', isRetained: false, qos: 0, payload: null },
    help: 'Home Assistant has started: the site announces itself again.',
  },
];

export type TopicKind =
  | 'status'
  | 'info'
  | 'health'
  | 'telemetry'
  | 'event'
  | 'device'
  | 'command'
  | 'response'
  | 'button';

/** Below the site's level: what is fixed stands as it is, one capture is the device, the verb or the nonce. */
const SHAPES: readonly [TopicKind, RegExp][] = [
  ['status', /^status$/],
  ['info', /^info$/],
  ['health', /^health$/],
  ['telemetry', /^telemetry$/],
  ['event', /^event$/],
  ['device', /^device\/([^/]+)\/state$/],
  ['command', /^cmd\/([^/]+)$/],
  ['response', /^rsp\/([^/]+)$/],
  ['button', /^button\/([^/]+)$/],
];

/** Whose topic it is and which; null for a topic outside the tree. `id` is the device, verb, nonce or button, else empty. */
export function parseTopic(topic: string): { site: string; kind: TopicKind; id: string } | null {
  const [, site, tail] = /^scanferry\/v1\/([^/]+)\/(.+)$/.exec(topic) ?? [];
  if (site === undefined || tail === undefined) return null;
  for (const [kind, shape] of SHAPES) {
    const match = shape.exec(tail);
    if (match !== null) return { site, kind, id: match[1] ?? '' };
  }
  return null;
}
