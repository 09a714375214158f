/** The template for Zabbix: its fields, and what a real agent hears for it from a real site. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { siteTopics } from '../../src/report/topics.ts';
import { withReading } from '../report/support/full-health.ts';
import { PAUSED } from '../report/support/site.ts';
import { type RunningProcess, startProcess } from '../support/processes.ts';
import { DEVICES, READINGS, ROUTES, type Scene, SITE, startScene } from './support/scene.ts';
import { startZabbixServer, type ZabbixServer } from './support/zabbix-server.ts';
import {
  type Export,
  type Item,
  isFiring,
  keysIn,
  preprocess,
  readTemplate,
  type Template,
  withMacros,
} from './support/zabbix-template.ts';

let exported: Export;
let template: Template;
beforeAll(async () => {
  ({ exported, template } = await readTemplate());
});

const TOPICS = Object.values(siteTopics('{$SCANFERRY.SITE}')).filter((topic) => typeof topic === 'string');
const underscored = (ids: readonly string[]) => ids.map((id) => id.replaceAll('-', '_'));

function allItems(): Item[] {
  return [...template.items, ...template.discovery_rules.flatMap((rule) => rule.item_prototypes)];
}

describe('the template', () => {
  test('is one that Zabbix 6.0 takes: ids of version 4, each once, and nothing that is named is missing', () => {
    expect(exported.version).toBe('6.0');
    const ids = [...JSON.stringify(exported).matchAll(/"uuid":"([^"]*)"/g)].map(([, id]) => id);
    expect(ids.filter((id) => !/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(id ?? ''))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(template.groups).toEqual(exported.groups.map(({ name }) => ({ name })));
    const keys = allItems().map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const masters = [...allItems(), ...template.discovery_rules].flatMap(
      (each) => each.master_item?.key ?? [],
    );
    expect(masters.filter((key) => !template.items.some((item) => item.key === key))).toEqual([]);
    const maps = allItems().flatMap(({ valuemap }) => valuemap?.name ?? []);
    expect(maps.filter((name) => !template.valuemaps.some((map) => map.name === name))).toEqual([]);
    const macros = JSON.stringify(exported).match(/\{\$[A-Z.]+\}/g) ?? [];
    expect(macros.filter((name) => !template.macros.some(({ macro }) => macro === name))).toEqual([]);
  });

  test('hears topics of the site, and none of another', () => {
    const heard = template.items
      .filter(({ type }) => type === 'ZABBIX_ACTIVE')
      .map(({ key }) => /^mqtt\.get\["[^"]*","([^"]*)","[^"]*","[^"]*"\]$/.exec(key)?.[1] ?? key);
    expect(heard.filter((topic) => !TOPICS.includes(topic))).toEqual([]);
    expect(heard).toHaveLength(4);
  });

  test('has triggers over items that it has, and depends on triggers that it has', () => {
    const triggers = [
      ...exported.triggers,
      ...template.discovery_rules.flatMap((rule) => rule.trigger_prototypes),
    ];
    const known = new Set(allItems().map(({ key }) => key));
    for (const { name, expression, dependencies = [] } of triggers) {
      const keys = keysIn(expression, template);
      expect([name, keys.length]).not.toContain(0);
      expect([name, keys.filter((key) => !known.has(key))]).toEqual([name, []]);
      for (const other of dependencies)
        expect(
          triggers.some((each) => each.name === other.name && each.expression === other.expression),
        ).toBe(true);
    }
  });

  test('keeps to the JavaScript that Zabbix knows', async () => {
    for (const { preprocessing } of template.discovery_rules)
      for (const { type, parameters } of preprocessing)
        if (type === 'JAVASCRIPT')
          await transform(`(function (value) {${parameters[0]}})`, { target: 'es5', minify: false });
    await expect(transform('const a = () => `x`;', { target: 'es5' })).rejects.toThrow();
  });
});

describe('a real agent', () => {
  let scene: Scene;
  let server: ZabbixServer;
  let agent: RunningProcess;
  let directory: string;
  let host: Record<string, string>;
  beforeAll(async () => {
    scene = await startScene();
    host = {
      '{$SCANFERRY.BROKER}': scene.broker.url.replace('mqtt:', 'tcp:'),
      ...{ '{$SCANFERRY.SITE}': SITE, '{$SCANFERRY.USER}': '', '{$SCANFERRY.PASSWORD}': '' },
    };
    const active = template.items.filter(({ type }) => type === 'ZABBIX_ACTIVE');
    server = await startZabbixServer(active.map(({ key }) => withMacros(key, template, host)));
    directory = await mkdtemp(path.join(tmpdir(), 'scanferry-zabbix-'));
    await writeFile(
      path.join(directory, 'agent.conf'),
      [
        // Without `Server` it listens on no port: it asks for what it is to look at.
        ...['LogType=console', `ServerActive=127.0.0.1:${server.port}`, 'Hostname=berlin-hq', 'BufferSend=1'],
        ...[`ControlSocket=${directory}/agent.sock`, ''],
      ].join('\n'),
    );
    const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
    agent = startProcess('zabbix_agent2', ['-f', '-c', path.join(directory, 'agent.conf')], { env });
    await agent.waitForLine(/hostname: \[berlin-hq\]/);
  });
  afterAll(async () => {
    await agent.stop();
    await server.stop();
    await scene.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Values of the masters as the agent told them, by the key in the template; of these topics one that has the text. */
  async function masters(topics: readonly string[] = [], part = ''): Promise<Map<string, string>> {
    const values = new Map<string, string>();
    for (const { type, key } of template.items) {
      if (type !== 'ZABBIX_ACTIVE') continue;
      const isAsked = topics.some((topic) => key.includes(`/${topic}"`));
      const look = (value: string) => !isAsked || value.includes(part);
      values.set(key, await server.value(withMacros(key, template, host), look));
    }
    return values;
  }

  /** Everything the template makes of it: prototypes for each thing that was found. */
  function itemValues(values: ReadonlyMap<string, string>): Map<string, string> {
    const all = new Map(values);
    const take = ({ key, preprocessing = [], master_item: master }: Item, of: (text: string) => string) => {
      const steps = preprocessing.map((step) => ({ ...step, parameters: step.parameters.map(of) }));
      const value = preprocess(steps, values.get(master?.key ?? '') ?? '');
      if (value !== null) all.set(of(key), value);
    };
    for (const item of template.items) if (item.type === 'DEPENDENT') take(item, (text) => text);
    for (const {
      preprocessing,
      master_item: master,
      item_prototypes: prototypes,
    } of template.discovery_rules)
      for (const found of thingsIn(preprocess(preprocessing, values.get(master.key) ?? '')))
        for (const item of prototypes)
          take(item, (text) =>
            Object.entries(found).reduce((all, [macro, id]) => all.replaceAll(macro, id), text),
          );
    return all;
  }

  function thingsIn(text: string | null): Record<string, string>[] {
    // A list of one macro each, as the rules make it.
    return JSON.parse(text ?? '[]') as Record<string, string>[];
  }

  /** Names of the triggers that fire, those of each route and device included. */
  function firing(named: ReadonlyMap<string, string>): string[] {
    const values = new Map([...named].map(([key, value]) => [withMacros(key, template, host), value]));
    const things = [...underscored(ROUTES), ...underscored(DEVICES)];
    const own = exported.triggers.filter(({ expression }) =>
      isFiring(withMacros(expression, template, host), values),
    );
    const theirs = template.discovery_rules.flatMap((rule) =>
      things.flatMap((id) =>
        rule.trigger_prototypes
          .map(({ name, expression }) =>
            [name, expression].map((text) => text.replaceAll(/\{#[A-Z]+\}/g, id)),
          )
          .filter(([, expression = '']) => isFiring(expression, values)),
      ),
    );
    return [...own.map(({ name }) => name), ...theirs.map(([name = '']) => name)].map((name) =>
      name.replace('Scanferry: ', ''),
    );
  }

  test('hears each topic, and every item gets a value out of it', async () => {
    const values = itemValues(await masters());
    const expected = allItems().flatMap(({ key }) => {
      if (key.includes('{#ROUTE}')) return underscored(ROUTES).map((id) => key.replace('{#ROUTE}', id));
      if (key.includes('{#DEVICE}')) return underscored(DEVICES).map((id) => key.replace('{#DEVICE}', id));
      return [key];
    });
    expect([...values.keys()].sort()).toEqual(expected.sort());
    for (const { key, value_type: type } of template.items)
      if (type === 'FLOAT' || type === 'UNSIGNED')
        expect([key, Number.isFinite(Number(values.get(key)))]).toEqual([key, true]);
    expect(values.get('scanferry.version')).toBe('1.2.3');
    expect(values.get('scanferry.running')).toBe('1');
    expect(values.get('scanferry.problem')).toBe('none');
    expect(values.get('scanferry.route.state[mail_box]')).toBe('open');
  });

  test('raises nothing for a site that is well, and the right things for one that is not', async () => {
    const well = withReading(READINGS, 'spool_held_count', { value: 0 });
    const calm = [
      ['spool_waiting_count', 0],
      ['spool_oldest_age_s', 0],
      ['spool_failed_24h_count', 0],
      ['box_disk_free_bytes', 8 * 1024 ** 3],
      ['agent_starts_24h_count', 1],
      ['route_client_secret_left_s', 100 * 86_400],
      ['route_client_certificate_left_s', 100 * 86_400],
      ['device_silent', false],
      ['device_failed_in_row_count', 0],
      ['spool_quota_used_percent', 3.25],
    ] as const;
    const readings = calm.reduce((all, [key, value]) => withReading(all, key, { value }), well);
    scene.site.health.say(readings);
    const quiet = itemValues(await masters(['telemetry'], '3.25'));
    expect(firing(quiet)).toEqual([]);

    const why = { code: 'x', cause: 'Microsoft 365 refused the sign-in.', advice: 'Renew it.' };
    const route = readings.find(({ metric, of }) => metric.name === 'route_state' && of === 'mail-box');
    const broken = [...readings.filter((reading) => reading !== route), { ...PAUSED, why, of: 'mail-box' }];
    scene.site.health.say(
      [
        ['spool_accepting', false],
        ['spool_oldest_age_s', 7200],
        ['spool_held_count', 2],
        ['box_clock_set', false],
        ['box_disk_free_bytes', 1024],
        ['agent_starts_24h_count', 9],
        ['route_client_secret_left_s', 86_400],
        ['device_silent', true],
        ['device_failed_in_row_count', 4],
        ['spool_quota_used_percent', 4.75],
      ].reduce((all, [key, value]) => withReading(all, String(key), { value: value ?? null }), broken),
    );
    const values = itemValues(await masters(['telemetry', 'health'], '4.75'));
    expect(values.get('scanferry.problem')).toBe(why.cause);
    expect(values.get('scanferry.advice')).toBe(why.advice);
    expect(firing(values).sort()).toEqual(
      [
        ...[
          'the site needs somebody',
          'scans are refused',
          'a scan waits too long',
          'scans wait for a person',
        ],
        ...['the disk fills up', 'the box does not know the time', 'the agent starts again and again'],
        ...['route mail_box is paused', 'the client secret of route mail_box ends soon'],
        ...['the client secret of route direct ends soon'],
        ...underscored(DEVICES).flatMap((id) => [
          ...[`device ${id} is silent`, `device ${id} does not get its scans through`],
        ]),
      ].sort(),
    );
  });

  test('tells a site that is gone from one that was stopped', async () => {
    const status = template.items.find(({ name }) => name === 'Status')?.key ?? '';
    const info = template.items.find(({ name }) => name === 'Info')?.key ?? '';
    const values = itemValues(await masters());
    expect(firing(new Map([...values, [status, 'offline']]))).toContain('the site is gone');
    await scene.stopSite();
    const stopped = await server.value(withMacros(info, template, host), (text) =>
      text.includes('"running":false'),
    );
    const said = await server.value(withMacros(status, template, host), (text) => text === 'offline');
    const after = itemValues(new Map([...(await masters()), [info, stopped], [status, said]]));
    expect(firing(after)).toContain('the site was stopped');
    expect(firing(after)).not.toContain('the site is gone');
  });
});
