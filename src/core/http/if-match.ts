import { InvalidInputError } from '../errors/domain.error.js';

/** Versions are whole numbers, so that an ETag of ours is `"7"`; `W/` is what a proxy that compresses makes of it. */
const ENTITY_TAG = /^(?:W\/)?"([\x21\x23-\x7e]*)"$/;

export const etagOf = ({ version }: { readonly version: number }): string => `"${version}"`;

/**
 * The tags of an `If-Match` header (RFC 9110 §13.1.1), without their quotes; undefined where it is absent or `*`: any version will do.
 * @throws InvalidInputError where it is neither
 */
export function parseIfMatch(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return header.split(',').map((part) => {
    const tag = ENTITY_TAG.exec(part.trim())?.[1];
    if (tag === undefined)
      throw new InvalidInputError('If-Match: is not a list of entity tags.', {
        remedy: 'Send the ETag as it came, in its quotes: If-Match: "3".',
        issues: [{ path: 'If-Match', message: 'must be an ETag in quotes, or *' }],
      });
    return tag;
  });
}
