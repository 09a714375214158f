/** The files of a config on trial, at every moment at which the power may go or the disk may be full. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  beginTrial,
  countTrialStart,
  endTrial,
  readTrial,
  type Trial,
  trialState,
  undoBeforeStart,
  undoTrial,
} from '../../src/config/trial-files.ts';
import { syncedBy } from '../support/synced.ts';

const OLD = 'site: { id: old }\n';
const NEW = 'site: { id: new }\n';
const WHY = { code: 'route.paused', cause: 'The route was paused.' };

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-trial-'));
  file = path.join(folder, 'scanferry.yaml');
  writeFileSync(file, OLD);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function begin(of = file, until = 1000): Trial {
  const facts = { by: 'kim', changed: ['site'], windowMs: 1000, until };
  return beginTrial(of, NEW, { ...facts, before: {}, wasBrokerConnected: false });
}

const text = () => readFileSync(file, 'utf8');

test('an undone trial has the former config in place for good, and the reason beside it', async () => {
  const trial = begin();
  expect([text(), trialState(file, trial)]).toEqual([NEW, 'on-trial']);
  const synced = await syncedBy(() => undoTrial(file, trial, WHY));
  expect(synced[0]).toMatchObject({ path: folder });
  expect([text(), trialState(file, trial), readTrial(file)?.undone]).toEqual([OLD, 'put-back', WHY]);
  // Once more, as after a failure in between.
  undoTrial(file, trial, WHY);
  expect(text()).toBe(OLD);
});

test('a power cut right after it, or right before the new config came in place, does not make it one that was kept', () => {
  const trial = begin();
  renameSync(`${file}.previous`, file);
  expect(trialState(file, trial)).toBe('put-back');
  writeFileSync(file, OLD);
  writeFileSync(`${file}.previous`, OLD);
  expect(trialState(file, trial)).toBe('put-back');
});

test('what a person has made of it is neither on trial nor put back', () => {
  const trial = begin();
  writeFileSync(file, `${NEW}web: {}\n`);
  expect(trialState(file, trial)).toBe('edited');
});

test('a record that can not be written keeps nobody from going back before a start', () => {
  const trial = begin();
  mkdirSync(`${file}.trial.${process.pid}.tmp`);
  expect(countTrialStart(file)).toBe(false);
  expect(undoBeforeStart(file, WHY)).toBe(true);
  expect([text(), trialState(file, trial)]).toEqual([OLD, 'put-back']);
  expect(readTrial(file)).toEqual(trial);
});

test('a start that finds nothing to go back to says what it fails with', () => {
  begin();
  rmSync(`${file}.previous`);
  expect(undoBeforeStart(file, WHY)).toBe(false);
  rmSync(file);
  expect(undoBeforeStart(file, WHY)).toBe(false);
});

test('the end of a trial leaves no record of it, also after a power cut, and that of a later one alone', async () => {
  const first = begin();
  const synced = await syncedBy(() => endTrial(file, first));
  expect(synced).toEqual([{ path: folder, names: ['scanferry.yaml', 'scanferry.yaml.previous'] }]);
  const second = begin(file, 2000);
  endTrial(file, first);
  expect(readTrial(file)).toEqual(second);
});
