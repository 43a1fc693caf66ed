import { Injectable } from '@nestjs/common';
import type { Problem } from './problem.js';

/** A failure as it is sent. */
export interface ErrorAnswer {
  readonly status: number;
  readonly mediaType: string;
  readonly body: object;
}

export type ErrorShape = (problem: Problem) => ErrorAnswer;

const asProblem: ErrorShape = (problem) => ({ status: problem.status, mediaType: 'application/problem+json', body: problem });

/** What a failure looks like below a path: problem details, but where the contract of another system has a form of its own. */
@Injectable()
export class ErrorShapes {
  private readonly shapes = new Map<string, ErrorShape>();

  /** `prefix` as in `/compat/<system>`. */
  register(prefix: string, shape: ErrorShape): void {
    this.shapes.set(prefix, shape);
  }

  /** @param path of the request, with or without query */
  of(path: string): ErrorShape {
    for (const [prefix, shape] of this.shapes)
      if (path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}?`)) return shape;
    return asProblem;
  }
}
