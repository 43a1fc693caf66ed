import { z } from 'zod';
import type { RetentionRule } from './retention.types.js';

const bound = z.number().int().nullable().default(null);
const rule = z.object({ maxAgeDays: bound, maxEvents: bound });

/** A rule as its column holds it. */
export const retentionText = (value: object | null): string | null => value && JSON.stringify(rule.parse(value));

/** The rule in a column; null: none of its own. */
export const retentionOf = (text: string | null): RetentionRule | null => (text === null ? null : rule.parse(JSON.parse(text)));
