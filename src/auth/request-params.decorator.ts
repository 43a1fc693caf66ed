import { createParamDecorator, type ExecutionContext, Injectable, Param, type PipeTransform } from '@nestjs/common';
import type { Request } from 'express';
import { EdgeError } from '../core/errors/domain.error.js';
import type { Principal } from './principal.types.js';
import { UnauthenticatedError } from './auth.errors.js';

/** Who asks. */
export const CurrentPrincipal = createParamDecorator((_data: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<Request>();
  if (!principal) throw new UnauthenticatedError();
  return principal;
});

/** What can't be an id names nothing. */
@Injectable()
class IdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    if (value.length > 300 || value.includes('\u0000') || !value.isWellFormed())
      throw new EdgeError('not_found', 404, 'There is nothing of this id.');
    return value;
  }
}

/** The id in the path. */
export const Id = (name = 'id'): ParameterDecorator => Param(name, IdPipe);
