import { Injectable } from '@nestjs/common';

/** The only door to the time, so that tests can stand in front of it. Times are ISO 8601, UTC, milliseconds. */
@Injectable()
export class Clock {
  private last = { ms: Number.NaN, iso: '' };

  now(): Date {
    return new Date();
  }
  nowMs(): number {
    return Date.now();
  }
  nowIso(): string {
    const ms = Date.now();
    // Writing one out costs more than all else about it, and many are asked for in one millisecond.
    if (ms !== this.last.ms) this.last = { ms, iso: new Date(ms).toISOString() };
    return this.last.iso;
  }
}
