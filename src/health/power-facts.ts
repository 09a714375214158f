/** Temperature and power supply, from where Linux and the firmware of the Raspberry Pi tell of them. */
import type { SysFiles } from './sys-files.ts';

export interface PowerFacts {
  celsius: number | null;
  isUnderVoltage: boolean | null;
  /** At some time since the box was started; the firmware forgets when its driver has asked. */
  wasUnderVoltage: boolean | null;
  isThrottled: boolean | null;
}

/** Bits of get_throttled (Raspberry Pi documentation, vcgencmd). */
const UNDER_VOLTAGE = 1 << 0;
const SLOWED = (1 << 1) | (1 << 2) | (1 << 3);
const UNDER_VOLTAGE_SEEN = 1 << 16;

/** Zones of a processor; others may be a battery or a radio. */
const PROCESSOR_ZONE = /cpu|soc|pkg/i;
/** What lies outside is a sensor that is not connected. */
const CELSIUS_MIN = -40;
const CELSIUS_MAX = 150;

export async function readPower(files: SysFiles): Promise<PowerFacts> {
  const bits = await readThrottled(files);
  const alarm = await readVoltageAlarm(files);
  return {
    celsius: await readCelsius(files),
    isUnderVoltage: bits === null ? alarm : (bits & UNDER_VOLTAGE) !== 0 || alarm === true,
    wasUnderVoltage: bits === null ? alarm : (bits & (UNDER_VOLTAGE | UNDER_VOLTAGE_SEEN)) !== 0,
    isThrottled: bits === null ? null : (bits & SLOWED) !== 0,
  };
}

async function readCelsius(files: SysFiles): Promise<number | null> {
  const zones = (await files.names('/sys/class/thermal')).filter((name) => name.startsWith('thermal_zone'));
  const readings: { type: string; celsius: number }[] = [];
  for (const zone of zones) {
    const milli = await files.number(`/sys/class/thermal/${zone}/temp`);
    const celsius = (milli ?? Number.NaN) / 1000;
    if (celsius < CELSIUS_MIN || !(celsius <= CELSIUS_MAX)) continue;
    readings.push({ type: (await files.text(`/sys/class/thermal/${zone}/type`)) ?? '', celsius });
  }
  const processors = readings.filter(({ type }) => PROCESSOR_ZONE.test(type));
  const chosen = processors.length > 0 ? processors : readings;
  return chosen.length === 0 ? null : Math.max(...chosen.map(({ celsius }) => celsius));
}

/** Kernels of Raspberry Pi OS show the firmware's bits as a hexadecimal number. */
async function readThrottled(files: SysFiles): Promise<number | null> {
  for (const soc of await files.names('/sys/devices/platform')) {
    if (!soc.startsWith('soc')) continue;
    const folder = `/sys/devices/platform/${soc}`;
    const firmware = (await files.names(folder)).find((name) => name.endsWith(':firmware'));
    const text = firmware === undefined ? null : await files.text(`${folder}/${firmware}/get_throttled`);
    if (text !== null && /^(0x)?[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16);
  }
  return null;
}

/** Documentation/hwmon/raspberrypi-hwmon.rst: in0_lcrit_alarm of `rpi_volt`. */
async function readVoltageAlarm(files: SysFiles): Promise<boolean | null> {
  for (const name of await files.names('/sys/class/hwmon')) {
    const folder = `/sys/class/hwmon/${name}`;
    if ((await files.text(`${folder}/name`)) !== 'rpi_volt') continue;
    const alarm = await files.number(`${folder}/in0_lcrit_alarm`);
    if (alarm !== null) return alarm !== 0;
  }
  return null;
}
