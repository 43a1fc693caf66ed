import { asyncApiDocument } from './asyncapi.document.js';
it('x', () => { require('fs').writeFileSync('/tmp/aa.json', JSON.stringify(asyncApiDocument('0'), null, 1)); });
