// An HTTP/2 server that knows nothing of this package: node's own. The endpoint's name says how it behaves.
//
// It prints its port, takes ten streams at once on a connection, and ends when its standard input does.
'use strict';

const http2 = require('node:http2');

const LIMIT = 10;
const HEAD = { ':status': 200, 'content-type': 'application/vnd.amazon.eventstream', 'x-amzn-requestid': 'node' };
const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;

let open = 0;
let most = 0;
const refused = new Set();

// What is in the signed messages of a request, one event after another; the last one is empty.
function onEvents(stream, take) {
  let held = Buffer.alloc(0);
  stream.on('data', (data) => {
    held = Buffer.concat([held, data]);
    while (held.length >= 12 && held.length >= held.readUInt32BE(0)) {
      const total = held.readUInt32BE(0);
      const event = held.subarray(12 + held.readUInt32BE(4), total - 4);
      held = held.subarray(total);
      take(Buffer.from(event));
    }
  });
}

const behaviours = {
  echo(stream) {
    stream.respond(HEAD);
    onEvents(stream, (event) => (event.length ? stream.write(event) : stream.end()));
  },
  most(stream) {
    stream.respond({ ...HEAD, 'x-amzn-invoked-production-variant': `most-${most}` });
    onEvents(stream, (event) => (event.length ? stream.write(event) : stream.end()));
  },
  late(stream) {
    onEvents(stream, (event) => {
      if (!stream.headersSent) stream.respond(HEAD);
      if (event.length) stream.write(event);
      else stream.end();
    });
  },
  trailers(stream) {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checked': 'yes' }));
    onEvents(stream, (event) => (event.length ? stream.write(event) : stream.end()));
  },
  throttled(stream) {
    stream.respond({ ':status': 429, 'content-type': 'application/json', 'x-amzn-errortype': 'ThrottlingException' });
    stream.end(JSON.stringify({ message: null }), () => stream.close(NGHTTP2_NO_ERROR));
  },
  goaway(stream) {
    stream.respond(HEAD);
    onEvents(stream, (event) => {
      if (!stream.gone) stream.session.goaway(NGHTTP2_NO_ERROR);
      stream.gone = true;
      if (event.length) stream.write(event);
      else stream.end();
    });
  },
  reset(stream) {
    stream.respond(HEAD);
    onEvents(stream, (event) => {
      stream.write(event);
      setImmediate(() => stream.destroy(new Error('reset'))); // with INTERNAL_ERROR
    });
  },
  refused(stream, call) {
    if (refused.has(call)) {
      behaviours.echo(stream);
    } else {
      refused.add(call);
      stream.close(NGHTTP2_REFUSED_STREAM);
    }
  },
  ended(stream) {
    stream.respond(HEAD);
    onEvents(stream, (event) => {
      if (!stream.writableEnded) stream.end(event);
    });
  },
};

const server = http2.createServer({ settings: { maxConcurrentStreams: LIMIT } });
server.on('stream', (stream, headers) => {
  open += 1;
  most = Math.max(most, open);
  stream.on('close', () => { open -= 1; });
  stream.on('error', () => {});
  behaviours[headers[':path'].split('/')[2]](stream, headers['amz-sdk-invocation-id']);
});
server.on('sessionError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
