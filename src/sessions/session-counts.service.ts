import { Injectable } from '@nestjs/common';
import { Database } from '../core/database/database.js';

/** How many sessions there are, for the operator. */
@Injectable()
export class SessionCounts {
  constructor(private readonly db: Database) {}

  async byStatus(): Promise<{ status: string; count: number }[]> {
    const rows = await this.db.query<{ status: string; count: number | string }>(
      'select status, count(*) as count from sessions group by status',
    );
    return rows.map(({ status, count }) => ({ status, count: Number(count) }));
  }
}
