/** A site whose failures are told, and its notices as Python's email package reads them. */
import { runCommand } from '../support/processes.ts';

/** A part of a message as Python reads it. */
export interface ReadPart {
  type: string;
  params: Record<string, string>;
  headers: Record<string, string>;
  /** Decoded text of a leaf; null for one with parts. */
  text: string | null;
  parts: ReadPart[];
  defects: string[];
}

const READER = `
import sys, json, email, email.policy
def part(m):
    parts = m.get_payload() if m.is_multipart() else []
    return {
        'type': m.get_content_type(),
        'params': dict(m.get_params(failobj=[], header='content-type')[1:]),
        'headers': {k.lower(): str(v) for k, v in m.items()},
        'text': None if parts else m.get_payload(decode=True).decode(m.get_content_charset() or 'ascii').replace('\\r\\n', '\\n'),
        'parts': [part(p) for p in parts],
        'defects': [repr(d) for d in m.defects],
    }
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(json.dumps(part(m)))
`;

/** Parses a message with Python's email package: no code of ours has a say in it. */
export async function readByPython(message: Buffer): Promise<ReadPart> {
  const { code, stdout, stderr } = await runCommand('python3', ['-c', READER], { input: message });
  if (code !== 0) throw new Error(stderr);
  // The program above prints just this.
  return JSON.parse(stdout) as ReadPart;
}
