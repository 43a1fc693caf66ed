import type { Request, Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EdgeError } from '../core/errors/domain.error.js';
import { isErrno } from '../core/process/proc-stat.js';
import type { BlobFacts } from './persistence/blobs.store.js';

/** What a browser shows and does not run. Everything else is saved as a file: SVG and HTML hold scripts. */
const SHOWN: readonly string[] = ['text/plain', 'application/json', 'image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'];

interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * Answers with a blob, or the part of it that is asked for (RFC 9110, one range). Its content is of somebody else, so nothing of it is
 * ever run on this origin. Never changes, so it is never asked for again by who has it.
 * @throws EdgeError where there is no such part
 */
export async function answerWithBlob(
  request: Request,
  response: Response,
  blob: BlobFacts,
  read: (start: number, end: number) => AsyncIterable<Buffer>,
): Promise<void> {
  const { size, mimeType, sha256 } = blob;
  response.setHeader('ETag', `"${sha256}"`);
  response.setHeader('Cache-Control', 'private, max-age=31536000, immutable');
  if (isKnown(request, sha256)) return void response.status(304).end();
  const part = partOf(request, response, blob);
  response.set({
    'Content-Type': mimeType.startsWith('text/') ? `${mimeType}; charset=utf-8` : mimeType,
    'Content-Length': String(part ? part.end - part.start + 1 : size),
    'Content-Disposition': SHOWN.includes(mimeType) ? 'inline' : 'attachment',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    'X-Content-Type-Options': 'nosniff',
    'Accept-Ranges': 'bytes',
  });
  if (part) response.status(206).setHeader('Content-Range', `bytes ${part.start}-${part.end}/${size}`);
  if (request.method === 'HEAD') return void response.end();
  try {
    await pipeline(Readable.from(read(part?.start ?? 0, part?.end ?? size - 1), { objectMode: false }), response);
  } catch (error) {
    // Who hung up has what he wanted.
    if (!isErrno(error, 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}

/** Whether the caller has it, by `If-None-Match`; also where it says `no-cache`: what is named by its content can't have changed. */
const isKnown = (request: Request, sha256: string): boolean =>
  (request.headers['if-none-match'] ?? '').split(',').some((each) => [`"${sha256}"`, `W/"${sha256}"`, '*'].includes(each.trim()));

/** One range, of this very blob; several, other units and what is none are answered with all of it, as if it had not been asked for. */
function partOf(request: Request, response: Response, { size, sha256 }: BlobFacts): Part | undefined {
  const ifRange = request.headers['if-range'];
  if (ifRange !== undefined && ifRange !== `"${sha256}"`) return undefined;
  const ranges = request.range(size);
  if (ranges === -1) {
    response.setHeader('Content-Range', `bytes */${size}`);
    response.setHeader('Cache-Control', 'no-store');
    throw new EdgeError('range_not_satisfiable', 416, `The content has ${size} bytes.`, { remedy: 'Ask for a range within it.' });
  }
  return Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges[0] : undefined;
}
