import { DataSource } from 'typeorm';
import { MusterConfig, processEnvironment } from './src/config/muster-config.js';
import { dataSourceOptions } from './src/core/database/data-source.js';
import { schema } from './src/migrations/schema.js';

/** For the `typeorm` command: `npx typeorm migration:show -d dist/ormconfig.js`. */
export default new DataSource(dataSourceOptions(new MusterConfig(processEnvironment()).database, schema));
