/** The log writer: pino, JSON lines on standard output (or where the caller says), one object a line. */
import pino from 'pino';
import type { Log, LogFields } from '../core/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * Makes a Log.
 * @param destination a file descriptor; 1 is standard output.
 * @param onLine told each line as it is written, its newline included.
 */
export function createLog(level: LogLevel, destination: 1 | 2 = 1, onLine?: (line: string) => void): Log {
  const output = pino.destination({ fd: destination, sync: true });
  const root = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    onLine === undefined ? output : both(output, onLine),
  );
  return wrap(root);
}

function both(output: pino.DestinationStream, onLine: (line: string) => void): pino.DestinationStream {
  return {
    write(line) {
      output.write(line);
      onLine(line);
    },
  };
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (event, fields) => logger.debug(fields ?? {}, event),
    info: (event, fields) => logger.info(fields ?? {}, event),
    warn: (event, fields) => logger.warn(fields ?? {}, event),
    error: (event, fields) => logger.error(fields ?? {}, event),
    child: (fields: LogFields) => wrap(logger.child(fields)),
  };
}
