import type { LoggerService, LogLevel as NestLevel } from '@nestjs/common';
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../../config/muster-config.js';
import { requestContext } from './request-context.js';

/** Nest's logger, written as one JSON object a line to stderr, with the id of the request under way. */
export class PinoLogger implements LoggerService {
  private readonly pino: Logger;

  constructor(level: LogLevel) {
    this.pino = pino(
      {
        level,
        base: undefined,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        mixin: () => {
          const context = requestContext.getStore();
          return context ? { requestId: context.requestId } : {};
        },
      },
      pino.destination({ dest: 2, sync: true }),
    );
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }
  setLogLevels(_levels: NestLevel[]): void {
    // The level comes from MUSTER_LOG_LEVEL.
  }

  /** Nest puts the name of the writer last, and a stack before it. */
  private write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', message: unknown, rest: readonly unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const context = typeof rest.at(-1) === 'string' ? { context: rest.at(-1) } : {};
    const errors = [message, ...rest].filter((each) => each instanceof Error);
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? { stack: rest[0] } : {};
    const err = errors[0] ? { err: errors[0] } : {};
    if (typeof message === 'object' && message !== null && !(message instanceof Error))
      this.pino[level]({ ...context, ...stack, ...err, ...message });
    else this.pino[level]({ ...context, ...stack, ...err }, message instanceof Error ? message.message : String(message));
  }
}
