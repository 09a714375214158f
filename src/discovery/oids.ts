/** The SNMP names that say what a device is. */

export const SYS_DESCR = '1.3.6.1.2.1.1.1.0';
export const SYS_OBJECT_ID = '1.3.6.1.2.1.1.2.0';
export const SYS_NAME = '1.3.6.1.2.1.1.5.0';
/** RFC 3418: what every agent has; asked first. */
export const SYSTEM_OIDS = [SYS_DESCR, SYS_OBJECT_ID, SYS_NAME] as const;

/** RFC 2790 hrDeviceDescr and hrDeviceType of the first device; many printers name their model there. */
export const HR_DEVICE_DESCR = '1.3.6.1.2.1.25.3.2.1.3.1';
export const HR_DEVICE_TYPE = '1.3.6.1.2.1.25.3.2.1.2.1';
/** RFC 2790 hrDevicePrinter: the value of hrDeviceType for a printer. */
export const HR_DEVICE_PRINTER = '1.3.6.1.2.1.25.3.1.5';
/** RFC 3805 prtGeneralPrinterName and prtGeneralSerialNumber's neighbour; the name a person gave or the maker did. */
export const PRT_GENERAL_PRINTER_NAME = '1.3.6.1.2.1.43.5.1.1.16.1';
/** PWG 5107.1 ppmPrinterIEEE1284DeviceId. */
export const PPM_DEVICE_ID = '1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1';
/** Device IDs as HP (OKI answers it too) and Brother keep them, and the models of Ricoh and Kyocera: seen in captures. */
export const HP_DEVICE_ID = '1.3.6.1.4.1.11.2.3.9.1.1.7.0';
export const BROTHER_DEVICE_ID = '1.3.6.1.4.1.2435.2.3.9.1.1.7.0';
export const RICOH_MODEL = '1.3.6.1.4.1.367.3.2.1.1.1.1.0';
export const KYOCERA_MODEL = '1.3.6.1.4.1.1347.43.5.1.1.1.1';

export const DEVICE_ID_OIDS = [PPM_DEVICE_ID, HP_DEVICE_ID, BROTHER_DEVICE_ID] as const;

/** Asked of whoever has answered the first ones; what profiles name beside these is added. */
export const MODEL_OIDS = [
  ...[HR_DEVICE_DESCR, HR_DEVICE_TYPE, PRT_GENERAL_PRINTER_NAME],
  ...DEVICE_ID_OIDS,
  ...[RICOH_MODEL, KYOCERA_MODEL],
] as const;
