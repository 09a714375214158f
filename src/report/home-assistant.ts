/**
 * The announcement of a site to Home Assistant: one device with its entities, on one retained topic.
 *
 * By the MQTT device discovery of Home Assistant (its page "MQTT", section "Device discovery payload"): `device`,
 * `origin` and `components` are required; each component names its `platform` and, as an entity, a `unique_id`; one
 * that is gone is sent once more with its platform alone, then no more. Templates give `None` for what is unknown.
 */
import { homeAssistantTopic, RELEASE_TOPIC, type SiteTopics } from './topics.ts';

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
    ...numberEntities(site.topics),
    ...site.routes.map((route): [string, Component] => [`route_${route}`, routeEntity(site.topics, route)]),
    ...site.devices.flatMap((device) => deviceEntities(site.topics, device)),
    ...(site.hasButtons ? buttonEntities(site.topics) : []),
  ];
  return Object.fromEntries(entries.map(([id, component]) => [id, { ...component, ...unique(id) }]));
}

/** A state of Home Assistant has 255 characters at most. */
const STATE_CHARACTERS_MAX = 255;
/** The recorder of Home Assistant keeps no attributes past 16 KiB; a problem takes a few hundred bytes. */
const PROBLEMS_SHOWN_MAX = 20;

function siteEntities(topics: SiteTopics): [string, Component][] {
  const health = { state_topic: topics.health };
  return [
    [
      'problem',
      {
        ...{ platform: 'binary_sensor', name: 'Problem', device_class: 'problem', ...health },
        value_template: IS_PROBLEM,
        json_attributes_topic: topics.health,
        json_attributes_template: `{{ {'problems': value_json.problems[:${PROBLEMS_SHOWN_MAX}]} | tojson }}`,
      },
    ],
    [
      'grade',
      {
        ...{ platform: 'sensor', name: 'Grade', device_class: 'enum', options: ['ok', 'warn', 'fail'] },
        ...{ ...health, value_template: '{{ value_json.grade }}' },
      },
    ],
    [
      'cause',
      {
        ...{ platform: 'sensor', name: 'Cause', icon: 'mdi:message-alert', ...health },
        value_template: `{{ (value_json.problems[0].cause if value_json.problems else 'none')[:${STATE_CHARACTERS_MAX}] }}`,
      },
    ],
    [
      'update',
      {
        ...{ platform: 'update', name: 'Software', entity_category: 'diagnostic' },
        // No button to install: an update is a signed command, or the box's own package manager.
        ...{ state_topic: topics.info, latest_version_topic: RELEASE_TOPIC },
        value_template: "{{ {'installed_version': value_json.version} | tojson }}",
      },
    ],
  ];
}

const IS_PROBLEM = "{{ 'ON' if value_json.grade_num > 0 else 'OFF' }}";

function numberEntities(topics: SiteTopics): [string, Component][] {
  const diagnostic = { entity_category: 'diagnostic' };
  const percent = { unit_of_measurement: '%', suggested_display_precision: 0 };
  return [
    ['queue', numberEntity(topics, 'Queue', 'spool_waiting_count', { icon: 'mdi:tray-full' })],
    ['held', numberEntity(topics, 'Held', 'spool_held_count', { icon: 'mdi:hand-back-right' })],
    [
      'failed',
      numberEntity(topics, 'Failed in 24 hours', 'spool_failed_24h_count', { icon: 'mdi:email-off' }),
    ],
    [
      'oldest',
      numberEntity(topics, 'Oldest waiting', 'spool_oldest_age_s', {
        ...{ device_class: 'duration', unit_of_measurement: 's' },
      }),
    ],
    [
      'room_used',
      numberEntity(topics, 'Room for scans used', 'spool_quota_used_percent', {
        ...{ icon: 'mdi:database', ...percent, ...diagnostic },
      }),
    ],
    [
      'disk_used',
      numberEntity(topics, 'Disk used', 'box_disk_used_percent', {
        ...{ icon: 'mdi:harddisk', ...percent, ...diagnostic },
      }),
    ],
    [
      'temperature',
      numberEntity(topics, 'Temperature', 'box_temperature_celsius', {
        ...{ device_class: 'temperature', unit_of_measurement: '°C', ...diagnostic },
      }),
    ],
  ];
}

/** A number out of the telemetry, where what is unknown is missing. */
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
  const options = ['open', 'paused', 'probing'];
  return {
    ...{ platform: 'sensor', name: `Route ${route}`, icon: 'mdi:email-fast', device_class: 'enum', options },
    state_topic: topics.health,
    // A route that was just added is not in health yet.
    value_template: `{{ (value_json.metrics.route_state_${key(route)} | default({'value': none})).value }}`,
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
          "{{ (value_json.last_seen / 1000) | timestamp_custom('%Y-%m-%dT%H:%M:%S+00:00', false) if value_json.last_seen else none }}",
      },
    ],
    [
      `device_${id}_problem`,
      {
        ...{ platform: 'binary_sensor', name: `${name} problem`, device_class: 'problem', ...state },
        value_template: IS_PROBLEM,
        json_attributes_topic: topics.device(id),
        json_attributes_template:
          "{{ {'profile': value_json.profile, 'tls': value_json.tls, 'waiting': value_json.waiting, 'problem': value_json.problem} | tojson }}",
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
