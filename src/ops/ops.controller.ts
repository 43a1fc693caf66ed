import { Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { HealthResponse } from './dto/health.response.js';
import { Health } from './health.service.js';
import { Metrics } from './metrics.service.js';

const EXAMPLE = { status: 'ok', version: '0.1.0', uptimeS: 3600, checks: {} };

@MusterController('', 'ops')
export class OpsController {
  constructor(
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  @Get('health')
  @Route({
    id: 'getHealth',
    summary: 'Whether the process answers',
    permission: 'public',
    limit: 'none',
    response: { type: HealthResponse, example: EXAMPLE },
  })
  live(): HealthResponse {
    return this.health.live();
  }

  @Get('health/ready')
  @Route({
    id: 'getReadiness',
    summary: 'Whether it can take work: 503 while the database does not answer, or at shutdown',
    permission: 'public',
    limit: 'none',
    response: { type: HealthResponse, example: { ...EXAMPLE, checks: { database: 'ok' } } },
  })
  ready(): Promise<HealthResponse> {
    return this.health.ready();
  }

  @Get('metrics')
  @Route({
    id: 'getMetrics',
    summary: 'Figures for Prometheus',
    permission: 'ops:read',
    response: { mediaType: 'text/plain', example: 'muster_sessions{status="idle"} 3' },
  })
  async read(@Res() response: Response): Promise<void> {
    response.setHeader('Content-Type', this.metrics.registry.contentType);
    response.send(await this.metrics.registry.metrics());
  }
}
