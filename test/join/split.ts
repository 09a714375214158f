/** A message as a device splits it: parts by the rules of RFC 2046 5.2.2. */

export interface SplitOptions {
  id: string;
  parts: number;
  /** Only the last part says how many there are, as the RFC allows. */
  totalInLast?: boolean;
}

/** Every part as a whole message of its own, in order. Cuts fall between lines. */
export function splitMessage(message: Buffer, { id, parts, totalInLast = false }: SplitOptions): Buffer[] {
  const lines = message.toString('latin1').split(/(?<=\r\n)/);
  const share = Math.ceil(lines.length / parts);
  return Array.from({ length: parts }, (_, index) => {
    const number = index + 1;
    const total = totalInLast && number < parts ? '' : `;\r\n\ttotal=${parts}`;
    const header = [
      'From: Copier <copier@contoso.com>',
      'To: anna@contoso.com',
      'Date: Tue, 24 Nov 2026 09:00:00 +0100',
      `Subject: part ${number}`,
      `Message-ID: <part-${number}-${id}@copier>`,
      'MIME-Version: 1.0',
      `Content-Type: message/partial; id="${id}"; number=${number}${total}`,
    ];
    const text = lines.slice(index * share, (index + 1) * share).join('');
    return Buffer.from(`${header.join('\r\n')}\r\n\r\n${text}`, 'latin1');
  });
}

/** A scan with an attachment of `bytes` bytes. */
export function scan(bytes: Buffer): Buffer {
  const encoded = bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
  return Buffer.from(
    [
      'Subject: Scan of the second floor',
      'Message-ID: <scan-1@copier>',
      'X-Dropped: fields of the enclosed header that are not named go',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="cut"',
      '',
      '--cut',
      'Content-Type: application/pdf; name=scan.pdf',
      'Content-Transfer-Encoding: base64',
      '',
      encoded,
      '--cut--',
      '',
    ].join('\r\n'),
  );
}
