/** What was seen of real devices, and where: each observation must be named as what the device is, or left unnamed. */
import { describe, expect, test } from 'vitest';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { createIdentifier } from '../../src/profiles/identify.ts';
import type { DeviceSignals } from '../../src/profiles/signals.ts';

const catalogue = builtInCatalogue();
const identify = createIdentifier(catalogue);

/** sysDescr and sysObjectID below 1.3.6.1.4.1, as librenms/librenms tests/snmpsim has them. */
const SNMP: [profile: string, oid: string, sysDescr: string, firmware: string | null][] = [
  ['ricoh/mp-c2503', '367.1.1', 'RICOH MP C2503 1.35 / RICOH Network Printer C model', '1.35'],
  ['lanier/mp', '367.1.1', 'LANIER MP C3501/LD635C 2.01 / LANIER Network Printer C model', '2.01'],
  ['gestetner/mp', '367.1.1', 'Gestetner MPC2500/DSc525 1.71 / Gestetner Network Printer C model', '1.71'],
  ['nrg/mp', '367.1.1', 'NRG SP 4210N 1.05 / NRG Network Printer C model', '1.05'],
  ['savin/mp', '367.1.1', 'SAVIN MP C4503 1.18 / SAVIN Network Printer C model', '1.18'],
  ['canon/ir', '1602.4.7', 'Canon iR-ADV C5235 /P', null],
  ['canon/ir', '1602.4.7', 'Canon D1180/MF6680 /P', null],
  ['konica-minolta/bizhub-i', '18334.1.1.1.2.1.181.2.4', 'KONICA MINOLTA bizhub C250i', null],
  ['konica-minolta/bizhub', '18334.1.1.1.2.1.10008.1.1', 'Konica Minolta bizhub 25e', null],
  ['develop/ineo', '18334.1.2.1.2.1.50.2.2', 'Develop ineo  280', null],
  ['hp/laserjet', '11.2.3.9.1', 'HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD149,EEPROM JDI23', null],
  [
    'brother/mfc',
    '2435.2.3.9.1',
    'Brother NC-8300h, Firmware Ver.1.14  (14.11.06),MID 8C5-F01,FID 2',
    '1.14',
  ],
  ['epson/workforce', '1248.1.1.2.1.3.5.69.69.80.83.50', 'EPSON Built-in', null],
  [
    'epson/workforce',
    '1248.1.1.2.1.3.5.69.69.80.83.50',
    'EPSON 10/100/1000 Ethernet USB Ext. Scan Server',
    null,
  ],
  ['kyocera/taskalfa', '1347.41', 'KYOCERA Document Solutions Printing System', null],
  ['kyocera/taskalfa', '1347.41', 'KYOCERA MITA Printing System', null],
  ['utax/ta', '1347.41', 'TA_UTAX Printing System', null],
  ['sharp/mx', '2385.3.1.112.1.2', 'SHARP MX-3570N', null],
  ['toshiba/e-studio', '1129.2.3.58.2', 'TOSHIBA e-STUDIO2505AC', null],
  ['lexmark/mx', '641.1.71106749', 'Lexmark T640 version NS.NP.N219 kernel 2.6.6 All-N-1', 'NS.NP.N219'],
  ['oki/mc', '2001.1.1.1.1', 'OKI OkiLAN 8500e Rev.01.23 : Attached to MC342 Rev.02.70 : ', '01.23'],
  [
    'dell/lexmark',
    '674.10898.2.100',
    'Dell S5830dn version NH62.YS.N636 kernel 3.0.0 All-N-1',
    'NH62.YS.N636',
  ],
  ['eaton/ups', '534.1', 'ConnectUPS Web/SNMP Card V4.38', '4.38'],
  ['tripp-lite/poweralert', '850.1', 'POWERALERT 12', '12'],
  ['axis/camera', '368.1.1', '; AXIS P1375; Network Camera; 10.1.0; Sep 22 2020 12:38; 795; 1;', '10.1.0'],
];

describe('sysDescr and sysObjectID name the profile, and the firmware where the maker puts it there', () => {
  test.each(SNMP)('%s at %s: %s', (profile, oid, snmpSysDescr, firmware) => {
    const found = identify({ snmpSysDescr, snmpSysObjectId: `1.3.6.1.4.1.${oid}` });
    expect(
      { verdict: found.verdict, profile: found.profile, firmware: found.firmware },
      found.sentence,
    ).toEqual({
      verdict: 'identified',
      profile,
      firmware,
    });
  });
});

/** What devices announce (mDNS records in public code; sane-airscan 98, ipp-usb 21; python-ipp and go-mfp fixtures). */
const ANNOUNCED: [profile: string, signals: DeviceSignals][] = [
  ['ricoh/mp', { dnssdTy: 'RICOH MP C2011', dnssdProduct: '(RICOH MP C2011 PS3)' }],
  ['canon/ir', { dnssdTy: 'Canon MF440 Series', dnssdHost: 'Canon12ABCD.local' }],
  ['xerox/workcentre', { dnssdTy: 'Xerox WorkCentre 3025', ouiVendor: 'Xerox' }],
  ['hp/laserjet', { dnssdTy: 'HP Color LaserJet FlowMFP M578', ouiVendor: 'HP' }],
  ['brother/mfc', { dnssdTy: 'Brother MFC-J4410DW', dnssdHost: 'BRW001BA9000000.local' }],
  ['epson/workforce', { dnssdTy: 'EPSON WF-2630 Series', dnssdHost: 'EPSON000000.local' }],
  ['kyocera/taskalfa', { dnssdTy: 'Kyocera ECOSYS M2040dn', ouiVendor: 'Kyocera' }],
  ['kyocera/taskalfa', { ippMakeModel: 'ECOSYS M2540dn', ouiVendor: 'Kyocera' }],
  ['epson/workforce', { ippMakeModel: 'EPSON XP-6000 Series', ouiVendor: 'Epson' }],
  ['brother/mfc', { ippMakeModel: 'Brother MFC-J5320DW', ouiVendor: 'Brother' }],
  ['hp/laserjet', { ippMakeModel: 'HP Officejet Pro 6830', ouiVendor: 'HP' }],
  ['xerox/workcentre', { ippMakeModel: 'Xerox(R) B235 MFP', ouiVendor: 'Xerox' }],
];

