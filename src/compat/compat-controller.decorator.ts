import { applyDecorators, Controller, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { AccessGuard } from '../auth/access.guard.js';
import type { CompatSystem } from '../config/compat-config.js';
import { ProblemFilter } from '../core/http/problem.filter.js';

/**
 * A controller of the contract of another system, below `/compat/<system>`: behind the same guard and filter as ours; what it takes is
 * checked by the contract's own rules.
 */
export function CompatController(system: CompatSystem): ClassDecorator {
  return applyDecorators(
    Controller(`compat/${system}`),
    ApiTags(system),
    ApiBearerAuth(),
    ApiSecurity('apiKey'),
    UseGuards(AccessGuard),
    UseFilters(ProblemFilter),
  );
}
