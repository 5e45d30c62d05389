// node's HTTP/2 as a duplex endpoint, plain text. It unwraps each signed event and does what the endpoint's name says.
const http2 = require("http2");

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
const server = http2.createServer({ settings: { maxConcurrentStreams: 10 } });

server.on("stream", (stream, headers) => {
  const kind = headers[":path"].split("/")[2];
  stream.on("error", () => {});
  if (kind === "refuse") {
    stream.respond({ ":status": 429, "x-amzn-errortype": "ThrottlingException" });
    stream.end('{"Message": "slow down"}');
    stream.close(NGHTTP2_NO_ERROR);
    return;
  }
  if (kind === "reset") {
    stream.close(NGHTTP2_REFUSED_STREAM);
    return;
  }
  stream.respond({ ":status": 200 }, { waitForTrailers: kind === "trailers" });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-checksum": "1" }));
  if (kind === "goaway") stream.session.goaway(NGHTTP2_NO_ERROR, stream.id);
  let held = Buffer.alloc(0);
  stream.on("data", (data) => {
    held = Buffer.concat([held, data]);
    while (held.length >= 12 && held.length >= held.readUInt32BE(0)) {
      const total = held.readUInt32BE(0);
      const event = held.subarray(12 + held.readUInt32BE(4), total - 4);
      held = held.subarray(total);
      if (event.length) stream.write(Buffer.from(event));
    }
  });
  stream.on("end", () => stream.end());
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
