import { Get } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { VERSION } from '../core/version.js';
import { asyncApiDocument } from './asyncapi.document.js';
import { AsyncApiResponse } from './dto/asyncapi.response.js';

/** Says what the frames are; like `/api/openapi.json` it is the same for everybody and tells nothing of this installation. */
@MusterController('', 'ops')
export class AsyncApiController {
  private readonly document = asyncApiDocument(VERSION);

  @Get('asyncapi.json')
  @Route({
    id: 'getAsyncApi',
    summary: 'The frames of the WebSocket and of the event streams, as AsyncAPI 3.0',
    permission: 'public',
    response: {
      type: AsyncApiResponse,
      example: {
        asyncapi: '3.0.0',
        defaultContentType: 'application/json',
        info: { title: 'Muster realtime' },
        servers: {},
        channels: {},
        operations: {},
        components: {},
      },
    },
  })
  read(): AsyncApiResponse {
    return this.document;
  }
}
