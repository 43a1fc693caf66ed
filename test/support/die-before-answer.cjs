/**
 * Loaded into a server (`NODE_OPTIONS=--require=…`): ends it as `kill -9` does when it is about to send the first bytes that hold
 * MUSTER_TEST_DIE_AT, which is after the commit and before anybody hears of it.
 */
const { Socket } = require('node:net');

const mark = process.env.MUSTER_TEST_DIE_AT;
const write = Socket.prototype.write;
Socket.prototype.write = function (chunk, ...rest) {
  if (mark && this !== process.stdout && this !== process.stderr && Buffer.from(chunk).includes(mark)) process.kill(process.pid, 'SIGKILL');
  return write.call(this, chunk, ...rest);
};
