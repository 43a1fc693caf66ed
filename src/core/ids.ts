import { randomBytes, randomInt } from 'node:crypto';
import { v7 } from 'uuid';

/** A new id: UUIDv7, so that ids sort by the time they were made. */
export const newId = (): string => v7();

/** The mark of one numbering: 8 hex digits, drawn when a head row is made and again when a database is restored. */
export const newEpoch = (): string => randomBytes(4).toString('hex');

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` characters of base 62 from the system's CSPRNG (5.95 bit each). */
export const randomBase62 = (length: number): string => Array.from({ length }, () => BASE62.charAt(randomInt(62))).join('');