describe('what a device announces names its profile', () => {
  test.each(ANNOUNCED)('%s: %j', (profile, signals) => {
    const found = identify(signals);
    expect({ verdict: found.verdict, profile: found.profile }, found.sentence).toEqual({
      verdict: 'identified',
      profile,
    });
  });
});

describe('one signal never decides', () => {
  test.each([
    ['the number that Ricoh and four badges share', { snmpSysObjectId: '1.3.6.1.4.1.367.1.1' }],
    ['the number of every HP', { snmpSysObjectId: '1.3.6.1.4.1.11.2.3.9.1' }],
    ['a greeting', { ehlo: 'RNP002673000000' }],
    ['KM and six letters, which two makers use', { ehlo: 'KM123456', dnssdHost: 'KM123456.local' }],
    ['the maker of the network card', { ouiVendor: 'HP' }],
    ['a certificate', { tlsSubject: 'CN=Canon iR-ADV' }],
  ] satisfies [string, DeviceSignals][])('%s is not enough', (_what, signals) => {
    expect(identify(signals)).toMatchObject({ verdict: 'unknown', profile: null });
  });

  test('a brand spelled out is likely, and says so', () => {
    expect(identify({ snmpSysDescr: 'Canon iR C3220-C1 /P' })).toMatchObject({
      verdict: 'likely',
      profile: 'canon/ir',
      sentence: "It is likely canon/ir, because sysDescr begins with 'Canon '.",
    });
  });
});

describe('a signal that lies does not win', () => {
  test('an OKI that answers the device ID of HP is an OKI', () => {
    const found = identify({
      snmpSysDescr: 'OKI OkiLAN 8500e Rev.01.23 : Attached to MC873 Rev.02.70 : ',
      snmpSysObjectId: '1.3.6.1.4.1.2001.1.1.1.1',
      ippDeviceId: 'MANUFACTURE:OKI UK LTD;COMMAND SET:PCL;MODEL:MC873;',
      snmpOids: { '1.3.6.1.4.1.11.2.3.9.1.1.7.0': 'MANUFACTURE:OKI UK LTD;COMMAND SET:PCL;MODEL:MC873;' },
    });
    expect(found.profile).toBe('oki/mc');
  });

  test('a Dell with the network card of Lexmark is a Dell built by Lexmark', () => {
    const found = identify({
      snmpSysDescr: 'Dell S5830dn version NH62.YS.N636 kernel 3.0.0 All-N-1',
      snmpSysObjectId: '1.3.6.1.4.1.674.10898.2.100.1',
      ouiVendor: 'Lexmark',
    });
    expect(found).toMatchObject({ verdict: 'identified', profile: 'dell/lexmark' });
  });

  test('a Toshiba with the number of Lexmark is a Toshiba built by Lexmark', () => {
    const found = identify({
      snmpSysDescr: 'TOSHIBA e-STUDIO305CS version NH.HS2.N211 kernel 3.0.0 All-N-1',
      snmpSysObjectId: '1.3.6.1.4.1.641.2.71106760',
    });
    expect(found.profile).toBe('toshiba/e-studio-lexmark');
  });
});

test('the families, stubs, badges and generic profiles that evidence was found for are all there', () => {
  const families = ['ricoh/mp', 'canon/ir', 'xerox/workcentre', 'xerox/altalink', 'fuji-xerox/apeosport'];
  families.push('hp/laserjet', 'brother/mfc', 'epson/workforce', 'sharp/mx', 'lexmark/mx', 'dell/2335dn');
  families.push('konica-minolta/bizhub', 'fujitsu/network-scanner', 'apc/nmc');
  const stubs = ['kyocera/taskalfa', 'utax/ta', 'toshiba/e-studio', 'samsung/scx', 'oki/mc', 'lanier/mp'];
  stubs.push('savin/mp', 'gestetner/mp', 'nrg/mp', 'develop/ineo', 'axis/camera', 'synology/dsm', 'qnap/nas');
  stubs.push('hikvision/nvr', 'dahua/nvr', 'eaton/ups', 'tripp-lite/poweralert');
  const generic = ['generic/plain', 'generic/tls1.0', 'generic/implicit', 'generic/modern'];
  expect([...families, ...stubs, ...generic].filter((id) => !catalogue.has(id))).toEqual([]);
  const badges: Record<string, string> = {
    'toshiba/e-studio-lexmark': 'lexmark/mx',
    'dell/lexmark': 'lexmark/mx',
    'dell/fuji-xerox': 'fuji-xerox/apeosport',
    'dell/samsung': 'samsung/scx',
    'epson/aculaser-fx': 'fuji-xerox/apeosport',
    'xerox/samsung': 'samsung/scx',
    'konica-minolta/bizhub-20': 'brother/mfc',
    'source-technologies/st': 'lexmark/mx',
    'unisys/uds': 'lexmark/mx',
    'oce/print-server': 'brother/mfc',
    'savin/mp': 'ricoh/mp',
    'utax/ta': 'kyocera/taskalfa',
    'develop/ineo': 'konica-minolta/bizhub',
  };
  for (const [id, maker] of Object.entries(badges)) expect(catalogue.get(id)?.oemOf, id).toBe(maker);
});
