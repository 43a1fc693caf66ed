/**
 * Who may import whom. The picture is in ARCHITECTURE.md, the reasons in docs/adr/0001-boundaries.md.
 * @type {import('dependency-cruiser').IConfiguration}
 */

const FEATURES = 'auth|workspaces|agents|sessions|events|approvals|launcher|hooks|usage|tmux|sharing|search|realtime|ops|cli|compat';

/** Files through which a feature is entered by the others. */
const SURFACE = '[.](module|service|domain-events|errors|types|state)[.]ts$';

/** Files of a surface that the role in their name does not tell. Each entry says why it is one. */
const ALSO_SURFACE = [
  // The edge every controller stands on: it declares its permission and is given its principal.
  '^src/auth/(muster-controller[.]decorator|route[.]decorator|request-params[.]decorator|access[.]guard|edge-rules)[.]ts$',
  // A cursor and the text of an event look the same on every transport.
  '^src/events/(cursor|wire-event)[.]ts$',
  // The event as a projection hears of it, inside of the unit of work that stores it.
  '^src/events/event-preparation[.]ts$',
  // What was asked and chosen, out of the row.
  '^src/approvals/approval-row[.]ts$',
  // Where an agent may work is asked by whoever starts something in a directory.
  '^src/workspaces/path-rules[.]ts$',
  // The form of what git tells is the same wherever it is told.
  '^src/workspaces/git/git-output[.]ts$',
];

/** What requests and answers look like; the WebSocket's commands and frames have the same form. */
const DTO = '^src/[^/]+/dto/[^/]+[.](dto|response)[.]ts$';

/** What a socket needs that is fed by the hub: where frames go, what they are, and their bounds. */
const STREAMS = '^src/realtime/(hub/(web-socket-)?outlet|out-frame|realtime-limits)[.]ts$';

/** A row of a table. */
const ENTITY = '^src/[^/]+/persistence/[^/]+[.]entity[.]ts$';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A module that needs what needs it is two halves of one thing, or hears of it by a domain event.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'core-knows-no-feature',
      severity: 'error',
      comment: 'core may use config, and config nothing.',
      from: { path: '^src/core/' },
      to: { path: '^src/', pathNot: '^src/(core|config)/' },
    },
    {
      name: 'config-knows-nothing',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { path: '^src/', pathNot: '^src/config/' },
    },
    {
      name: 'features-meet-at-their-surface',
      severity: 'error',
      comment:
        'Another feature is entered through its module, services, domain events, errors, types or state; what it stores and how is its own.',
      from: { path: `^src/(${FEATURES})/`, pathNot: ['[.]spec[.]ts$', '^src/(realtime|compat)/'] },
      to: { path: `^src/(${FEATURES})/`, pathNot: [SURFACE, ...ALSO_SURFACE, ENTITY, '^src/$1/'] },
    },
    {
      name: 'realtime-meets-features-at-their-surface',
      severity: 'error',
      comment: 'As above; its commands and frames have the form of the requests and answers of the routes.',
      from: { path: '^src/realtime/', pathNot: '[.]spec[.]ts$' },
      to: { path: `^src/(${FEATURES})/`, pathNot: [SURFACE, ...ALSO_SURFACE, ENTITY, DTO, '^src/realtime/'] },
    },
    {
      name: 'compat-meets-features-at-their-surface',
      severity: 'error',
      comment: 'As above; the sockets of other contracts are fed by the streams of ours.',
      from: { path: '^src/compat/', pathNot: '[.]spec[.]ts$' },
      to: { path: `^src/(${FEATURES})/`, pathNot: [SURFACE, ...ALSO_SURFACE, ENTITY, STREAMS, '^src/compat/'] },
    },
    {
      name: 'contracts-know-nothing-of-each-other',
      severity: 'error',
      from: { path: '^src/compat/([^/]+)/' },
      to: { path: '^src/compat/[^/]+/', pathNot: '^src/compat/$1/' },
    },
    {
      name: 'rows-of-others-are-types',
      severity: 'error',
      comment: 'Services hand out rows, so their type may be named elsewhere; only the feature itself makes, reads and writes them.',
      from: { path: `^src/(${FEATURES})/`, pathNot: '[.]spec[.]ts$' },
      to: { path: ENTITY, pathNot: '^src/$1/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'typeorm-stays-in-persistence',
      severity: 'error',
      comment: 'The ORM ends at the repository: services see rows and units of work.',
      from: { path: '^src/', pathNot: ['/persistence/', '[.]module[.]ts$', '^src/core/database/', '^src/migrations/', '[.]spec[.]ts$'] },
      to: { path: 'node_modules/typeorm/' },
    },
    {
      name: 'domain-events-are-leaves',
      severity: 'error',
      comment: 'A fact travels to everybody: it takes nothing along but types.',
      from: { path: '[.]domain-events[.]ts$' },
      to: { dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'sessions-know-no-listener',
      severity: 'error',
      comment: 'What happens to a session travels as a domain event to whoever acts on it.',
      from: { path: '^src/sessions/' },
      to: { path: '^src/(launcher|realtime|ops|hooks|sharing|search|cli|compat)/' },
    },
    {
      name: 'compat-is-imported-by-nobody',
      severity: 'error',
      comment: 'The list of modules has it, and our own server opens its ports.',
      from: { path: '^src/', pathNot: ['^src/compat/', '^src/(muster|app)[.]module[.]ts$', '^src/server[.]ts$'] },
      to: { path: '^src/compat/' },
    },
    {
      name: 'testing-stays-in-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: ['[.]spec[.]ts$', '/testing/'] },
      to: { path: '/testing/|^test/' },
    },
    {
      name: 'only-production-packages',
      severity: 'error',
      comment: 'What runs may need only what `npm ci --omit=dev` installs.',
      from: { path: '^src/', pathNot: ['[.]spec[.]ts$', '/testing/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
