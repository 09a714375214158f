/** The page of the box as the config wants it: on, off, or moved to another place. */

import type { Config } from '../config/schema.ts';
import type { Log } from '../core/log.ts';
import type { Authority } from '../intake/authority.ts';
import type { ServerCertificate } from '../intake/types.ts';
import type { Catalogue } from '../profiles/types.ts';
import { sheetBox, sheetDevice } from '../sheet/from-config.ts';
import { renderSheetPage } from '../sheet/page.ts';
import { createSheet } from '../sheet/sheet.ts';
import { createWeb, type Web } from '../web/web.ts';
import { boxAddresses } from './box-addresses.ts';

export interface BoxPage {
  /**
   * Opens, closes or moves the page; resolves with its port, or null where it is off. Rejects with OperatorError
   * when the new place can't be had; the page is then where and as it was.
   */
  show(config: Config, certificate: ServerCertificate): Promise<number | null>;
  replaceCertificate(certificate: ServerCertificate): void;
  stop(): Promise<void>;
}

interface Shown {
  web: Web;
  port: number;
  config: Config;
  certificate: ServerCertificate;
}

export function createBoxPage(deps: { log: Log; authority: Authority; profiles: Catalogue }): BoxPage {
  /** The config whose devices the page knows. */
  let current: Config | null = null;
  let shown: Shown | null = null;

  async function open(config: Config, certificate: ServerCertificate): Promise<Shown | null> {
    if (config.web === undefined) return null;
    const web = createWeb({
      log: deps.log,
      settings: config.web,
      siteName: nameOf(config),
      hostname: config.intake.hostname,
      mailPorts: () => (current ?? config).intake.listeners.map(({ port }) => port),
      certificate,
      root: { pem: deps.authority.rootPem, der: deps.authority.rootDer },
      devices: () => (current?.devices ?? []).map(({ id, name }) => ({ id, name: name ?? id })),
      sheet: (id) => sheetPage(current, deps.profiles, id),
    });
    return { web, port: await web.start(), config, certificate };
  }

  function replaceCertificate(certificate: ServerCertificate): void {
    if (shown === null) return;
    shown.web.replaceCertificate(certificate);
    shown.certificate = certificate;
  }

  return {
    async show(config, certificate) {
      const known = current;
      current = config;
      if (shown !== null && isSame(shown.config, config)) {
        replaceCertificate(certificate);
        return shown.port;
      }
      const before = shown;
      // First closed, then opened: the new place may be the old port at another address.
      await before?.web.stop();
      shown = null;
      try {
        shown = await open(config, certificate);
      } catch (error) {
        current = known;
        shown = before === null ? null : await open(before.config, before.certificate);
        throw error;
      }
      return shown?.port ?? null;
    },
    replaceCertificate,
    async stop() {
      await shown?.web.stop();
      shown = null;
    },
  };
}

/** Without the password: whoever can see the printer network can see this page. */
function sheetPage(config: Config | null, profiles: Catalogue, id: string): string | null {
  if (config === null || !config.devices.some((device) => device.id === id)) return null;
  const device = sheetDevice(config, id, { profiles, withPassword: false });
  return device === null ? null : renderSheetPage(createSheet(device, sheetBox(config, boxAddresses())));
}

function isSame(a: Config, b: Config): boolean {
  const [one, other] = [a, b].map((config) => ({
    ...config.web,
    hostname: config.intake.hostname,
    name: nameOf(config),
  }));
  return b.web !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

function nameOf({ site }: Config): string {
  return site.name ?? site.id;
}
