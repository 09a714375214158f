/** Finds what must not stand in a published profile: addresses, serial numbers and names of a real site. */

/** Addresses for documentation and this host (RFC 5737, RFC 1122); sources quote them. */
const HARMLESS_ADDRESS = /^(?:192\.0\.2|198\.51\.100|203\.0\.113|127\.0\.0)\./;
const HARMLESS_DOMAIN = /(?:^|[.@])(?:contoso\.com|fabrikam\.com|contoso\.local|example\.(?:com|org|net))$/i;

/** What is found, as the end of a sentence; empty where nothing is. */
export function privacyFaults(text: string): string[] {
  return [
    ...serials(text).map(
      (serial) => `holds what looks like the serial number ${serial}; put XXXX in its place`,
    ),
    ...[...text.matchAll(/\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi)].map(
      ([mac]) => `holds the hardware address ${mac}; leave it out`,
    ),
    ...addresses(text).map((address) => `holds the address ${address}; put a placeholder in its place`),
    ...mailboxes(text).map((mailbox) => `holds the mailbox ${mailbox}; put a placeholder in its place`),
  ];
}

/** A serial number after `SN:`, `S/N` or `SN `, unless it is blanked with X, 0 or F. */
function serials(text: string): string[] {
  return [...text.matchAll(/\bS\/?N:? ?([A-Z0-9]{6,20})\b/g)]
    .map(([, serial]) => serial ?? '')
    .filter((serial) => /\d/.test(serial) && !/^(.)\1*$/.test(serial));
}

/** Private addresses only: four numbers are more often a firmware version. */
function addresses(text: string): string[] {
  return [...text.matchAll(/\[(\d{1,3}(?:\.\d{1,3}){3})\]|@(\d{1,3}(?:\.\d{1,3}){3})/g)]
    .map(([, inBrackets, afterAt]) => inBrackets ?? afterAt ?? '')
    .filter((address) => !HARMLESS_ADDRESS.test(address));
}

function mailboxes(text: string): string[] {
  return [...text.matchAll(/<[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,5})>/g)]
    .filter(([, domain]) => !HARMLESS_DOMAIN.test(domain ?? ''))
    .map(([mailbox]) => mailbox.slice(1, -1));
}
