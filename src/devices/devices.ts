/**
 * The register of devices: those of the config, those a person has approved, and those that are unknown yet.
 *
 * It answers intake's question of what is known of an address, and takes what each session showed. An approval is
 * durable before anything is released, and in force before the command answers.
 */
import { isIP } from 'node:net';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { createTurns } from '../core/turns.ts';
import type { FoundDevice } from '../discovery/types.ts';
import { normaliseAddress } from '../intake/addresses.ts';
import type { SessionObservation } from '../intake/observation.ts';
import { explain, isTelling } from '../intake/replies.ts';
import type { DeviceSettings } from '../intake/settings.ts';
import { type KnownDevice, treatmentOf } from '../intake/treatment.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import { type ApprovedDevice, createApprovedDevices, isAt, withApproved, yamlOf } from './approved.ts';
import { describeDevice, likelyOf, type Place, type PlaceFacts } from './describe.ts';
import { draftProfile, sessionText } from './draft.ts';
import { countHeld, releaseHeld } from './held-mail.ts';
import { createMeasurements } from './measurements.ts';
import { overlayOf } from './overlay.ts';
import { PROBLEMS } from './problems.ts';
import { createRecogniser, type Recognised } from './recognise.ts';
import type {
  Approval,
  ApproveRequest,
  CaptureDeviceRequest,
  DeviceCapture,
  DeviceDetail,
  DeviceRow,
  Devices,
  DevicesDeps,
  ForgetRequest,
  Forgotten,
  ToldRefusal,
} from './types.ts';

const ID = /^[a-z0-9-]{1,64}$/;

/** From here the doctor looks at the listeners of its own box, which is no device; who sends from here is one. */
const LOOPBACK = new Set(['127.0.0.1', '::1']);

