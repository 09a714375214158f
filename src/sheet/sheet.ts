/** Puts a setup sheet together: from the profile, the config of the device, and this box. Pure. */

import { GRADES } from '../profiles/schema-evidence.ts';
import type { DeviceError, SetupWay } from '../profiles/schema-setup.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import { type Connection, connectionOf } from './connection.ts';
import type { Sheet, SheetBox, SheetDevice, SheetLeg, SheetValue, SheetWay } from './types.ts';
import { fill, type Values, valuesOf } from './values.ts';

export function createSheet(device: SheetDevice, box: SheetBox): Sheet {
  const connection = connectionOf(device, box);
  const values = valuesOf(device, box, connection);
  const { profile } = device;
  return {
    title: `Setting up ${device.name}`,
    device: profile?.title ?? 'a device of an unknown kind',
    site: box.siteName,
    knowledge: knowledgeOf(profile),
    values: valueRows(device, box, connection, values),
    ways: (profile?.setup ?? []).map((way) => wayOf(way, values)),
    legs: legsOf(device, box, connection),
    warnings: [...connection.warnings, ...values.warnings, ...updatesOf(profile)],
    certificate: certificateOf(profile, box, connection),
    test: testOf(device, values),
    errors: errorsOf(profile),
    url: device.id === null || box.pageUrl === null ? null : `${box.pageUrl}/sheet/${device.id}`,
  };
}

function knowledgeOf(profile: DeviceProfile | null): string {
  if (profile === null) return 'No profile is set for this device, so the names of its fields are not known.';
  if (profile.setup === undefined) {
    return 'No text of the maker was found that shows the fields of this device; look for “SMTP”, “E-mail server” or “Scan to e-mail” in its menus.';
  }
  return profile.status === 'field-verified'
    ? 'Menus and values were verified on such a device.'
    : 'Menus are quoted from the sources below; another firmware may name them differently.';
}

function valueRows(
  device: SheetDevice,
  box: SheetBox,
  { tls, listener }: Connection,
  values: Values,
): SheetValue[] {
  const address = values.fields.relayAddress;
  const usesName = values.server === box.hostname;
  const row = (label: string, value: string, note: string | null = null): SheetValue => ({
    label,
    value,
    note,
  });
  const worksAnyway =
    listener?.tls === 'auto' ? 'This port works with any of the settings: none, STARTTLS, SSL/TLS.' : null;
  return [
    row(
      'SMTP server',
      values.server,
      usesName && address !== '' ? `or its address ${address}` : values.serverNote,
    ),
    row('Port', values.fields.port, worksAnyway),
    row(
      'Encryption',
      values.fields.tlsMode,
      tls === 'any' ? 'Take the strongest one that the device offers.' : null,
    ),
    ...signInRows(device, values).map(([label, value, note]) => row(label, value, note)),
    row(
      'Sender address',
      values.fields.from,
      device.from === null ? null : 'The box puts it in, whatever the device sends.',
    ),
    row(
      'Largest message',
      `${values.fields.sizeMaxKiB} KB`,
      'Set the device to split or shrink what is larger.',
    ),
  ];
}

function signInRows({ login }: SheetDevice, { fields }: Values): [string, string, string | null][] {
  if (login === null) return [['Sign-in', 'off', 'No user name, no password, no POP before SMTP.']];
  return [
    ['Sign-in', 'on (SMTP authentication)', null],
    ['User name', login.user, null],
    ['Password', fields.password, null],
  ];
}

function wayOf(way: SetupWay, values: Values): SheetWay {
  const title = [way.title ?? WHERE[way.ui], way.models, way.firmware].filter(Boolean).join(', ');
  const partial = way.complete ? '' : '; it shows only part of the fields';
  return {
    title,
    evidence: `${GRADES[way.grade]}: ${way.source} (read ${way.date})${partial}`,
    steps: way.steps.map(({ path, label, set, limit, words }) => ({
      ...{ path, label: label ?? null, set: fill(set, values, words), limit: limit ?? null },
    })),
    note: way.note === undefined ? null : fill(way.note, values),
  };
}

const WHERE: Record<SetupWay['ui'], string> = {
  web: 'In the web page of the device',
  panel: 'At the panel of the device',
  service: 'In the service mode of the device',
};

function legsOf({ name }: SheetDevice, box: SheetBox, { tls, versions }: Connection): [SheetLeg, SheetLeg] {
  const ways: Record<Connection['tls'], string> = {
    none: 'plain text, inside your network only',
    starttls: `${versions || 'TLS'}, by STARTTLS`,
    implicit: `${versions || 'TLS'}, from the first byte`,
    any: 'encrypted where the device can',
  };
  return [
    {
      from: name,
      to: box.hostname,
      encryption: ways[tls],
      isEncrypted: tls === 'starttls' || tls === 'implicit',
    },
    {
      from: box.hostname,
      to: 'Microsoft 365',
      encryption: `TLS 1.2 or newer, verified; ${box.routes.join(', ')}`,
      isEncrypted: true,
    },
  ];
}

function updatesOf(profile: DeviceProfile | null): string[] {
  return (profile?.tls?.ranges ?? []).flatMap(({ update }) =>
    update === undefined
      ? []
      : [`An update${update.to === undefined ? '' : ` to ${update.to}`} is worth making: ${update.brings}`],
  );
}

function certificateOf(
  profile: DeviceProfile | null,
  { pageUrl, hostname }: SheetBox,
  { tls }: Connection,
): string {
  if (tls === 'none') return 'None is needed: this device sends without encryption.';
  const place =
    pageUrl === null ? '`scanferry certificate` on the box prints it' : `${pageUrl}/scanferry-ca.cer or .pem`;
  const insists =
    profile?.tls?.ranges?.some(({ trustsOnlyInstalledCa }) => trustsOnlyInstalledCa === true) ?? false;
  return insists
    ? `This device can check certificates: install the root certificate of the box there (${place}), and enter the server by its name ${hostname}; or leave its check off.`
    : `Leave the device’s certificate check off; if it insists on one, install the root certificate of the box (${place}).`;
}

function testOf({ id, address }: SheetDevice, { fields }: Values): string[] {
  const filter = id ?? address;
  const see = filter === null ? 'scanferry history' : `scanferry history --device ${filter}`;
  return [
    `Scan one page to ${fields.recipient}.`,
    `On the box, \`${see}\` shows it within seconds, with every reply on its way.`,
    'If nothing shows there, the device did not reach the box: check server and port, and that it stands in a trusted network.',
    `If it waits there as held, the box does not know the device yet: \`scanferry devices approve ${address ?? 'ADDRESS'}\` lets it in.`,
    'A sentence that the box tells the device, such as “535 5.7.8 User name or password is wrong”, says what to correct.',
  ];
}

function errorsOf(profile: DeviceProfile | null): Sheet['errors'] {
  return (profile?.errors ?? []).map(({ code, meaning, advice }: DeviceError) => ({
    ...{ code, meaning, advice: advice ?? null },
  }));
}
