/**
 * The flow for Node-RED: its nodes fit together, and its function does what it says with what a real site publishes.
 *
 * Node-RED itself is not run here: it would be a dependency of 240 packages for one file. Facts from its documentation,
 * "Writing Functions" (msg in, msg or null out; `flow.get` and `flow.set`), and "MQTT in" (auto-detect parses JSON).
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { siteTopics } from '../../src/report/topics.ts';
import { withReading } from '../report/support/full-health.ts';
import { PACKAGING } from './support/guarded-broker.ts';
import { READINGS, type Scene, SITE, startScene } from './support/scene.ts';

interface FlowNode {
  id: string;
  type: string;
  z?: string;
  topic?: string;
  broker?: string;
  tls?: string;
  datatype?: string;
  func?: string;
  x?: number;
  y?: number;
  wires?: string[][];
}

let nodes: FlowNode[];
let scene: Scene;
beforeAll(async () => {
  nodes = JSON.parse(
    await readFile(path.join(PACKAGING, 'node-red/scanferry-flow.json'), 'utf8'),
  ) as FlowNode[];
  scene = await startScene();
});
afterAll(() => scene.stop());

/** The function node with a memory of its own, as a flow has it. */
function changes(): (topic: string) => string | null {
  const code = nodes.find(({ type }) => type === 'function')?.func ?? '';
  const memory = new Map<string, unknown>();
  const flow = {
    get: (key: string) => memory.get(key),
    set: (key: string, value: unknown) => void memory.set(key, value),
  };
  const run = vm.runInNewContext(`(function (msg, flow) {${code}})`) as (
    msg: unknown,
    flow_: typeof flow,
  ) => { payload: string } | null;
  return (topic) => {
    const text = scene.latest(topic);
    const payload: unknown = text.startsWith('{') ? JSON.parse(text) : text;
    return run({ topic, payload }, flow)?.payload ?? null;
  };
}

const TOPICS = siteTopics(SITE);

describe('the flow', () => {
  test('has nodes on one tab, each once, wired to nodes that there are', () => {
    const ids = nodes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const named = nodes.flatMap(({ z, broker, tls, type, wires = [] }) => [
      ...[z, tls, ...(type === 'mqtt in' ? [broker] : [])].filter((id) => id !== undefined),
      ...wires.flat(),
    ]);
    expect(named.filter((id) => !ids.includes(id))).toEqual([]);
    expect(nodes.map(({ type }) => type)).toEqual([
      ...['tab', 'mqtt-broker', 'tls-config', 'mqtt in', 'mqtt in', 'mqtt in', 'function', 'debug'],
    ]);
    const places = nodes.filter(({ x }) => x !== undefined).map(({ x, y }) => `${x},${y}`);
    expect(new Set(places).size).toBe(places.length);
  });

  test('listens to topics that every site has', () => {
    const topics = nodes
      .filter(({ type }) => type === 'mqtt in')
      .map(({ topic, datatype }) => [topic, datatype]);
    const { status, info, health } = siteTopics('+');
    expect(topics).toEqual([status, info, health].map((topic) => [topic, 'auto-detect']));
  });

  test('is silent about a site that is well, in whatever order its state comes', () => {
    for (const order of [
      [TOPICS.status, TOPICS.info, TOPICS.health],
      [TOPICS.health, TOPICS.status, TOPICS.info],
    ]) {
      const told = changes();
      expect(order.map(told)).toEqual([null, null, null]);
    }
  });

  test('tells once what has changed: a fault, that it is over, that the site was stopped', async () => {
    const told = changes();
    for (const topic of [TOPICS.status, TOPICS.info, TOPICS.health]) told(topic);
    const why = {
      code: 'route.sign-in.refused',
      cause: 'Microsoft 365 refused the sign-in.',
      advice: 'Renew it.',
    };
    scene.site.health.say(withReading(READINGS, 'route_state', { value: 'paused', grade: 'fail', why }));
    await scene.seen.json(TOPICS.health, ({ grade }) => grade === 'fail');
    expect(told(TOPICS.health)).toBe(`${SITE}: Microsoft 365 refused the sign-in. Renew it.`);
    expect(told(TOPICS.health)).toBe(null);
    const failed = scene.seen.heard.length;
    scene.site.health.say(READINGS);
    await scene.seen.until(
      (message) => message.topic === TOPICS.health && scene.seen.heard.indexOf(message) >= failed,
    );
    expect(told(TOPICS.health)).toBe(`${SITE}: is well again.`);
    await scene.stopSite();
    await scene.seen.until(({ topic, text }) => topic === TOPICS.status && text === 'offline');
    expect(told(TOPICS.info)).toBe(null);
    expect(told(TOPICS.status)).toBe(`${SITE}: was stopped by somebody.`);
  });
});
