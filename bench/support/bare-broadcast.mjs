// A WebSocket server that does nothing but send: what is posted to it ({ frames, answer }) is answered, then sent to everybody in a loop.

import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { answering } from './processes.mjs';

const sockets = new Set();
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    if (request.url === '/frames') known = JSON.parse(body).map((text) => Buffer.from(text));
    const answer = request.url === '/frames' ? '{}' : `{"seq":${++seq}}`;
    response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': String(answer.length) });
    response.end(answer);
    if (request.url === '/send') broadcast(known);
    if (request.url === '/one') broadcast([Buffer.from(eventsFrame(seq, body))]);
  });
});
let known = [];
let seq = 0;

const eventsFrame = (last, event) => `{"type":"events","sessionId":"0","prev":${last - 1},"cursor":"00000000.${last}","events":[${event}]}`;

function broadcast(frames) {
  for (const frame of frames) for (const socket of sockets) socket.send(frame, { binary: false });
}

const webSockets = new WebSocketServer({ server, path: '/api/ws', perMessageDeflate: false, clientTracking: false });
webSockets.on('connection', (socket) => {
  socket.send('{"type":"hello"}');
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
  socket.on('message', () => {
    sockets.add(socket);
    socket.send('{"type":"caught_up"}');
  });
});
answering({});
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
