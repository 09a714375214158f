/** `make bench`: the agent and Postfix on the same work, in one run, in one table. `--quick` is short; `--folder` chooses the disk. */
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../../test/support/processes.ts';
import { startAgent } from './agent-subject.ts';
import { type Case, casesOf, nameOf } from './cases.ts';
import { type IdleFigures, measureIdle, REST_MS } from './idle.ts';
import { openWays, type Ways } from './inward.ts';
import { startLibraries } from './libraries-subject.ts';
import { type Figures, measure, medianOf } from './measure.ts';
import { measureMemoryCurve } from './memory-curve.ts';
import { startPostfix } from './postfix-subject.ts';
import { readUsage } from './process-tree.ts';
import { measureSmallBox } from './small-box.ts';
import { fillSpool, timeToGreeting } from './start-up.ts';
import type { Place, Subject } from './subject.ts';
import { header, line } from './table.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const MIB = 1024 * 1024;
/** A virtual machine shares its cores: the same load took 3.1 and 4.3 ms a minute apart. Of three turns each the middle one counts. */
const ROUNDS = 3;
/** Nobody listens there: what waits, waits. */
const CLOSED_PORT = 9;

interface Stage {
  isQuick: boolean;
  upstream: Upstream;
  /** A folder of its own for each thing that is started. */
  place(name: string): Place;
  /** Configuration of stunnel. */
  folder: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, folder: { type: 'string', default: '/var/tmp' } },
  });
  const folder = await mkdtemp(path.join(values.folder, 'scanferry-bench-'));
  // Postfix's daemons reach their folders as a user of their own.
  await chmod(folder, 0o755);
  // What was started ends with this process; its folder would stay.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(1);
    });
  }
  try {
    await run(folder, values.quick);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(folder: string, isQuick: boolean): Promise<void> {
  const [processor] = os.cpus();
  const load = os.loadavg()[0]?.toFixed(1);
  console.log(`${os.cpus().length} × ${processor?.model}, Linux ${os.release()}, load before ${load}\n`);
  const tls = path.join(folder, 'tls');
  await mkdir(tls);
  const upstream = await startUpstream(tls);
  const caFile = upstream.certificates.caFile;
  const place = (name: string) => ({
    folder: path.join(folder, name),
    upstreamPort: upstream.port,
    caFile,
  });
  const stage = { isQuick, upstream, place, folder: tls };
  try {
    await compare(stage);
    await showStartUp(stage);
    if (!isQuick) {
      console.log(`${await measureMemoryCurve(place, upstream)}\n`);
      console.log(await measureSmallBox(place('small-box'), upstream));
    }
  } finally {
    await upstream.stop();
  }
}

/** Both run all the time; the one that is not measured is idle. */
async function compare(stage: Stage): Promise<void> {
  const agent = await startAgent(stage.place('scanferry'));
  try {
    // Beside the others: what guards Postfix removes this folder itself, after it has stopped it.
    const folder = await mkdtemp(`${path.dirname(stage.folder)}-postfix-`);
    const postfix = await startPostfix({ ...stage.place('postfix'), folder });
    try {
      const [agentIdle, postfixIdle] = await compareIdle(stage, [agent, postfix]);
      await compareLoads(
        stage,
        { ...agent, idleBytes: agentIdle?.anonymousBytes ?? 0 },
        { ...postfix, idleBytes: postfixIdle?.anonymousBytes ?? 0 },
      );
    } finally {
      await postfix.stop();
    }
  } finally {
    await agent.stop();
  }
}

async function compareIdle({ isQuick }: Stage, subjects: readonly Subject[]): Promise<IdleFigures[]> {
  const seconds = isQuick ? 10 : 30;
  await pause(REST_MS);
  const figures = await Promise.all(subjects.map(({ pid }) => measureIdle(pid, seconds * 1000)));
  console.log(`| idle for ${seconds} s | resident MiB | anonymous MiB | CPU | written bytes |`);
  console.log('|---|---|---|---|---|');
  subjects.forEach(({ name }, index) => {
    console.log(`| ${name} | ${idleCells(figures[index])} |`);
  });
  console.log('');
  return figures;
}

type Measured = Subject & { idleBytes: number };

function idleCells(figures: IdleFigures | undefined): string {
  if (figures === undefined) return '';
  const { residentBytes, anonymousBytes, cpuShare, writtenBytes } = figures;
  return [
    (residentBytes / MIB).toFixed(1),
    (anonymousBytes / MIB).toFixed(1),
    `${(cpuShare * 100).toFixed(2)} %`,
    writtenBytes,
  ].join(' | ');
}

/** All take turns with each load, so that they meet the same hour of the machine. */
async function compareLoads(stage: Stage, agent: Measured, postfix: Measured): Promise<void> {
  const libraries = await startLibraries(stage.place('libraries'));
  const subjects = [
    await readied(stage, agent),
    await readied(stage, postfix),
    await readied(stage, { ...libraries, idleBytes: readUsage(libraries.pid).anonymousBytes }),
  ] as const;
  console.log(
    'Each cell: Scanferry / Postfix (ratio). CPU per message, anonymous memory at its peak above idle,',
  );
  console.log('all resident memory at its peak, bytes written to the disk per byte of the messages.\n');
  console.log(header());
  const floor: string[] = [];
  for (const one of casesOf(stage.isQuick)) {
    const [ours, theirs, bare] = await takeTurns(stage, one, subjects);
    const name = nameOf(one);
    console.log(line({ name, measured: ours, postfix: theirs }));
    if (bare !== null) floor.push(line({ name, measured: bare, postfix: theirs }));
  }
  console.log('\nThe same with smtp-server and nodemailer alone, which keep nothing, / Postfix as above:\n');
  console.log(`${[header(), ...floor].join('\n')}\n`);
  for (const { ways } of subjects) await ways.stop();
  await libraries.stop();
}

type Readied = Measured & { ways: Ways };

/** Opens the ways to it, and sends it its first messages. */
async function readied({ folder, upstream }: Stage, subject: Measured): Promise<Readied> {
  const ways = await openWays(folder, subject.name.replace(' ', '-'), subject.port);
  await measure(subject, { messages: 100, connections: 10, bytes: 4096 }, upstream);
  return { ...subject, ways };
}

/** The middle one of several turns of each; null for the libraries where they have no turn. */
async function takeTurns(
  { isQuick, upstream }: Stage,
  { load, inward, hasFloor }: Case,
  [agent, postfix, libraries]: readonly [Readied, Readied, Readied],
): Promise<[ours: Figures, theirs: Figures, bare: Figures | null]> {
  const turn = (subject: Readied) => measure({ ...subject, port: subject.ways.port(inward) }, load, upstream);
  const rounds: { ours: Figures; theirs: Figures; bare: Figures | null }[] = [];
  while (rounds.length < (isQuick ? 1 : ROUNDS)) {
    rounds.push({
      ours: await turn(agent),
      theirs: await turn(postfix),
      bare: hasFloor ? await turn(libraries) : null,
    });
  }
  const bare = rounds.flatMap((round) => round.bare ?? []);
  return [
    medianOf(rounds.map(({ ours }) => ours)),
    medianOf(rounds.map(({ theirs }) => theirs)),
    bare.length === 0 ? null : medianOf(bare),
  ];
}

async function showStartUp({ isQuick, place }: Stage): Promise<void> {
  const count = isQuick ? 10_000 : 100_000;
  const waiting = { ...place('waiting'), upstreamPort: CLOSED_PORT };
  // Where so much waits was a start before, and what only a first one makes is there.
  await (await startAgent(waiting)).stop();
  await fillSpool(path.join(waiting.folder, 'data'), count);
  const times: number[] = [];
  while (times.length < ROUNDS) {
    const port = await freePort();
    const [ms, agent] = await timeToGreeting(port, () => startAgent(waiting, { port }));
    times.push(ms);
    await agent.stop();
  }
  const shown = times.map((ms) => ms.toFixed(0)).join(', ');
  console.log(`From start to greeting with ${count} messages waiting: ${shown} ms\n`);
}

await main();
