import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { SqliteStatements } from './sqlite-statements.js';

describe('SqliteStatements', () => {
  let directory: string;
  let source: DataSource;
  let statements: SqliteStatements;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'muster-statements-'));
    source = await new DataSource({ type: 'better-sqlite3', database: join(directory, 'a.db') }).initialize();
    statements = new SqliteStatements(source);
    statements.all('create table t (id integer primary key, flag integer)', []);
  });
  afterEach(async () => {
    await source.destroy();
    rmSync(directory, { recursive: true });
  });

  it('joins the transaction that TypeORM has begun', async () => {
    const runner = source.createQueryRunner();
    await runner.startTransaction();
    statements.each('insert into t values (?, ?)', [
      [1, true],
      [2, false],
    ]);
    expect(statements.all('select id, flag from t order by id', [])).toEqual([
      { id: 1, flag: 1 },
      { id: 2, flag: 0 },
    ]);
    await runner.rollbackTransaction();
    expect(statements.all('select id from t', [])).toEqual([]);
  });

  it('gives the rows of a statement that writes and returns', () => {
    expect(statements.all('insert into t values (?, ?) returning id', [7, null])).toEqual([{ id: 7 }]);
  });

  it('goes on after a connection was opened anew, and with more texts than it keeps', async () => {
    for (let at = 0; at < 500; at++) expect(statements.all(`select ${at} as n`, [])).toEqual([{ n: at }]);
    await source.destroy();
    await source.initialize();
    expect(statements.all('select 0 as n', [])).toEqual([{ n: 0 }]);
  });

  it('throws the driver’s own error where the statement is at fault', () => {
    statements.all('insert into t values (1, 0)', []);
    expect(() => statements.each('insert into t values (?, 0)', [[2], [1]])).toThrow(
      expect.objectContaining({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }),
    );
  });
});
