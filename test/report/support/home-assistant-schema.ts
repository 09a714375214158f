/**
 * What Home Assistant demands of an announcement, in tables of our own.
 *
 * Facts from home-assistant/core, homeassistant/components: mqtt/discovery.py (topic, device discovery, removal),
 * mqtt/schemas.py (device, origin, availability, common keys), mqtt/{binary_sensor,button,sensor,update}.py (keys of
 * each platform, how a state is read), sensor/const.py and binary_sensor/__init__.py (classes, their units and state
 * classes). Keys that Home Assistant would drop without a word are faults here.
 */

type Json = Record<string, unknown>;

/** Keys each platform takes, beside the common ones. */
const PLATFORM_KEYS: Record<string, { required: readonly string[]; optional: readonly string[] }> = {
  binary_sensor: {
    required: ['state_topic'],
    optional: ['device_class', 'expire_after', 'force_update', 'off_delay', 'payload_off', 'payload_on'],
  },
  button: {
    required: ['command_topic'],
    optional: ['command_template', 'device_class', 'payload_press', 'retain'],
  },
  sensor: {
    required: ['state_topic'],
    optional: [
      ...['device_class', 'expire_after', 'force_update', 'last_reset_value_template', 'options'],
      ...['suggested_display_precision', 'state_class', 'unit_of_measurement'],
    ],
  },
  update: {
    required: [],
    optional: [
      ...['state_topic', 'command_topic', 'device_class', 'latest_version_template', 'latest_version_topic'],
      ...['payload_install', 'release_summary', 'release_url', 'retain', 'title'],
    ],
  },
};
const COMMON_KEYS = [
  ...['platform', 'unique_id', 'name', 'icon', 'entity_category', 'enabled_by_default', 'entity_picture'],
  ...['json_attributes_topic', 'json_attributes_template', 'value_template', 'qos', 'encoding'],
  ...['availability', 'availability_mode', 'availability_topic', 'availability_template'],
  ...['payload_available', 'payload_not_available'],
];
const DEVICE_KEYS = [
  ...['identifiers', 'connections', 'name', 'manufacturer', 'model', 'model_id', 'hw_version', 'sw_version'],
  ...['serial_number', 'suggested_area', 'via_device', 'configuration_url'],
];
const ORIGIN_KEYS = ['name', 'sw_version', 'support_url'];
const PAYLOAD_KEYS = [
  ...['device', 'origin', 'components', 'availability', 'availability_mode', 'state_topic', 'command_topic'],
  ...['qos', 'encoding', 'availability_topic', 'availability_template'],
  ...['payload_available', 'payload_not_available'],
];

/** Of the classes of sensors, those used here: units and state classes that go with each; empty: none may be set. */
const SENSOR_CLASSES: Record<string, { units: readonly string[]; states: readonly string[] }> = {
  duration: {
    units: ['d', 'h', 'min', 's', 'ms'],
    states: ['measurement', 'total', 'total_increasing'],
  },
  enum: { units: [], states: [] },
  temperature: { units: ['°C', '°F', 'K'], states: ['measurement'] },
  timestamp: { units: [], states: [] },
};
const BINARY_CLASSES = ['connectivity', 'problem', 'running', 'update'];
const STATE_CLASSES = ['measurement', 'total', 'total_increasing'];

/** `<prefix>/device/[<node id>/]<object id>/config` */
const TOPIC = /^homeassistant\/device\/(?:[a-zA-Z0-9_-]+\/)?[a-zA-Z0-9_-]+\/config$/;

/** What Home Assistant would refuse, drop or complain about; empty when all is well. */
export function faultsOf(topic: string, payload: Json): string[] {
  const device = asJson(payload['device']);
  const origin = asJson(payload['origin']);
  const components = asJson(payload['components']);
  const ids = Object.values(components).map((component) => asJson(component)['unique_id']);
  return [
    ...(TOPIC.test(topic) ? [] : [`topic ${topic}`]),
    ...unknownKeys('payload', payload, PAYLOAD_KEYS),
    ...unknownKeys('device', device, DEVICE_KEYS),
    ...unknownKeys('origin', origin, ORIGIN_KEYS),
    ...(isFilled(device['identifiers']) || isFilled(device['connections']) ? [] : ['device: no identifier']),
    ...(isText(device['name']) ? [] : ['device: no name']),
    ...(isText(origin['name']) ? [] : ['origin: no name']),
    ...(isUrl(device['configuration_url']) ? [] : ['device: configuration_url is no address']),
    ...availabilityFaults(payload),
    ...qosFaults('payload', payload),
    ...(Object.keys(components).length > 0 ? [] : ['no components']),
    ...Object.entries(components).flatMap(([id, component]) => componentFaults(id, asJson(component))),
    ...ids.filter((id, index) => id !== undefined && ids.indexOf(id) !== index).map((id) => `twice: ${id}`),
  ];
}

