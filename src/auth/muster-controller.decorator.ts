import { applyDecorators, Controller, UseFilters, UseGuards, UsePipes } from '@nestjs/common';
import { ApiBearerAuth, ApiCookieAuth, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { InputPipe } from '../core/http/input.pipe.js';
import { ProblemFilter } from '../core/http/problem.filter.js';
import { AccessGuard } from './access.guard.js';

/**
 * A controller of ours, below `/api`. Guard, pipe and filter are bound here and never to the whole application, so that a foreign
 * Nest application that imports Muster keeps its own.
 */
export function MusterController(path: string, tag: string): ClassDecorator {
  return applyDecorators(
    Controller(`api/${path}`),
    ApiTags(tag),
    ApiBearerAuth(),
    ApiSecurity('apiKey'),
    ApiCookieAuth(),
    UseGuards(AccessGuard),
    UsePipes(InputPipe),
    UseFilters(ProblemFilter),
  );
}
