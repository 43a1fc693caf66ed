import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '../core/event-bus/event-bus.js';
import { Authenticator } from './authenticator.service.js';

/** Whatever changes who may do what is told on the bus before its call returns: nothing remembered outlives it. */
@Injectable()
export class ForgetWhenAccessChangedListener implements OnModuleInit {
  constructor(
    private readonly bus: EventBus,
    private readonly authenticator: Authenticator,
  ) {}

  onModuleInit(): void {
    this.bus.subscribe(({ name }) => {
      if (isAccessChange(name)) this.authenticator.forget();
    });
  }
}

/** Domain events after which somebody may see or do less, or more. */
export const isAccessChange = (name: string): boolean => /^(key\.|workspace\.(created|deleted|member-))/.test(name);
