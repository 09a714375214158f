/** Who may do what on the broker, in one table: what Mosquitto and EMQX are both asked. */

export const SITE = 'berlin-hq';
export const OTHER = 'paris';
export const STAFF = ['it.fleet', 'it.homeassistant', 'it.monitor'] as const;

/** Topics with `<site>` for the site that is meant. */
export const SITE_TELLS = [
  ...['scanferry/v1/<site>/status', 'scanferry/v1/<site>/info', 'scanferry/v1/<site>/health'],
  ...[
    'scanferry/v1/<site>/telemetry',
    'scanferry/v1/<site>/event',
    'scanferry/v1/<site>/device/copier-2f/state',
  ],
] as const;
const SITE_WRITES = [
  ...SITE_TELLS,
  ...['scanferry/v1/<site>/rsp/n-1', 'homeassistant/device/<site>/scanferry/config'],
];
const SITE_HEARS = [
  'scanferry/v1/<site>/status',
  'scanferry/v1/<site>/cmd/flush',
  'scanferry/v1/<site>/button/flush',
];
const COMMAND = 'scanferry/v1/<site>/cmd/flush';
const BUTTON = 'scanferry/v1/<site>/button/flush';
const RELEASE = 'scanferry/v1/release';
const BIRTH = 'homeassistant/status';
/** Everything somebody could want to write or hear, and more. */
const TOPICS = [
  ...new Set([...SITE_WRITES, ...SITE_HEARS]),
  ...[RELEASE, BIRTH, 'scanferry/v1/<site>', 'scanferry/v1/<site>/other', 'scanferry/v2/<site>/status'],
  ...['scanferry/v1/<site>/cmd/flush/now', 'homeassistant/device/<site>/other/config', 'elsewhere'],
  'homeassistant/sensor/<site>/config',
];

export interface Rights {
  user: string;
  writes: string[];
  hears: string[];
}

function of(site: string, topics: readonly string[]): string[] {
  return topics.map((topic) => topic.replace('<site>', site));
}

const both = (...topics: readonly string[]) => [...new Set([...of(SITE, topics), ...of(OTHER, topics)])];
const homeAssistantTree = both(...TOPICS).filter((topic) => topic.startsWith('homeassistant/'));

/** What each may do; whatever of ALL_TOPICS is not listed is forbidden. */
export const RIGHTS: readonly Rights[] = [
  { user: SITE, writes: of(SITE, SITE_WRITES), hears: [...of(SITE, SITE_HEARS), BIRTH] },
  {
    user: 'it.fleet',
    writes: [...both(COMMAND), RELEASE],
    // The birth of Home Assistant is for everybody.
    hears: [...both(...TOPICS).filter((topic) => topic.startsWith('scanferry/v1/')), BIRTH],
  },
  {
    user: 'it.homeassistant',
    writes: [...both(BUTTON), ...homeAssistantTree],
    hears: [
      ...both(...SITE_TELLS).filter((topic) => !topic.endsWith('/event')),
      ...[RELEASE, ...homeAssistantTree],
    ],
  },
  { user: 'it.monitor', writes: [], hears: [...both(...SITE_TELLS), BIRTH] },
];

export const ALL_TOPICS: readonly string[] = both(...TOPICS);
