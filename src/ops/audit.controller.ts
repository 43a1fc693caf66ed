import { Get, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterController } from '../auth/muster-controller.decorator.js';
import { Route } from '../auth/route.decorator.js';
import type { AuditEntry } from './audit-entry.js';
import { Audit } from './audit.service.js';
import { AuditFilter, ReadAuditQuery } from './dto/audit.dto.js';
import { AuditPageResponse } from './dto/audit.response.js';

const EXAMPLE = {
  position: 42,
  at: '2026-11-20T14:00:00.000Z',
  actor: 'user:ada',
  action: 'session.updated',
  target: { kind: 'session', id: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' },
  workspaceId: '01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c',
  sessionId: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
  requestId: '01998c80-1c2d-7e3f-8a4b-5c6d7e8f9a0b',
  before: { name: 'draft' },
  after: { name: 'Fix the parser' },
};
const ERRORS = { 409: ['resync_required'] } as const;

@MusterController('audit', 'access')
export class AuditController {
  constructor(private readonly audit: Audit) {}

  @Get()
  @Route({
    id: 'readAudit',
    summary: 'Who did what, oldest first',
    permission: 'audit:read',
    response: { type: AuditPageResponse, example: { items: [EXAMPLE], cursor: '0a1b2c3d.42', nextCursor: null } },
    errors: ERRORS,
  })
  async read(@Query() query: ReadAuditQuery): Promise<AuditPageResponse> {
    const { items, ...rest } = await this.audit.read(query);
    return { items: [...items], ...rest };
  }

  @Get('export')
  @Route({
    id: 'exportAudit',
    summary: 'All of it up to now, an entry a line (JSON Lines)',
    description: 'Streamed. An export that breaks off ends without the last line break and without a proper end of the response.',
    permission: 'audit:read',
    response: { mediaType: 'application/x-ndjson', example: `${JSON.stringify(EXAMPLE)}\n` },
    errors: ERRORS,
  })
  async export(@Query() filter: AuditFilter, @Req() { method }: Request, @Res() response: Response): Promise<void> {
    const entries = await this.audit.export(filter);
    response.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
    response.setHeader('Content-Disposition', 'attachment; filename="muster-audit.jsonl"');
    response.setHeader('Cache-Control', 'no-store');
    response.flushHeaders();
    if (method === 'HEAD') return void response.end();
    await pipeline(Readable.from(linesOf(entries), { objectMode: false, highWaterMark: 64 * 1024 }), response).catch((error: unknown) => {
      if (!isHungUp(error)) throw error;
    });
  }
}

const isHungUp = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';

async function* linesOf(windows: AsyncIterable<readonly AuditEntry[]>): AsyncGenerator<string> {
  for await (const entries of windows) for (const entry of entries) yield `${JSON.stringify(entry)}\n`;
}
