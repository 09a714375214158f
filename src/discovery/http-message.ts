/** One bounded HTTP request to a device: what it answers within the time and up to the size, and nothing after. */
import http from 'node:http';

export interface DeviceRequest {
  address: string;
  port: number;
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string | number>;
  body: Buffer | null;
  /** Bytes read of the answer; what comes after is cut off. */
  bytesMax: number;
  signal: AbortSignal;
}

export interface DeviceResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** Headers of a device's web server are a few hundred bytes. */
const HEADER_BYTES_MAX = 8 * 1024;

/** Null where no HTTP answer began in time, or what came was none. */
export function ask(request: DeviceRequest): Promise<DeviceResponse | null> {
  return new Promise((resolve) => {
    const { address: host, port, method, path, headers, body, signal } = request;
    const outgoing = http.request(
      { host, port, method, path, headers, signal, agent: false, maxHeaderSize: HEADER_BYTES_MAX },
      (response) => resolve(read(response, request.bytesMax, () => outgoing.destroy())),
    );
    outgoing.on('error', () => resolve(null));
    outgoing.end(body ?? undefined);
  });
}

/** Reads to the end, the limit or the abort, whatever comes first; a cut answer is still an answer. */
function read(response: http.IncomingMessage, bytesMax: number, cut: () => void): Promise<DeviceResponse> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (): void => {
      const body = Buffer.concat(chunks).subarray(0, bytesMax);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= bytesMax) cut();
    });
    response.on('error', finish);
    response.on('close', finish);
  });
}
