import type { CorsOptionsDelegate } from '@nestjs/common/interfaces/external/cors-options.interface.js';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { EdgeRules } from './auth/edge-rules.js';
import { MusterConfig } from './config/muster-config.js';
import { jsonBody } from './core/http/json-body.js';
import { ProblemFilter } from './core/http/problem.filter.js';
import { requestContextMiddleware } from './core/http/request-context.middleware.js';
import { setUpApiDocuments } from './core/openapi/api-documents.js';
import { VERSION } from './core/version.js';
import { asyncApiDocument } from './realtime/asyncapi.document.js';

/** Express with one spelling of every path: `/API/Sessions` and `/api/sessions/` are no routes. Settings count before its first use only. */
export function httpAdapter(): ExpressAdapter {
  const instance = express();
  instance.enable('case sensitive routing');
  instance.enable('strict routing');
  return new ExpressAdapter(instance);
}

/** What our own server adds around the module; tests use the same. Create the application with {@link httpAdapter} and `bodyParser: false`. */
export function configureApp(app: NestExpressApplication): void {
  const config = app.get(MusterConfig);
  const edge = app.get(EdgeRules);
  app.disable('x-powered-by');
  // An ETag here is the version of a row, and set where there is one.
  app.disable('etag');
  app.use(requestContextMiddleware);
  app.use(
    helmet({
      contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }, useDefaults: false },
      // A promise about the whole host: only for one that is said to be reached by TLS, and never for its subdomains.
      strictTransportSecurity: config.publicUrl?.startsWith('https:') ? { includeSubDomains: false } : false,
    }),
  );
  app.use((request: Request, _response: Response, next: NextFunction) => {
    edge.assertHost(request.headers);
    next();
  });
  if (config.corsOrigins.length > 0 || config.compat.origins.size > 0) app.enableCors(corsOf(config));
  app.use(jsonBody());
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  setUpApiDocuments(app, () => asyncApiDocument(VERSION));
}

/** An origin that is not on the list, of everything or of the contract it asks for, is told nothing at all. */
function corsOf({ corsOrigins, compat }: MusterConfig): CorsOptionsDelegate<Request> {
  const allowed = {
    credentials: true,
    exposedHeaders: [
      'ETag',
      'Idempotency-Replayed',
      'Location',
      'X-Request-Id',
      'Retry-After',
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
    ],
    maxAge: 600,
  };
  return (request, callback) => {
    request.res?.vary('Origin');
    const { origin } = request.headers;
    const [, , system] = request.path.split('/');
    const ofContract = request.path.startsWith('/compat/') ? [...compat.origins].find(([name]) => name === system)?.[1] : undefined;
    const isAllowed = origin !== undefined && (corsOrigins.includes(origin) || ofContract?.includes(origin) === true);
    callback(null, isAllowed ? { ...allowed, origin: [origin] } : { origin: false });
  };
}
