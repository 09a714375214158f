/** A secret that can't slip into a log line, a JSON body or a template string by accident. */

export interface Secret {
  /** The clear text; call it only where it goes onto a wire or into a hash. */
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

const MASK = '[secret]';

/** Wraps `value` so that printing it shows a mask. */
export function createSecret(value: string): Secret {
  return {
    reveal: () => value,
    toString: () => MASK,
    toJSON: () => MASK,
  };
}
