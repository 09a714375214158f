/** Where to listen, as people write it. */
import { OperatorError } from '../core/errors.ts';
import { PROBLEMS } from './problems.ts';

export interface ListenPlace {
  address: string;
  port: number;
}

/**
 * `:8080` or `8080` is this machine alone; `0.0.0.0:8080`, `[::]:8080` or a name is the network.
 * @throws OperatorError for anything else.
 */
export function readPlace(text: string): ListenPlace {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]:|([^\s:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new OperatorError(PROBLEMS.listenInvalid(text), { exitCode: 2 });
  }
  return { address: bracketed ?? (plain || '127.0.0.1'), port };
}