function componentFaults(id: string, component: Json): string[] {
  const fault = (text: string) => `${id}: ${text}`;
  const platform = PLATFORM_KEYS[String(component['platform'])];
  if (platform === undefined) return [fault(`platform ${component['platform']}`)];
  // A platform alone takes the component away.
  if (Object.keys(component).length === 1) return [];
  const topics = Object.entries(component).filter(([key]) => key.endsWith('_topic'));
  return [
    ...unknownKeys(id, component, [...COMMON_KEYS, ...platform.required, ...platform.optional]),
    ...['unique_id', 'name', ...platform.required]
      .filter((key) => !isText(component[key]))
      .map((key) => fault(`no ${key}`)),
    ...topics.filter(([, topic]) => !isTopic(topic)).map(([key]) => fault(`${key} is no topic`)),
    ...qosFaults(id, component),
    ...(component['icon'] === undefined || /^mdi:[a-z0-9-]+$/.test(String(component['icon']))
      ? []
      : [fault('icon')]),
    // Only what can be set is of the category "config", and these platforms can't.
    ...([undefined, 'diagnostic'].includes(component['entity_category'] as never)
      ? []
      : [fault('entity_category')]),
    ...classFaults(component).map(fault),
  ];
}

function classFaults(component: Json): string[] {
  const { platform, device_class: name } = component;
  if (platform === 'sensor') return [...optionFaults(component), ...sensorClassFaults(component)];
  const classes = platform === 'binary_sensor' ? BINARY_CLASSES : [];
  return name === undefined || classes.includes(String(name)) ? [] : [`device_class ${name}`];
}

function optionFaults({ options, device_class: name }: Json): string[] {
  if (options === undefined) return [];
  return [
    ...(name === 'enum' ? [] : ['options without the class enum']),
    ...(isFilled(options) ? [] : ['no options']),
  ];
}

function sensorClassFaults(component: Json): string[] {
  const { device_class: name, state_class: state, unit_of_measurement: unit } = component;
  if (state !== undefined && !STATE_CLASSES.includes(String(state))) return [`state_class ${state}`];
  if (name === undefined) return [];
  const known = SENSOR_CLASSES[String(name)];
  if (known === undefined) return [`device_class ${name}`];
  const isUnit = unit === undefined ? known.units.length === 0 : known.units.includes(String(unit));
  const isState = state === undefined || known.states.includes(String(state));
  return [
    ...(isUnit ? [] : [`unit ${unit} with ${name}`]),
    ...(isState ? [] : [`state_class ${state} with ${name}`]),
  ];
}

function availabilityFaults(payload: Json): string[] {
  const { availability, availability_topic: topic } = payload;
  if (availability === undefined) return isTopic(topic) ? [] : ['no availability'];
  if (topic !== undefined) return ['availability and availability_topic'];
  const list = Array.isArray(availability) ? availability : [availability];
  return list.every((each) => isTopic(asJson(each)['topic'])) ? [] : ['availability without topic'];
}

function qosFaults(of: string, { qos }: Json): string[] {
  return qos === undefined || qos === 0 || qos === 1 || qos === 2 ? [] : [`${of}: qos ${qos}`];
}

function unknownKeys(of: string, value: Json, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `${of}: unknown key ${key}`);
}

/**
 * The state Home Assistant would show for what a template gave; null for "unknown".
 *
 * Throws where it would write a warning and keep the old state.
 */
export function stateOf(component: Json, rendered: string): string | number | null {
  if (rendered === 'None') return null;
  switch (component['platform']) {
    case 'binary_sensor':
      if (rendered !== 'ON' && rendered !== 'OFF') throw new Error(`neither ON nor OFF: ${rendered}`);
      return rendered;
    case 'sensor':
      return sensorState(component, rendered);
    case 'update': {
      const { installed_version: version } = JSON.parse(rendered) as { installed_version?: string };
      if (version === undefined) throw new Error(`no installed version: ${rendered}`);
      return version;
    }
    default:
      throw new Error(`a ${component['platform']} has no state`);
  }
}

function sensorState(component: Json, rendered: string): string | number {
  const isNumeric = component['state_class'] !== undefined || component['unit_of_measurement'] !== undefined;
  if (isNumeric) {
    const number = Number(rendered);
    if (rendered === '' || !Number.isFinite(number)) throw new Error(`not a number: ${rendered}`);
    return number;
  }
  const { options } = component;
  if (Array.isArray(options) && !options.includes(rendered)) throw new Error(`not an option: ${rendered}`);
  if (component['device_class'] === 'timestamp') {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/.test(rendered))
      throw new Error(`no time: ${rendered}`);
    return Date.parse(rendered);
  }
  if (rendered.length > 255) throw new Error(`longer than 255: ${rendered.length}`);
  return rendered;
}

function asJson(value: unknown): Json {
  // What is no object has none of the keys that are asked for.
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function isTopic(value: unknown): boolean {
  return typeof value === 'string' && /^[^+#\0]+$/.test(value);
}

function isUrl(value: unknown): boolean {
  return (
    value === undefined ||
    (URL.canParse(String(value)) && /^(https?|homeassistant):$/.test(new URL(String(value)).protocol))
  );
}
