const swc = [
  '@swc/jest',
  {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
      keepClassNames: true,
    },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  },
];

/** One project a kind of test, so that each can be run and counted by itself. */
const project = (displayName, testMatch, extra = {}) => ({
  displayName,
  testMatch,
  testEnvironment: 'node',
  rootDir: __dirname,
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': swc, '^.+/node_modules/.+\\.m?js$': '<rootDir>/test/support/esm-transform.cjs' },
  transformIgnorePatterns: [],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  ...extra,
});

module.exports = {
  projects: [
    project('unit', ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/unit/**/*.spec.ts']),
    project('integration', ['<rootDir>/test/integration/**/*.spec.ts', '<rootDir>/test/migrations/**/*.spec.ts']),
    project('e2e', ['<rootDir>/test/e2e/**/*.spec.ts']),
    project('contracts', ['<rootDir>/test/contracts/**/*.spec.ts']),
    project('security', ['<rootDir>/test/security/**/*.spec.ts']),
    project('consistency', ['<rootDir>/test/consistency/**/*.spec.ts']),
    project('agents', ['<rootDir>/test/agents/**/*.spec.ts']),
  ],
  testTimeout: 60_000,
};
