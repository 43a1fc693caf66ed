import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { randomBase62 } from '../core/ids.js';

/** `admin`: the operator's; `personal`, `service`: given out; `session`: an agent's own; `browser`: a cookie. */
export const KEY_KINDS = { admin: 'adm', personal: 'pat', service: 'svc', session: 'ses', browser: 'web' } as const;
export type KeyKind = keyof typeof KEY_KINDS;

const RANDOM_LENGTH = 30;
const CRC_LENGTH = 6;
const KEY = new RegExp(`^mst_(${Object.values(KEY_KINDS).join('|')})_([0-9A-Za-z]{${RANDOM_LENGTH}})([0-9A-Za-z]{${CRC_LENGTH}})$`);

/** A new secret `mst_<kind>_<30 base62><6 CRC32>`: 178 bit, and a checksum so that scanners and typos are told from real keys. */
export function newKey(kind: KeyKind): string {
  const random = randomBase62(RANDOM_LENGTH);
  return `mst_${KEY_KINDS[kind]}_${random}${checksum(random)}`;
}

/** Whether a text has the form and the checksum of one of our keys. */
export function isKey(text: string): boolean {
  const match = KEY.exec(text);
  return match?.[2] !== undefined && checksum(match[2]) === match[3];
}

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** What of a key may be shown to recognise it. */
export const prefixOf = (secret: string): string => secret.slice(0, 12);

/** Compares without telling by its time how much agrees. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

function checksum(text: string): string {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let rest = crc32(text);
  let out = '';
  for (let i = 0; i < CRC_LENGTH; i++) {
    out = alphabet.charAt(rest % 62) + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}
