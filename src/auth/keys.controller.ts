import { Body, Delete, Get, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CreateKeyRequest, ListKeysQuery, RotateKeyRequest } from './dto/keys.dto.js';
import { GivenKeyResponse, KeyPageResponse, KeyResponse, TicketResponse } from './dto/keys.response.js';
import { Keys } from './keys.service.js';
import { MusterController } from './muster-controller.decorator.js';
import type { Principal } from './principal.types.js';
import { CurrentPrincipal, Id } from './request-params.decorator.js';
import { Route } from './route.decorator.js';
import { Tickets } from './tickets.service.js';

const KEY_EXAMPLE = {
  id: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
  kind: 'personal',
  name: 'my laptop',
  prefix: 'mst_pat_x4Kd',
  principalId: 'user:ada',
  scopes: [],
  workspaceIds: null,
  createdBy: 'admin',
  rotatedFromId: null,
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
  createdAt: '2026-11-20T14:00:00.000Z',
};
const NOT_FOUND = { 404: ['key_not_found'] } as const;

@MusterController('', 'access')
export class KeysController {
  constructor(
    private readonly keys: Keys,
    private readonly tickets: Tickets,
  ) {}

  @Get('keys')
  @Route({
    id: 'listKeys',
    summary: 'One’s own keys; for an admin, everybody’s',
    permission: 'keys:manage',
    response: { type: KeyPageResponse, example: { items: [KEY_EXAMPLE], nextCursor: null } },
  })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: ListKeysQuery): Promise<KeyPageResponse> {
    const { items, nextCursor } = await this.keys.list(principal, query);
    return { items: items.map((key) => KeyResponse.of(key)), nextCursor };
  }

  @Post('keys')
  @Route({
    id: 'createKey',
    summary: 'Give a key; its secret is shown this once',
    permission: 'keys:manage',
    idempotent: 'secret',
    body: {
      type: CreateKeyRequest,
      examples: {
        'for a person': { name: 'my laptop', principalId: 'user:ada' },
        'for a program': { kind: 'service', name: 'ci', principalId: 'service:ci', scopes: ['sessions:read'] },
      },
    },
    response: { status: 201, type: GivenKeyResponse, example: { ...KEY_EXAMPLE, secret: 'mst_pat_…' } },
  })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() request: CreateKeyRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<GivenKeyResponse> {
    response.setHeader('Cache-Control', 'no-store');
    return GivenKeyResponse.ofGiven(await this.keys.create(principal, request));
  }

  @Delete('keys/:id')
  @Route({
    id: 'revokeKey',
    summary: 'Revoke a key; what is connected with it is cut off',
    permission: 'keys:manage',
    response: { type: KeyResponse, example: { ...KEY_EXAMPLE, revokedAt: '2026-11-20T15:00:00.000Z' } },
    errors: NOT_FOUND,
  })
  async revoke(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<KeyResponse> {
    return KeyResponse.of(await this.keys.revoke(principal, id));
  }

  @Post('keys/:id/rotate')
  @Route({
    id: 'rotateKey',
    summary: 'Replace a key’s secret',
    permission: 'keys:manage',
    idempotent: 'secret',
    body: { type: RotateKeyRequest, examples: { 'at once': {}, 'with an hour to change over': { overlapS: 3600 } } },
    response: { status: 201, type: GivenKeyResponse, example: { ...KEY_EXAMPLE, rotatedFromId: KEY_EXAMPLE.id, secret: 'mst_pat_…' } },
    errors: NOT_FOUND,
  })
  async rotate(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() { overlapS = 0 }: RotateKeyRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<GivenKeyResponse> {
    response.setHeader('Cache-Control', 'no-store');
    return GivenKeyResponse.ofGiven(await this.keys.rotate(principal, id, overlapS));
  }

  @Post('tickets')
  @Route({
    id: 'createTicket',
    summary: 'A pass for one WebSocket, good for 30 seconds',
    permission: 'tickets:create',
    response: { status: 201, type: TicketResponse, example: { ticket: 'q0Zr…', expiresAt: '2026-11-20T14:00:30.000Z' } },
  })
  ticket(@CurrentPrincipal() principal: Principal, @Res({ passthrough: true }) response: Response): TicketResponse {
    response.setHeader('Cache-Control', 'no-store');
    return this.tickets.give(principal);
  }
}
