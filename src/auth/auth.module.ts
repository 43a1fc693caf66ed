import { Module } from '@nestjs/common';
import { AccessGuard } from './access.guard.js';
import { Access } from './access.service.js';
import { AdminKey } from './admin-key.js';
import { AuthController } from './auth.controller.js';
import { EdgeRules } from './edge-rules.js';
import { ApiKeysRepository } from './persistence/api-keys.repository.js';

@Module({
  controllers: [AuthController],
  providers: [Access, AccessGuard, AdminKey, ApiKeysRepository, EdgeRules],
  exports: [Access, AccessGuard, EdgeRules],
})
export class AuthModule {}
