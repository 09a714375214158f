/** The values that a device is to be given, and what of them does not fit its fields. */
import { assertNever } from '../core/assert.ts';
import type { Placeholder } from '../profiles/schema-setup.ts';
import type { Connection } from './connection.ts';
import type { SheetBox, SheetDevice } from './types.ts';

export interface Values {
  /** By placeholder, as the steps of a profile name them. */
  fields: Record<Placeholder, string>;
  /** Name or address, whichever the device takes. */
  server: string;
  /** Why it is not the name, where it isn't. */
  serverNote: string | null;
  warnings: string[];
}

const NOT_NEEDED = 'leave empty';

export function valuesOf(device: SheetDevice, box: SheetBox, connection: Connection): Values {
  const address = addressFor(device, box);
  const { server, serverNote } = serverOf(device, box, address);
  const domain = box.domain ?? 'contoso.com';
  const { login } = device;
  const fields: Record<Placeholder, string> = {
    relayHost: server,
    relayAddress: address,
    port: connection.listener === null ? 'none yet' : String(connection.listener.port),
    tlsMode: tlsWord(connection),
    signIn: login === null ? 'off' : 'on',
    user: login?.user ?? NOT_NEEDED,
    password: passwordShown(login),
    from: device.from ?? `an address of your own, such as scanner@${domain}`,
    recipient: `your own address @${domain}`,
    sizeMaxKiB: String(Math.floor(Math.min(box.maxMessageBytes, device.maxMessageBytes ?? Infinity) / 1024)),
    rootCertificate: box.pageUrl === null ? 'scanferry certificate' : `${box.pageUrl}/scanferry-ca.cer`,
  };
  return { fields, server, serverNote, warnings: misfits(device, fields, server) };
}

/** Replaces `{{name}}` by its value, in the words of the field where it has its own. Throws for a name that is no placeholder: the catalogue check knows them all. */
export function fill(
  text: string,
  { fields }: Pick<Values, 'fields'>,
  words: Readonly<Record<string, string>> = {},
): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    const value = (fields as Record<string, string | undefined>)[name];
    if (value === undefined) throw new Error(`there is no value for {{${name}}}`);
    return words[value] ?? value;
  });
}

function passwordShown(login: SheetDevice['login']): string {
  if (login === null) return NOT_NEEDED;
  return login.isShown ? login.password : 'the password of this login (not printed here)';
}

/** The address in the device's own network, where that can be told; else the first. */
function addressFor({ address }: SheetDevice, { addresses }: SheetBox): string {
  const network = address?.includes('.') ? `${address.split('.').slice(0, 3).join('.')}.` : null;
  const near = network === null ? undefined : addresses.find((one) => one.startsWith(network));
  return near ?? addresses[0] ?? '';
}

function serverOf(
  { profile }: SheetDevice,
  { hostname }: SheetBox,
  address: string,
): Pick<Values, 'server' | 'serverNote'> {
  const { serverNumericOnly, serverMax } = profile?.limits ?? {};
  if (address === '') return { server: hostname, serverNote: null };
  if (serverNumericOnly === true)
    return { server: address, serverNote: 'This device takes an address only.' };
  if (serverMax !== undefined && hostname.length > serverMax) {
    return {
      server: address,
      serverNote: `The name ${hostname} is longer than the ${serverMax} characters of the field.`,
    };
  }
  return { server: hostname, serverNote: null };
}

function tlsWord({ tls }: Connection): string {
  switch (tls) {
    case 'none':
      return 'none';
    case 'starttls':
      return 'STARTTLS';
    case 'implicit':
      return 'SSL/TLS';
    case 'any':
      return 'any';
    default:
      return assertNever(tls);
  }
}

function misfits({ profile, login, from }: SheetDevice, fields: Values['fields'], server: string): string[] {
  const { passwordMax, passwordCharset, userMax, serverMax, fromMax } = profile?.limits ?? {};
  const tooLong = (what: string, value: string, max: number | undefined): string[] =>
    max !== undefined && value.length > max
      ? [`${what} is longer than the ${max} characters that this device holds: choose a shorter one.`]
      : [];
  const password = login?.password ?? '';
  const isForeign = passwordCharset !== undefined && !new RegExp(`^[${passwordCharset}]*$`).test(password);
  return [
    ...tooLong('The server', server, serverMax),
    ...tooLong('The user name', login?.user ?? '', userMax),
    ...tooLong('The password', password, passwordMax),
    ...(isForeign
      ? [`The password holds characters that this device does not take: use only ${passwordCharset}.`]
      : []),
    ...tooLong('The sender address', from ?? '', fromMax),
    ...(fields.relayAddress === ''
      ? ['The address of the box is not known: it has no network at the moment.']
      : []),
  ];
}
