/** A printer VLAN of real programs: the box and each device in a network namespace of its own, joined by a bridge. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  type CommandResult,
  type RunningProcess,
  runCommand,
  runOrThrow,
  startProcess,
} from '../support/processes.ts';

/** The network exists in the namespaces only. */
export const NETWORK = '192.168.50.0/24';
export const BOX = '192.168.50.2';

export interface VlanDevice {
  address: string;
  mac: string;
  /** Shell lines that end in `exec`, run once its network is up. Names {address} and {folder} are filled in. */
  script: string;
}

export interface Vlan {
  folder: string;
  /** Puts a device on the network; resolves when it prints a line that fits `ready`. */
  add(device: VlanDevice, ready: RegExp): Promise<void>;
  /** Runs a program at the box. */
  atBox(file: string, args: readonly string[], limitMs?: number): Promise<CommandResult>;
  /** Starts a program at the box that stays. */
  startAtBox(file: string, args: readonly string[]): RunningProcess;
  stop(): Promise<void>;
}

const BOX_SCRIPT = [
  'ip link set lo up',
  'ip link add br0 type bridge mcast_snooping 0',
  `ip address add ${BOX}/24 dev br0`,
  'ip link set br0 up',
  'echo ready',
  'exec sleep infinity',
].join('\n');

/** Needs root, as the packages it uses do; it touches nothing outside the namespaces it makes. */
export async function startVlan(): Promise<Vlan> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-vlan-'));
  const box = startProcess('unshare', ['--net', '--', 'sh', '-ec', BOX_SCRIPT]);
  await box.waitForLine(/^ready$/);
  const inBox = (file: string, args: readonly string[]) => [
    ...['--target', String(box.pid), '--net', '--', file],
    ...args,
  ];
  const devices: RunningProcess[] = [];

  async function plugIn(device: RunningProcess, number: number): Promise<void> {
    const port = `port${number}`;
    const link = ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(device.pid)];
    await runOrThrow('nsenter', inBox('ip', link));
    await runOrThrow('nsenter', inBox('ip', ['link', 'set', port, 'master', 'br0', 'up']));
  }

  return {
    folder,
    async add({ address, mac, script }, ready) {
      const lines = [
        'echo waiting',
        'read -r _',
        'ip link set lo up',
        `ip link set eth0 address ${mac}`,
        `ip address add ${address}/24 dev eth0`,
        `ip address add fd00:50::${address.split('.')[3]}/64 dev eth0 nodad`,
        'ip link set eth0 up',
        script.replaceAll('{address}', address).replaceAll('{folder}', folder),
      ].join('\n');
      // A PID namespace of its own takes everything along that the script has started.
      const spaces = ['--net', '--mount', '--pid', '--fork', '--kill-child'];
      const device = startProcess('unshare', [...spaces, '--', 'sh', '-ec', lines]);
      const number = devices.push(device);
      await device.waitForLine(/^waiting$/);
      await plugIn(device, number);
      device.stdin.write('go\n');
      await device.waitForLine(ready);
    },
    atBox: (file, args, limitMs = 90_000) => runCommand('nsenter', inBox(file, args), { limitMs }),
    startAtBox: (file, args) => startProcess('nsenter', inBox(file, args)),
    async stop() {
      await Promise.all(devices.map((device) => device.stop()));
      await box.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian's snmpd as the agent of a device. Further values by OID, as texts. */
export function snmpDevice(
  vlan: Vlan,
  about: {
    address: string;
    mac: string;
    sysDescr: string;
    sysObjectId: string;
    name: string;
    values?: Record<string, string>;
  },
): [VlanDevice, RegExp] {
  const { address, mac, sysDescr, sysObjectId, name, values = {} } = about;
  const config = path.join(vlan.folder, `${name}.conf`);
  const overrides = Object.entries(values).map(([oid, text]) => `override ${oid} octet_str "${text}"`);
  writeFileSync(
    config,
    [
      `agentaddress udp:${address}:161`,
      'rocommunity public',
      `sysDescr ${sysDescr}`,
      `sysObjectID ${sysObjectId}`,
      `sysName ${name}`,
      ...overrides,
      '',
    ].join('\n'),
  );
  // snmpd keeps its own state below /var/lib/snmp, which is the machine's.
  const script = `mount -t tmpfs tmpfs /run\nexport SNMP_PERSISTENT_DIR=/run\nexec snmpd -f -Lo -C -c ${config} -p /run/snmpd.pid`;
  return [{ address, mac, script }, /NET-SNMP version/];
}

const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/bus</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_type="method_return"/>
<allow send_type="error"/><allow receive_type="method_call"/><allow receive_type="method_return"/>
<allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>
`;

/** CUPS' ippeveprinter as an IPP device that avahi announces by DNS-SD. */
export function ippDevice(
  vlan: Vlan,
  about: { address: string; mac: string; host: string; make: string; model: string },
): [VlanDevice, RegExp] {
  const { address, mac, host, make, model } = about;
  const bus = path.join(vlan.folder, 'bus.conf');
  writeFileSync(bus, BUS);
  const avahi = writeAvahiConfig(vlan, host, 'yes');
  const last = address.split('.')[3];
  const script = [
    'mount -t tmpfs tmpfs /run',
    'export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus',
    `dbus-daemon --config-file=${bus} --nofork --nopidfile &`,
    'until [ -S /run/bus ]; do sleep 0.05; done',
    `avahi-daemon --no-drop-root --no-chroot --no-rlimits -f ${avahi} >/run/avahi.log 2>&1 &`,
    'until grep -q "startup complete" /run/avahi.log; do sleep 0.05; done',
    `printf '127.0.0.1 localhost\\n{address} ${host}.local\\nfd00:50::${last} ${host}.local\\n' >/run/hosts`,
    'mount --bind /run/hosts /etc/hosts',
    `exec ippeveprinter -v -M '${make}' -m '${model}' -n ${host}.local -p 631 -d /run '${make} ${model}'`,
  ].join('\n');
  return [{ address, mac, script }, /printer-uuid=/];
}

/** avahi alone, with one service of a scanner that answers nothing else. */
export function announcedDevice(
  vlan: Vlan,
  about: { address: string; mac: string; host: string; ty: string },
): [VlanDevice, RegExp] {
  const { address, mac, host, ty } = about;
  const service = path.join(vlan.folder, `${host}.service`);
  writeFileSync(
    service,
    `<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>${ty}</name><service><type>_uscan._tcp</type><port>9095</port>
<txt-record>ty=${ty}</txt-record><txt-record>rs=eSCL</txt-record><txt-record>note=second floor</txt-record></service></service-group>
`,
  );
  const avahi = writeAvahiConfig(vlan, host, 'no');
  const script = [
    'mount -t tmpfs tmpfs /run',
    'mount -t tmpfs tmpfs /etc/avahi/services',
    `cp ${service} /etc/avahi/services/`,
    `exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f ${avahi}`,
  ].join('\n');
  return [{ address, mac, script }, /successfully established|startup complete/];
}

function writeAvahiConfig(vlan: Vlan, host: string, hasBus: 'yes' | 'no'): string {
  const file = path.join(vlan.folder, `${host}.avahi.conf`);
  const lines = ['[server]', `host-name=${host}`, 'use-ipv6=no', `enable-dbus=${hasBus}`];
  writeFileSync(file, [...lines, '[publish]', 'publish-workstation=no', ''].join('\n'));
  return file;
}
