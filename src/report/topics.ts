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
