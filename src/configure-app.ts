import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import { EdgeRules } from './auth/edge-rules.js';
import { MusterConfig } from './config/muster-config.js';
import { jsonBody } from './core/http/json-body.js';
import { ProblemFilter } from './core/http/problem.filter.js';
import { requestContextMiddleware } from './core/http/request-context.middleware.js';
import { setUpApiDocuments } from './core/openapi/api-documents.js';
import { VERSION } from './core/version.js';
import { asyncApiDocument } from './realtime/asyncapi.document.js';

/** What our own server adds around the module; tests use the same. Create the application with `bodyParser: false`. */
export function configureApp(app: NestExpressApplication): void {
  const config = app.get(MusterConfig);
  const edge = app.get(EdgeRules);
  app.disable('x-powered-by');
  // An ETag here is the version of a row, and set where there is one.
  app.disable('etag');
  app.use(requestContextMiddleware);
  app.use(helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }, useDefaults: false } }));
  app.use((request: Request, _response: Response, next: NextFunction) => {
    edge.assertHost(request.headers);
    next();
  });
  if (config.corsOrigins.length > 0)
    app.enableCors({
      origin: [...config.corsOrigins],
      credentials: true,
      exposedHeaders: ['ETag', 'Location', 'X-Request-Id', 'Retry-After'],
      maxAge: 600,
    });
  app.use(jsonBody());
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  setUpApiDocuments(app, () => asyncApiDocument(VERSION));
}
