/** Names of cipher suites by their numbers, for the ones that old devices offer (IANA's TLS Cipher Suites registry). */

/** OpenSSL's names; what is not here is shown by its number. */
const NAMES: Readonly<Record<number, string>> = {
  4: 'RC4-MD5',
  5: 'RC4-SHA',
  9: 'DES-CBC-SHA',
  10: 'DES-CBC3-SHA',
  22: 'DHE-RSA-DES-CBC3-SHA',
  47: 'AES128-SHA',
  51: 'DHE-RSA-AES128-SHA',
  53: 'AES256-SHA',
  57: 'DHE-RSA-AES256-SHA',
  60: 'AES128-SHA256',
  61: 'AES256-SHA256',
  103: 'DHE-RSA-AES128-SHA256',
  107: 'DHE-RSA-AES256-SHA256',
  156: 'AES128-GCM-SHA256',
  157: 'AES256-GCM-SHA384',
  158: 'DHE-RSA-AES128-GCM-SHA256',
  159: 'DHE-RSA-AES256-GCM-SHA384',
  4865: 'TLS_AES_128_GCM_SHA256',
  4866: 'TLS_AES_256_GCM_SHA384',
  4867: 'TLS_CHACHA20_POLY1305_SHA256',
  49161: 'ECDHE-ECDSA-AES128-SHA',
  49162: 'ECDHE-ECDSA-AES256-SHA',
  49171: 'ECDHE-RSA-AES128-SHA',
  49172: 'ECDHE-RSA-AES256-SHA',
  49195: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  49196: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  49199: 'ECDHE-RSA-AES128-GCM-SHA256',
  49200: 'ECDHE-RSA-AES256-GCM-SHA384',
  52392: 'ECDHE-RSA-CHACHA20-POLY1305',
};

/** How many, and the one the device likes best; all of them would fill a screen. */
export function suiteNames(suites: readonly number[]): string {
  const [first] = suites;
  if (first === undefined) return 'none';
  return suites.length === 1 ? suiteName(first) : `${suites.length}, ${suiteName(first)} first`;
}

function suiteName(suite: number): string {
  return NAMES[suite] ?? `0x${suite.toString(16).padStart(4, '0')}`;
}
