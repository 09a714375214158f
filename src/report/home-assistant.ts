/**
 * The announcement of a site to Home Assistant: one device with its entities, on one retained topic.
 *
 * By the MQTT device discovery of Home Assistant (its page "MQTT", section "Device discovery payload"): `device`,
 * `origin` and `components` are required; each component names its `platform` and, as an entity, a `unique_id`; one
 * that is gone is sent once more with its platform alone, then no more.
 */
import { homeAssistantTopic, type SiteTopics } from './topics.ts';

export interface HomeAssistantSite {
  site: string;
  name: string;
  version: string;
  topics: SiteTopics;
  /** Page of the box, or null. */
  url: string | null;
  routes: readonly string[];
  devices: readonly { id: string; name: string }[];
  /** Buttons are offered only where the site obeys them. */
  hasButtons: boolean;
}

type Component = Record<string, unknown> & { platform: string };
export type Components = Record<string, Component>;

export interface HomeAssistantConfig {
  topic: string;
  /** JSON. */
  payload: string;
  components: Components;
}

/** @param gone components of an earlier announcement: id → platform. */
export function homeAssistantConfig(
  site: HomeAssistantSite,
  gone: Readonly<Record<string, string>> = {},
): HomeAssistantConfig {
  const components = componentsOf(site);
  const removed = Object.entries(gone)
    .filter(([id]) => components[id] === undefined)
    .map(([id, platform]) => [id, { platform }]);
  const payload = {
    device: {
      identifiers: [`scanferry-${site.site}`],
      ...{ name: site.name, manufacturer: 'Scanferry', model: 'Scanferry', sw_version: site.version },
      ...(site.url === null ? {} : { configuration_url: site.url }),
    },
    origin: { name: 'Scanferry', sw_version: site.version },
    availability: [{ topic: site.topics.status }],
    qos: 1,
    components: { ...components, ...Object.fromEntries(removed) },
  };
  return { topic: homeAssistantTopic(site.site), payload: JSON.stringify(payload), components };
}

export const BUTTONS = ['flush', 'send-test'] as const;
export type Button = (typeof BUTTONS)[number];
/** What a button publishes; anything else is not a press. */
export const BUTTON_PAYLOAD = 'PRESS';

function componentsOf(site: HomeAssistantSite): Components {
  const unique = (id: string) => ({ unique_id: `scanferry_${site.site}_${id}` });
  const entries: [string, Component][] = [
    ...siteEntities(site.topics),
    ...site.routes.map((route): [string, Component] => [`route_${route}`, routeEntity(site.topics, route)]),
    ...site.devices.flatMap((device) => deviceEntities(site.topics, device)),
    ...(site.hasButtons ? buttonEntities(site.topics) : []),
  ];
  return Object.fromEntries(entries.map(([id, component]) => [id, { ...component, ...unique(id) }]));
}

function siteEntities(topics: SiteTopics): [string, Component][] {
  const health = { state_topic: topics.health };
  return [
    [
      'problem',
      {
        ...{ platform: 'binary_sensor', name: 'Problem', device_class: 'problem', ...health },
        value_template: "{{ 'ON' if value_json.grade_num > 0 else 'OFF' }}",
        json_attributes_topic: topics.health,
        json_attributes_template: "{{ {'problems': value_json.problems} | tojson }}",
      },
    ],
    [
      'grade',
      {
        ...{
          platform: 'sensor',
          name: 'Grade',
          device_class: 'enum',
          options: ['ok', 'warn', 'fail'],
          ...health,
        },
        value_template: '{{ value_json.grade }}',
      },
    ],
    [
      'cause',
      {
        ...{ platform: 'sensor', name: 'Cause', icon: 'mdi:message-alert', ...health },
        // A state of Home Assistant has 255 characters at most.
        value_template: "{{ (value_json.problems[0].cause if value_json.problems else 'none')[:255] }}",
      },
    ],
    ['queue', numberEntity(topics, 'Queue', 'spool_waiting_count', { icon: 'mdi:tray-full' })],
    ['held', numberEntity(topics, 'Held', 'spool_held_count', { icon: 'mdi:hand-back-right' })],
    [
      'oldest',
      numberEntity(topics, 'Oldest waiting', 'spool_oldest_age_s', {
        ...{ device_class: 'duration', unit_of_measurement: 's' },
      }),
    ],
    [
      'update',
      {
        ...{ platform: 'update', name: 'Software', entity_category: 'diagnostic', state_topic: topics.info },
        // Nobody installs from here: the box has no feed of releases, so the newest it knows is its own.
        value_template:
          "{{ {'installed_version': value_json.version, 'latest_version': value_json.version} | tojson }}",
      },
    ],
  ];
}

/** A number out of the telemetry; `None` is Home Assistant's word for unknown. */
function numberEntity(
  topics: SiteTopics,
  name: string,
  key: string,
  more: Record<string, unknown>,
): Component {
  return {
    ...{ platform: 'sensor', name, state_topic: topics.telemetry, state_class: 'measurement', ...more },
    value_template: `{{ value_json.${key} | default('None') }}`,
  };
}

function routeEntity(topics: SiteTopics, route: string): Component {
  return {
    ...{ platform: 'sensor', name: `Route ${route}`, icon: 'mdi:email-fast', state_topic: topics.health },
    value_template: `{{ value_json.metrics.route_state_${key(route)}.value | default('unknown') }}`,
  };
}

function deviceEntities(
  topics: SiteTopics,
  { id, name }: { id: string; name: string },
): [string, Component][] {
  const state = { state_topic: topics.device(id) };
  return [
    [
      `device_${id}_seen`,
      {
        ...{ platform: 'sensor', name: `${name} last seen`, device_class: 'timestamp', ...state },
        value_template:
          "{{ (value_json.last_seen / 1000) | timestamp_custom('%Y-%m-%dT%H:%M:%S+00:00', false) if value_json.last_seen else None }}",
      },
    ],
    [
      `device_${id}_problem`,
      {
        ...{ platform: 'binary_sensor', name: `${name} problem`, device_class: 'problem', ...state },
        value_template: "{{ 'ON' if value_json.grade_num > 0 else 'OFF' }}",
      },
    ],
  ];
}

function buttonEntities(topics: SiteTopics): [string, Component][] {
  const press = (button: Button) => ({ command_topic: topics.button(button), payload_press: BUTTON_PAYLOAD });
  return [
    ['flush', { platform: 'button', name: 'Try again now', icon: 'mdi:send', ...press('flush') }],
    [
      'send_test',
      { platform: 'button', name: 'Send a test scan', icon: 'mdi:email-check', ...press('send-test') },
    ],
  ];
}

/** As readingKey writes an id. */
function key(id: string): string {
  return id.replaceAll('-', '_');
}
