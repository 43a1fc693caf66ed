import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import helmet from 'helmet';
import { VERSION } from '../version.js';

/** The OpenAPI document of the routes of this application. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Muster')
    .setDescription('The session backend for coding agents. Realtime frames are described in /api/asyncapi.json.')
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A key: Authorization: Bearer mst_…' })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, 'apiKey')
    .addCookieAuth('muster_session')
    .addSecurityRequirements('bearer')
    .addTag('workspaces', 'Project directories on this host')
    .addTag('agents', 'Coding agents and how they are started')
    .addTag('sessions', 'Conversations of agents: start, steer, end')
    .addTag('usage', 'Tokens and cost')
    .addTag('events', 'The log of every session, and the feed across them')
    .addTag('access', 'Who asks')
    .addTag('ops', 'Health and figures')
    .addTag('agent-orchestrator', 'The contract of agent-orchestrator, for its clients')
    .build();
  return SwaggerModule.createDocument(app, config);
}

/** Serves `/api/docs` (Swagger UI) with a content policy that lets it work, `/api/openapi.json` and `/api/asyncapi.json`. */
export function setUpApiDocuments(app: NestExpressApplication, asyncApi: () => object): void {
  const policy = helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      fontSrc: ["'self'", 'data:'],
      frameAncestors: ["'none'"],
    },
  });
  app.use('/api/docs', policy);
  let frames: string | undefined;
  const adapter = app.getHttpAdapter();
  adapter.get('/api/asyncapi.json', (_request, response) => {
    adapter.setHeader(response, 'Content-Type', 'application/json; charset=utf-8');
    adapter.reply(response, (frames ??= JSON.stringify(asyncApi())));
  });
  let document: OpenAPIObject | undefined;
  const factory = () => (document ??= openApiDocument(app));
  SwaggerModule.setup('api/docs', app, factory, {
    jsonDocumentUrl: 'api/openapi.json',
    customSiteTitle: 'Muster API',
    swaggerOptions: {
      persistAuthorization: false,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      withCredentials: true,
      requestInterceptor: sendCsrfToken,
    },
  });
}

declare const document: { readonly cookie: string };

/** Runs in the browser, as text: nothing of this file is there. What is changed with our cookie needs the token that only our pages can read. */
function sendCsrfToken(request: { readonly headers: Record<string, string> }): object {
  const token = /(?:^|; )muster_csrf=([^;]+)/.exec(document.cookie);
  if (token && token[1]) request.headers['X-CSRF-Token'] = token[1];
  return request;
}
