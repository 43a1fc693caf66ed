import { Module } from '@nestjs/common';
import { UpgradeDoor } from './upgrade-door.service.js';

@Module({ providers: [UpgradeDoor], exports: [UpgradeDoor] })
export class WebSocketModule {}