export function createDevices(deps: DevicesDeps): Devices {
  const { clock, log, spool, catalogue } = deps;
  const measurements = createMeasurements({ clock, log, spool });
  const approved = createApprovedDevices(spool);
  const recogniser = createRecogniser(catalogue, deps.catalogueChanges);
  /** The id that one has chosen must be taken when the next one chooses. */
  const changes = createTurns();

  const known = () => withApproved(deps.configured(), approved.list());

  function recognise(address: string): Recognised & { found: FoundDevice | null } {
    const found = deps.discovery.foundAt(address);
    const greeting = measurements.at(address)?.measured.greeting?.name ?? null;
    return { ...recogniser.recognise(address, found, greeting), found };
  }

  function givenProfile(device: DeviceSettings | null): DeviceProfile | null {
    return device?.profile === undefined ? null : (catalogue.get(device.profile) ?? null);
  }

  function knownAt(address: string, device: DeviceSettings | null): KnownDevice {
    const recognised = recognise(address);
    const given = givenProfile(device);
    const profile = given ?? recognised.profile;
    return {
      profile,
      origin: given !== null ? 'given' : profile === null ? null : 'identified',
      firmware: profile === null ? null : recogniser.firmware(profile, recognised.signals),
      measured: measurements.at(address)?.measured ?? null,
    };
  }

  function observed(seen: SessionObservation): void {
    const { recognised: told } = measurements.add(seen);
    const device = known().find(({ id }) => id === seen.device) ?? null;
    if (givenProfile(device) !== null) return;
    const { identification, profile } = recognise(seen.address);
    if ((profile?.id ?? null) === told) return;
    measurements.told(seen.address, profile?.id ?? null);
    const { model, firmware, sentence } = identification;
    const data = {
      ...{ address: seen.address, device: seen.device, profile: profile?.id ?? null },
      ...{ model, firmware, why: sentence },
    };
    log.info('device.recognised', data);
    spool.record({ type: 'device.recognised', data }).catch((error: unknown) => {
      log.error('event.lost', { event: 'device.recognised', error: describeError(error) });
    });
  }

  /** What is known of a place; of a device that has not been seen only what it was given. */
  function factsOf({ device, address }: Place): PlaceFacts {
    if (address !== null) return { known: knownAt(address, device), recognised: recognise(address) };
    const profile = givenProfile(device);
    const origin = profile === null ? null : ('given' as const);
    return { known: { profile, origin, firmware: null, measured: null }, recognised: null };
  }

  const rowOf = (place: Place, held: ReadonlyMap<string, number>): DeviceRow =>
    describeDevice(place, factsOf(place), held.get(place.address ?? '') ?? 0);

  /** Every device, each address once: known ones first, then those that wait, that have sent, and that were found. */
  function places(held: ReadonlyMap<string, number>): Place[] {
    const configured = deps.configured();
    const named = known().map((device): Place => {
      const address = device.address === undefined ? seenAs(device.id) : normaliseAddress(device.address);
      return { device, address, standing: configured.includes(device) ? 'config' : 'approved' };
    });
    const taken = new Set(named.map(({ address }) => address));
    const strangers = [
      ...[...held.keys()].map((address) => ({ address, standing: 'held' as const })),
      ...[...measurements.all()]
        .filter(([address, { measured }]) => measured.messages > 0 || !LOOPBACK.has(address))
        .map(([address]) => ({ address, standing: 'seen' as const })),
      ...deps.discovery
        .found()
        .map(({ device }) => ({ address: device.address, standing: 'found' as const })),
    ];
    const unknown = strangers.flatMap(({ address, standing }): Place[] => {
      if (taken.has(address)) return [];
      taken.add(address);
      return [{ device: null, address, standing }];
    });
    return [...named, ...unknown];
  }

  /** The address from which a device that is known by its login sent last. */
  function seenAs(id: string): string | null {
    const all = [...measurements.all()].filter(([, { device }]) => device === id);
    return all.at(-1)?.[0] ?? null;
  }

  async function placeOf(which: string): Promise<Place> {
    const place = placeIn(await countHeld(spool), which);
    if (place === null) throw new OperatorError(PROBLEMS.unknownDevice(which));
    return place;
  }

  function placeIn(held: ReadonlyMap<string, number>, which: string): Place | null {
    const address = isIP(which) === 0 ? null : normaliseAddress(which);
    const isMeant = (one: Place) => one.device?.id === which || (address !== null && one.address === address);
    return places(held).find(isMeant) ?? null;
  }

  /** Of an address that was turned away at the door nothing is known but that. */
  async function refusedStranger(which: string): Promise<Place> {
    const address = isIP(which) === 0 ? null : normaliseAddress(which);
    const place: Place = { device: null, address, standing: 'seen' };
    if (address === null || (await refusalOf(place)) === null)
      throw new OperatorError(PROBLEMS.unknownDevice(which));
    return place;
  }

  async function refusalOf({ device, address }: Place): Promise<ToldRefusal | null> {
    const refusal = await deps.refusalOf({ id: device?.id ?? null, address });
    if (refusal === null || !isTelling(refusal.code)) return null;
    const { at, isOver } = refusal;
    return { at, ...explain(refusal.code), isOver };
  }

  async function approve(request: ApproveRequest): Promise<Approval> {
    const { device: which, by } = request;
    const configured = deps
      .configured()
      .find((one) => one.id === which || isAt(one, normaliseAddress(which)));
    if (configured !== undefined) return releaseKnown(configured, request);
    const before = approved.find(which);
    const entry = entryFor(request, before);
    if (before === null && approved.list().length >= LIMITS.approvedDevicesMax) {
      throw new OperatorError(PROBLEMS.tooMany(LIMITS.approvedDevicesMax));
    }
    await approved.put(entry);
    if (before !== null && before.id !== entry.id) await approved.remove(before.id);
    await deps.onKnown(known());
    return release(entry, by);
  }

  /** What will be kept: the request's word first, then that of an earlier approval, then what was recognised. */
  function entryFor(
    { device: which, ...request }: ApproveRequest,
    before: ApprovedDevice | null,
  ): ApprovedDevice {
    if (before === null && isIP(which) === 0) {
      throw new OperatorError(PROBLEMS.notAnAddress(which), { exitCode: 2 });
    }
    const address = before?.address ?? normaliseAddress(which);
    const profile = request.profile ?? before?.profile ?? recognise(address).profile?.id;
    if (profile !== undefined && !catalogue.has(profile)) {
      throw new OperatorError(PROBLEMS.unknownProfile(profile), { exitCode: 2 });
    }
    const id = request.id ?? before?.id ?? freeId(address, profile);
    assertFree(id, address);
    const name = request.name ?? before?.name;
    return {
      ...{ id, address, at: clock.now(), by: request.by },
      ...(name === undefined ? {} : { name }),
      ...(profile === undefined ? {} : { profile }),
    };
  }

  /** One of the config needs no approval; what came before it stood there may still wait. */
  async function releaseKnown(
    device: DeviceSettings,
    { id, profile, by }: ApproveRequest,
  ): Promise<Approval> {
    const { address } = device;
    if (address === undefined || id !== undefined || profile !== undefined) {
      throw new OperatorError(PROBLEMS.inConfig(device.id), { exitCode: 2 });
    }
    const entry = { id: device.id, address: normaliseAddress(address), at: clock.now(), by };
    return release({ ...entry, ...(device.profile === undefined ? {} : { profile: device.profile }) }, by);
  }

  async function release(entry: ApprovedDevice, by: string): Promise<Approval> {
    const released = await releaseHeld(spool, entry.address, by);
    const profile = entry.profile ?? null;
    const { id, address } = entry;
    await spool.record({ type: 'device.approved', data: { device: id, address, profile, by, released } });
    log.info('device.approved', { device: id, address, profile, by, released });
    deps.wake();
    const recognised = recognise(address);
    const likely = profile === null ? likelyOf(null, recognised) : null;
    return {
      id,
      address,
      profile,
      likely,
      why: recognised.identification.sentence,
      released,
      yaml: yamlOf(entry),
    };
  }

  function assertFree(id: string, address: string): void {
    if (!ID.test(id)) throw new OperatorError(PROBLEMS.badId(id), { exitCode: 2 });
    const other = known().find((device) => device.id === id && device.address !== address);
    if (other !== undefined)
      throw new OperatorError(PROBLEMS.idTaken(id, other.address ?? 'another address'));
  }

  /** Such as `ricoh-mp-21`: what it is, and the end of its address, by which people know devices. */
  function freeId(address: string, profile: string | undefined): string {
    const kind = (profile ?? 'device').replace(/[^a-z0-9]+/g, '-').slice(0, 40);
    const end =
      address
        .split(/[.:]/)
        .filter((part) => part !== '')
        .at(-1) ?? '0';
    const wanted = `${kind}-${end}`;
    const taken = new Set(known().map(({ id }) => id));
    for (let number = 2; ; number += 1) {
      const id = number === 2 ? wanted : `${wanted}-${number}`;
      if (!taken.has(id)) return id;
      if (number > LIMITS.approvedDevicesMax + taken.size) throw new Error('no id is free');
    }
  }

  async function forget({ device: which, by }: ForgetRequest): Promise<Forgotten> {
    const place = await placeOf(which);
    const id = place.device?.id ?? null;
    const { address, standing } = place;
    if (standing === 'config' || address === null)
      throw new OperatorError(PROBLEMS.inConfig(id ?? which), { exitCode: 2 });
    if (standing === 'found') throw new OperatorError(PROBLEMS.onlyFound(address));
    if (id !== null) await approved.remove(id);
    await measurements.forget(address);
    deps.forgetTls(address);
    await deps.onKnown(known());
    await spool.record({ type: 'device.forgotten', data: { device: id, address, by } });
    log.info('device.forgotten', { device: id, address, by });
    return { id, address };
  }

  /** An address need not be known before: it is captured when it comes. */
  async function addressOf(which: string): Promise<string> {
    if (isIP(which) !== 0) return normaliseAddress(which);
    const place = await placeOf(which);
    if (place.address === null) throw new OperatorError(PROBLEMS.noAddress(which));
    return place.address;
  }

  async function capture({ device: which, waitMs, signal }: CaptureDeviceRequest): Promise<DeviceCapture> {
    const address = await addressOf(which);
    const prefixes = [...catalogue.values()].flatMap(({ smtp }) => smtp?.helo?.prefix ?? []);
    const recording = deps.capture({ address, waitMs, prefixes, signal });
    if (recording === null) throw new OperatorError(PROBLEMS.captureBusy());
    const { lines, sessions, delivered } = await recording;
    const { identification, signals } = recognise(address);
    const device = known().find((one) => isAt(one, address)) ?? null;
    const parent = givenProfile(device) ?? catalogue.get(identification.profile ?? '') ?? null;
    const { model, firmware } = identification;
    const facts = { version: deps.version, day: new Date(clock.now()).toISOString().slice(0, 10), delivered };
    return {
      ...{ sessions, delivered },
      session: lines.length === 0 ? null : sessionText(`A scan of ${model ?? 'this device'}.`, facts, lines),
      profile: draftProfile({
        ...{ catalogue, parent, model, firmware, signals, ...facts },
        measured: measurements.at(address)?.measured ?? null,
      }),
    };
  }

  return {
    async start() {
      await Promise.all([measurements.load(), approved.load()]);
    },
    stop: () => measurements.flush(),
    withApproved: (configured) => withApproved(configured, approved.list()),
    of: (address, device) => knownAt(address, device),
    observed,
    async list() {
      const held = await countHeld(spool);
      return places(held).map((place) => rowOf(place, held));
    },
    async show(which): Promise<DeviceDetail> {
      const held = await countHeld(spool);
      const place = placeIn(held, which) ?? (await refusedStranger(which));
      const { known: one } = factsOf(place);
      const by = place.standing === 'approved' ? approved.find(place.device?.id ?? '') : null;
      return {
        ...rowOf(place, held),
        overlay: overlayOf(one),
        measured: one.measured,
        treatment: treatmentOf(one),
        approved: by === null ? null : { at: by.at, by: by.by },
        refusal: await refusalOf(place),
      };
    },
    approve: (request) => changes.take(() => approve(request)),
    capture,
    forget: (request) => changes.take(() => forget(request)),
  };
}
