/** A box and devices to make setup sheets of. */
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import type { DeviceProfile } from '../../src/profiles/types.ts';
import { createSheet } from '../../src/sheet/sheet.ts';
import type { Sheet, SheetBox, SheetDevice } from '../../src/sheet/types.ts';

export const catalogue = builtInCatalogue();

export const BOX: SheetBox = {
  siteName: 'Berlin HQ',
  hostname: 'scanferry.contoso.local',
  addresses: ['192.168.50.2', '10.0.0.2'],
  listeners: [
    { port: 25, tls: 'auto', floor: 'legacy' },
    { port: 465, tls: 'implicit', floor: 'legacy' },
  ],
  pageUrl: 'https://scanferry.contoso.local',
  maxMessageBytes: 36_700_160,
  domain: 'contoso.com',
  routes: ['signed in to a mailbox'],
};

/** A device with that profile, a login and a sender. */
export function deviceOf(
  profile: string | DeviceProfile | null,
  more: Partial<SheetDevice> = {},
): SheetDevice {
  const found = typeof profile === 'string' ? catalogue.get(profile) : profile;
  if (found === undefined) throw new Error(`there is no profile ${String(profile)}`);
  return {
    ...{
      id: 'copier-2f',
      name: 'Copier second floor',
      profile: found,
      firmware: null,
      address: '192.168.50.21',
    },
    login: { user: 'copier2f', password: 'kR7pTq2mWx9Zs4Bd', isShown: true },
    ...{ from: 'scanner@contoso.com', maxMessageBytes: null },
    ...more,
  };
}

export function sheetOf(
  profile: string | DeviceProfile | null,
  more: Partial<SheetDevice> = {},
  box: Partial<SheetBox> = {},
): Sheet {
  return createSheet(deviceOf(profile, more), { ...BOX, ...box });
}
