import { Injectable } from '@nestjs/common';
import { Access } from '../auth/access.service.js';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { decodePageKey, type Page, pageOf } from '../core/paging/page.js';
import type { UsageQuery } from './dto/usage.dto.js';
import { type UsageGroup, type UsageGrouping, UsageRepository, type UsageSums } from './persistence/usage.repository.js';

export interface UsagePage extends Pick<Page<UsageGroup>, 'items' | 'nextCursor'> {
  readonly groupBy: UsageGrouping;
  readonly total: UsageSums;
}

/** The account of tokens and cost, for those who may see what was spent on. */
@Injectable()
export class UsageService {
  constructor(
    private readonly usage: UsageRepository,
    private readonly access: Access,
  ) {}

  /** @throws InvalidInputError */
  async sum(principal: Principal, { groupBy = 'day', cursor, limit, ...filter }: UsageQuery): Promise<UsagePage> {
    if (groupBy === 'turn' && filter.sessionId === undefined)
      throw new InvalidInputError('groupBy: turns are those of one session.', {
        remedy: 'Give sessionId too.',
        issues: [{ path: 'sessionId', message: 'needed with groupBy=turn' }],
      });
    // What nobody is called: PostgreSQL refuses even to look for it.
    const after = cursor === undefined ? undefined : decodePageKey(groupBy, cursor).value.replaceAll('\u0000', '');
    const visibility = this.access.visibilityOf(principal);
    const groups = await this.usage.groups(groupBy, filter, visibility, { after, limit: limit + 1 });
    const total = await this.usage.total(filter, visibility);
    const { items, nextCursor } = pageOf(groups, limit, groupBy, ({ key }) => ({ value: key, id: '' }));
    return { groupBy, items, total, nextCursor };
  }
}
