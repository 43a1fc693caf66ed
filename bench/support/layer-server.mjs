// What lies below Muster, as a server of its own: BENCH_LAYER=express (a route that answers), body (reads JSON first), nest (the same
// route as a Nest controller).

import 'reflect-metadata';
import { createRequire } from 'node:module';
import { answering } from './processes.mjs';

const require = createRequire(import.meta.url);
const express = require('express');
const PATH = '/api/sessions/:id/events';

function expressServer(withBody) {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  let seq = 0;
  const answer = (request, response) => response.status(201).json({ id: request.params.id, seq: ++seq, duplicate: false });
  app.post(PATH, ...(withBody ? [express.json()] : []), answer);
  return new Promise((done) => {
    const server = app.listen(0, '127.0.0.1', () => done(server));
  });
}

async function nestServer() {
  const { Body, Controller, Module, Param, Post } = require('@nestjs/common');
  const { NestFactory } = require('@nestjs/core');
  let seq = 0;
  class EventsController {
    append(id, body) {
      return { id: body.id, seq: ++seq, duplicate: false, sessionId: undefined };
    }
  }
  Controller()(EventsController);
  Post(PATH)(EventsController.prototype, 'append', Object.getOwnPropertyDescriptor(EventsController.prototype, 'append'));
  Param('id')(EventsController.prototype, 'append', 0);
  Body()(EventsController.prototype, 'append', 1);
  class AppModule {}
  Module({ controllers: [EventsController] })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: false, bodyParser: false });
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json());
  await app.listen(0, '127.0.0.1');
  return app.getHttpServer();
}

const { BENCH_LAYER } = process.env;
const server = await (BENCH_LAYER === 'nest' ? nestServer() : expressServer(BENCH_LAYER === 'body'));
answering({});
process.send({ url: `http://127.0.0.1:${server.address().port}` });
