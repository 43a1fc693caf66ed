import { Injectable } from '@nestjs/common';
import { FeedFollower } from './feed-follower.service.js';
import { FeedStreams } from './feed-streams.service.js';
import { SessionStreams } from './session-streams.service.js';

/** Everything that can be followed. */
@Injectable()
export class Streams {
  constructor(
    readonly sessions: SessionStreams,
    readonly feed: FeedStreams,
    readonly follower: FeedFollower,
  ) {}
}
