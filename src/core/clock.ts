import { Injectable } from '@nestjs/common';

/** The only door to the time, so that tests can stand in front of it. Times are ISO 8601, UTC, milliseconds. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
  nowMs(): number {
    return Date.now();
  }
  nowIso(): string {
    return new Date().toISOString();
  }
}
