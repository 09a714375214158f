/**
 * The config of Telegraf, applied to what a real site publishes.
 *
 * Telegraf itself is no Debian package and is not run here. Facts from influxdata/telegraf: plugins/inputs/mqtt_consumer
 * README (topic_parsing: `_` ignores a level), plugins/parsers/json README (numbers become fields; strings only those in
 * json_string_fields; booleans and null none; nested keys are joined by `_`), plugins/parsers/value README.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TelemetryPayload } from '../../src/report/payloads.ts';
import { siteTopics } from '../../src/report/topics.ts';
import { runOrThrow } from '../support/processes.ts';
import { PACKAGING } from './support/guarded-broker.ts';
import { DEVICES, type Scene, SITE, startScene } from './support/scene.ts';

interface Consumer {
  servers: string[];
  topics: [string];
  client_id: string;
  qos: number;
  persistent_session?: boolean;
  topic_tag: string;
  name_override: string;
  data_format: 'json' | 'value';
  data_type?: string;
  json_time_key?: string;
  json_time_format?: string;
  json_string_fields?: string[];
  topic_parsing: [{ topic: string; tags: string }];
}

interface Metric {
  name: string;
  tags: Record<string, string>;
  fields: Record<string, number | string>;
  time: number | null;
}

let consumers: Consumer[];
let scene: Scene;
beforeAll(async () => {
  // Python reads TOML: Node does not, and one test is no reason for a library.
  const script = 'import json, sys, tomllib; json.dump(tomllib.load(open(sys.argv[1], "rb")), sys.stdout)';
  const output = await runOrThrow('/usr/bin/python3', [
    '-c',
    script,
    path.join(PACKAGING, 'telegraf/scanferry.conf'),
  ]);
  ({
    inputs: { mqtt_consumer: consumers },
  } = JSON.parse(output) as { inputs: { mqtt_consumer: Consumer[] } });
  scene = await startScene();
});
afterAll(() => scene.stop());

/** What Telegraf makes of a message. */
function metricOf(consumer: Consumer, topic: string, payload: string): Metric {
  const [{ topic: pattern, tags }] = consumer.topic_parsing;
  const names = tags.split('/');
  const levels = topic.split('/');
  expect(pattern).toBe(consumer.topics[0]);
  expect([names.length, pattern.split('/').length]).toEqual([levels.length, levels.length]);
  const metric: Metric = {
    name: consumer.name_override,
    tags: Object.fromEntries(
      names.flatMap((name, index) => (name === '_' ? [] : [[name, levels[index] ?? '']])),
    ),
    fields: {},
    time: null,
  };
  if (consumer.data_format === 'value') return { ...metric, fields: { value: payload } };
  for (const [key, value] of Object.entries(flattened(JSON.parse(payload)))) {
    if (key === consumer.json_time_key) metric.time = Number(value);
    else if (typeof value === 'number' || (consumer.json_string_fields ?? []).includes(key))
      metric.fields[key] = typeof value === 'number' ? value : String(value);
  }
  return metric;
}

function flattened(value: unknown, prefix = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value ?? {}).flatMap(([key, each]): [string, unknown][] => {
      const name = prefix === '' ? key : `${prefix}_${key}`;
      return typeof each === 'object' && each !== null
        ? Object.entries(flattened(each, name))
        : [[name, each]];
    }),
  );
}

function consumerOf(measurement: string): Consumer {
  const found = consumers.find(({ name_override: name }) => name === measurement);
  if (found === undefined) throw new Error(`no input for ${measurement}`);
  return found;
}

describe('Telegraf', () => {
  test('listens to topics that every site has, each with a client id and no second tag of the topic', () => {
    const topics = siteTopics('+');
    expect(consumers.map(({ topics: [topic] }) => topic)).toEqual([
      topics.telemetry,
      topics.status,
      topics.device('+'),
    ]);
    expect(new Set(consumers.map(({ client_id: id }) => id)).size).toBe(consumers.length);
    // A session that is to survive needs QoS 1; one without QoS has nothing to keep.
    for (const { qos, persistent_session: isKept = false, topic_tag: tag } of consumers)
      expect([qos === 1, tag]).toEqual([isKept, '']);
  });

  test('makes a field of every number of the telemetry, at the time the site says', () => {
    const topic = siteTopics(SITE).telemetry;
    const payload = scene.latest(topic);
    const { ts, ...numbers } = JSON.parse(payload) as TelemetryPayload;
    expect(consumerOf('scanferry')).toMatchObject({ json_time_key: 'ts', json_time_format: 'unix_ms' });
    expect(metricOf(consumerOf('scanferry'), topic, payload)).toEqual({
      ...{ name: 'scanferry', tags: { site: SITE }, fields: numbers, time: ts },
    });
    expect(Object.keys(numbers).length).toBeGreaterThan(50);
  });

  test('keeps whether a site is online', () => {
    const topic = siteTopics(SITE).status;
    expect(metricOf(consumerOf('scanferry_status'), topic, scene.latest(topic))).toEqual({
      ...{ name: 'scanferry_status', tags: { site: SITE }, fields: { value: 'online' }, time: null },
    });
  });

  test('keeps the counts of each device, and its grade, TLS and profile', () => {
    const id = DEVICES[0] ?? '';
    const topic = siteTopics(SITE).device(id);
    expect(metricOf(consumerOf('scanferry_device'), topic, scene.latest(topic))).toEqual({
      ...{ name: 'scanferry_device', tags: { site: SITE, device: id }, time: null },
      fields: {
        ...{ last_seen: 1, last_message: 1, accepted: 1, delivered: 1, failed: 0, waiting: 0, grade_num: 0 },
        ...{ grade: 'ok', tls: 'TLSv1', profile: 'ricoh/mp-c2503' },
      },
    });
  });
});
