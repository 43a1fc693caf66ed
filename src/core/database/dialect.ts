export type Dialect = 'sqlite' | 'postgres';

const numbered = new Map<string, string>();

/** The same statement for either database: written with `?`, numbered for PostgreSQL. No literal in a statement may hold a `?`. */
export function forDialect(dialect: Dialect, sql: string): string {
  if (dialect === 'sqlite') return sql;
  let text = numbered.get(sql);
  if (text === undefined) {
    let n = 0;
    text = sql.replace(/\?/g, () => `$${++n}`);
    numbered.set(sql, text);
  }
  return text;
}

/** `(?,?,?),(?,?,?)` for `rows` rows of `columns` values. */
export const placeholders = (rows: number, columns: number): string => {
  const row = `(${Array.from({ length: columns }, () => '?').join(',')})`;
  return Array.from({ length: rows }, () => row).join(',');
};

/** Row locks exist on PostgreSQL; on SQLite the turn itself is the lock. */
export const forUpdate = (dialect: Dialect): string => (dialect === 'postgres' ? ' for update' : '');
