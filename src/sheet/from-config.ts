/** Takes out of the config what a setup sheet needs. */
import type { Config } from '../config/schema.ts';
import type { Catalogue, DeviceProfile } from '../profiles/types.ts';
import type { SheetBox, SheetDevice } from './types.ts';

/** @param addresses of the box, as the system has them. */
export function sheetBox(config: Config, addresses: readonly string[]): SheetBox {
  const { site, intake, web } = config;
  return {
    siteName: site.name ?? site.id,
    hostname: intake.hostname,
    addresses: reachable(addresses),
    listeners: intake.listeners.map(({ port, tls, floor }) => ({ port, tls, floor })),
    pageUrl: web === undefined ? null : `https://${intake.hostname}${web.port === 443 ? '' : `:${web.port}`}`,
    maxMessageBytes: intake.maxMessageBytes,
    domain: domainOf(config),
    routes: [...new Set(config.routes.map(({ kind }) => WAYS[kind]))],
  };
}

const WAYS: Record<Config['routes'][number]['kind'], string> = {
  submission: 'signed in to a mailbox',
  'direct-send': 'straight to your domain',
  connector: 'through your connector',
};

/** IPv4 first: many devices take nothing else. Loopback is for nobody on the network. */
function reachable(addresses: readonly string[]): string[] {
  const outside = addresses.filter((address) => address !== '::1' && !address.startsWith('127.'));
  const isV6 = (address: string) => address.includes(':');
  return [...outside.filter((address) => !isV6(address)), ...outside.filter(isV6)];
}

function domainOf({ routes }: Config): string | null {
  for (const route of routes) {
    if ('domain' in route) return route.domain;
    if ('mailbox' in route) return route.mailbox.split('@')[1] ?? null;
  }
  return null;
}

export interface DeviceOptions {
  profiles: Catalogue;
  /** Puts passwords on the sheet. */
  withPassword: boolean;
}

/** The device of the config with this id, or one of the profile with this id; null where there is neither. */
export function sheetDevice(config: Config, name: string, options: DeviceOptions): SheetDevice | null {
  const device = config.devices.find(({ id }) => id === name);
  if (device === undefined) {
    const profile = options.profiles.get(name);
    return profile === undefined ? null : profileOnly(profile);
  }
  const { login } = device;
  return {
    id: device.id,
    name: device.name ?? device.id,
    profile: options.profiles.get(device.profile ?? '') ?? null,
    firmware: null,
    address: device.address ?? null,
    login:
      login === undefined
        ? null
        : { user: login.user, password: login.password.reveal(), isShown: options.withPassword },
    from: device.from ?? null,
    maxMessageBytes: device.maxMessageBytes ?? null,
  };
}

function profileOnly(profile: DeviceProfile): SheetDevice {
  return {
    ...{ id: null, name: profile.title, profile, firmware: null, address: null, login: null, from: null },
    maxMessageBytes: null,
  };
}
