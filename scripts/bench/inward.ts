/** The three ways in: plain text, STARTTLS with TLS 1.2, STARTTLS with TLS 1.0; smtp-source has no TLS of its own. */
import { freePort } from '../../test/support/processes.ts';
import { type StunnelService, startStunnel } from './stunnel.ts';

export const INWARD = ['plain', 'TLS 1.2', 'TLS 1.0'] as const;
export type Inward = (typeof INWARD)[number];

/** Every connection makes a whole handshake, as a scanner does. */
const CLIENT = { client: 'yes', sessionResume: 'no' };

export interface Ways {
  port(inward: Inward): number;
  stop(): Promise<void>;
}

/** Opens the three ways to the SMTP server on `port`; `name` parts the files of two in one folder. */
export async function openWays(folder: string, name: string, port: number): Promise<Ways> {
  const modern: StunnelService = {
    ...{ name: 'modern', accept: await freePort(), connect: port },
    settings: { ...CLIENT, sslVersionMin: 'TLSv1.2', sslVersionMax: 'TLSv1.2' },
  };
  const legacy: StunnelService = {
    ...{ name: 'legacy', accept: await freePort(), connect: port },
    settings: { ...CLIENT, sslVersionMin: 'TLSv1', sslVersionMax: 'TLSv1', securityLevel: '0' },
  };
  const stunnel = await startStunnel(folder, `inward-${name}`, [modern, legacy]);
  const ports: Record<Inward, number> = { plain: port, 'TLS 1.2': modern.accept, 'TLS 1.0': legacy.accept };
  return { port: (inward) => ports[inward], stop: () => stunnel.stop() };
}
