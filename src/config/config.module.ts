import { type DynamicModule, Global, Module } from '@nestjs/common';
import { MusterConfig } from './muster-config.js';

@Global()
@Module({})
export class ConfigModule {
  static of(config: MusterConfig): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: MusterConfig, useValue: config }], exports: [MusterConfig] };
  }
}
