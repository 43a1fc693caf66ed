import { Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { answerWithBlob } from './blob-answer.js';
import { Blobs } from './blobs.service.js';

@MusterController('sessions/:id/blobs', 'events')
export class BlobsController {
  constructor(private readonly blobs: Blobs) {}

  @Get(':sha256')
  @Route({
    id: 'readBlob',
    summary: 'Read content that was too large for an event',
    description:
      'Where an event holds `{blob, size, mimeType}`, this gives the content: `blob` is its SHA-256. What was base64 in the event is decoded, text is UTF-8, lists and objects are JSON. Conditional requests and one range are answered as such.',
    permission: 'sessions:read',
    response: { mediaType: '*/*', description: 'The content, of the type the event names', example: 'line 1\nline 2\n…' },
    also: { 206: 'The range of it that was asked for' },
    errors: { 404: ['session_not_found', 'blob_not_found'], 416: ['range_not_satisfiable'] },
  })
  async read(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Id('sha256') sha256: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const blob = await this.blobs.find(principal, id, sha256);
    await answerWithBlob(request, response, blob, (start, end) => this.blobs.bytes(blob, start, end));
  }
}
