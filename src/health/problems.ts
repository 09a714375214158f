/** The sentences of health: what is not well, and what a person can do about it. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  messagesHeld: (count: string): Explanation => ({
    code: 'health.messages-held',
    cause: `${count} in the queue will not be sent before a person decides.`,
    advice:
      'Look at them with "scanferry queue list --state held"; release them, or approve or correct the device.',
  }),
  messagesFailed: (count: string): Explanation => ({
    code: 'health.messages-failed',
    cause: `${count} failed for good in the last 24 hours and can still be sent again.`,
    advice: 'Look at the reasons with "scanferry queue list --state failed", then retry or cancel them.',
  }),
  queueOld: (age: string): Explanation => ({
    code: 'health.queue-old',
    cause: `The oldest message in the queue has waited for ${age}.`,
    advice:
      'Look at what it waits for with "scanferry queue list", and at the routes with "scanferry routes".',
  }),
  quotaNearlyFull: (percent: string): Explanation => ({
    code: 'health.quota-nearly-full',
    cause: `The bodies in the spool take ${percent} % of what it may hold; when it is full, devices are told to try later.`,
    advice:
      'Bring the routes back so that the queue drains, decide on held and failed messages, or raise spool.maxBytes.',
  }),
  heldShareNearlyFull: (percent: string): Explanation => ({
    code: 'health.held-share-nearly-full',
    cause: `Messages that wait for a person take ${percent} % of the room they may have; then unknown devices are told to try later.`,
    advice: 'Release or cancel them: "scanferry queue list --state held".',
  }),
  notAccepting: (detail: string): Explanation => ({
    code: 'health.not-accepting',
    cause: `Scans are refused for now (452): ${detail}`,
    advice: 'Free space on the disk or in the spool; what was accepted before is safe and still goes out.',
  }),

  dayBudgetLow: (route: string, left: string): Explanation => ({
    code: 'health.day-budget-low',
    cause: `The route "${route}" may send to only ${left} more in the running 24 hours.`,
    advice: 'Add a second route for the same recipients if this happens often.',
  }),
  secretExpiring: (route: string, day: string): Explanation => ({
    code: 'health.client-secret-expiring',
    cause: `The client secret of the route "${route}" ends on ${day}; after that it can't sign in.`,
    advice:
      'Make a new secret for the app registration in Microsoft Entra, store it with "scanferry secret set", and write its end to clientSecretExpires.',
  }),
  certificateExpiring: (route: string, day: string): Explanation => ({
    code: 'health.client-certificate-expiring',
    cause: `The client certificate of the route "${route}" ends on ${day}; after that the other side refuses it.`,
    advice:
      'Make a new certificate, enter it in Microsoft 365, put its files in place, and run "scanferry reload".',
  }),

  deviceSilent: (device: string, days: string): Explanation => ({
    code: 'health.device-silent',
    cause: `The device "${device}" has sent nothing for ${days}, which is longer than its habit of the last weeks explains.`,
    advice:
      'If the office was open, look whether it is on and in the network, and send a scan from its panel.',
  }),
  deviceFailing: (device: string, count: string): Explanation => ({
    code: 'health.device-failing',
    cause: `The last ${count} from the device "${device}" failed for good.`,
    advice: 'Look at the reasons with "scanferry history --device" and the id of the device.',
  }),
  deviceRefused: (device: string, count: string): Explanation => ({
    code: 'health.device-refused',
    cause: `The device "${device}" was refused in its last ${count}, with nothing accepted since.`,
    advice: 'Compare its settings with its entry in devices: login, sender, recipients, and TLS.',
  }),

  cpuBusy: (percent: string): Explanation => ({
    code: 'health.cpu-busy',
    cause: `The processors of the box have been busy at ${percent} % for several minutes.`,
    advice: 'Look with "top" what runs beside Scanferry.',
  }),
  loadHigh: (load: string): Explanation => ({
    code: 'health.load-high',
    cause: `${load} processes per core want to run or wait for the disk.`,
    advice:
      'Look with "top" what runs beside Scanferry; many waiting for a slow disk point to a worn SD card.',
  }),
  hot: (celsius: string): Explanation => ({
    code: 'health.box-hot',
    cause: `The processor is at ${celsius} °C, where it slows itself down.`,
    advice: 'Give the box air or a heat sink, and take it away from other warm devices.',
  }),
  underVoltage: (): Explanation => ({
    code: 'health.under-voltage',
    cause: 'The supply voltage of the box is too low at this moment, which damages SD cards and data.',
    advice: 'Use the power supply of the maker with a short cable, and no other load on the USB ports.',
  }),
  underVoltageSeen: (): Explanation => ({
    code: 'health.under-voltage-seen',
    cause: 'The supply voltage of the box was too low at some time since it was started.',
    advice:
      'Use the power supply of the maker with a short cable; the mark goes away at the next start of the box.',
  }),
  throttledByHeat: (): Explanation => ({
    code: 'health.box-throttled',
    cause: 'The firmware slows the processor down, because of heat or a weak power supply.',
    advice: 'Look at temperature and power supply of the box.',
  }),
  memoryLow: (percent: string): Explanation => ({
    code: 'health.memory-low',
    cause: `Only ${percent} % of the memory is free for programs.`,
    advice: 'Stop what runs beside Scanferry, or use a box with more memory.',
  }),
  diskLow: (left: string): Explanation => ({
    code: 'health.disk-low',
    cause: `Only ${left} are free on the disk with the data folder.`,
    advice: 'Delete what is not needed there, or move the data folder to a larger disk.',
  }),
  diskReadOnly: (): Explanation => ({
    code: 'health.disk-read-only',
    cause: 'The file system with the data folder is read-only; Linux does that after write errors.',
    advice: 'Copy the data folder to another machine while it can be read, then replace the disk or SD card.',
  }),
  diskErrors: (count: string): Explanation => ({
    code: 'health.disk-errors',
    cause: `The file system with the data folder has recorded ${count}.`,
    advice: 'Make a backup now, check it with fsck, and replace the disk or SD card if errors come back.',
  }),
  diskWorn: (percent: string): Explanation => ({
    code: 'health.disk-worn',
    cause: `The flash memory of the disk has used up ${percent} % of its rated life.`,
    advice: 'Make a backup and plan to replace it.',
  }),
  diskBusy: (bytes: string): Explanation => ({
    code: 'health.disk-writes-many',
    cause: `${bytes} were written to the disk in 24 hours, which wears an SD card out within a few years.`,
    advice: 'Look with "iotop" what writes beside Scanferry, or use an SSD.',
  }),
  clockUnset: (): Explanation => ({
    code: 'health.clock-unset',
    cause: 'The clock of the box is not set, so nothing is sent.',
    advice: 'Let the box reach a time server (NTP, UDP port 123), or set its clock by hand.',
  }),
  clockNotSynchronised: (): Explanation => ({
    code: 'health.clock-not-synchronised',
    cause: 'The clock of the box has not been compared with a time server since its start.',
    advice: 'Let the box reach a time server (NTP, UDP port 123); "timedatectl" shows which one it asks.',
  }),
  clockSkewed: (seconds: string): Explanation => ({
    code: 'health.clock-skewed',
    cause: `The clock of the box is ${seconds} away from that of the sign-in service.`,
    advice: 'Let the box reach a time server (NTP, UDP port 123); sign-ins fail from five minutes on.',
  }),
  noNetwork: (): Explanation => ({
    code: 'health.no-network',
    cause: 'The box has no address in any network.',
    advice: 'Look at cable and switch port, and whether DHCP answers.',
  }),

  brokerDown: (since: string): Explanation => ({
    code: 'health.broker-down',
    cause: `The broker has not been reached for ${since}; events are kept and told later.`,
    advice: 'Look whether the broker runs and the firewall lets the box reach it; scans go on without it.',
  }),

  restartsMany: (count: string): Explanation => ({
    code: 'health.restarts-many',
    cause: `The agent was started ${count} in the last 24 hours.`,
    advice: 'Look into its log ("journalctl -u scanferry") for why it ended.',
  }),
  uncleanStop: (): Explanation => ({
    code: 'health.unclean-stop',
    cause:
      'Before its latest start the agent ended without a clean stop: the box lost power, or it was killed.',
    advice: 'Nothing accepted is lost; look at the power supply, or into the log, if it happens again.',
  }),
  loopSlow: (lag: string): Explanation => ({
    code: 'health.event-loop-slow',
    cause: `The agent could not answer for ${lag} at a time.`,
    advice: 'The box is overloaded or was suspended; make a support bundle if it comes back.',
  }),
  memoryHungry: (bytes: string): Explanation => ({
    code: 'health.agent-memory',
    cause: `The agent takes ${bytes} of memory, far more than it needs.`,
    advice: 'Make a support bundle for the maintainers, then restart the agent.',
  }),
  unreadable: (what: string): Explanation => ({
    code: 'health.unreadable',
    cause: `Health could not look at: ${what}.`,
    advice: 'Look into the log of the agent for "health.look-failed".',
  }),
} as const;
