import assert from "node:assert/strict";
import { liveInput, shownSource, sourceKind } from "./address.ts";

Deno.test("sourceKind() knows live URLs, others, and paths", () => {
  const kinds = {
    live: [
      "rtsp://cam/h264",
      "RTSP://cam/h264",
      "rtspu://cam/x",
      "rtmps://host/app/name",
      "srt://host:9000?mode=caller",
      "udp://239.0.0.1:1234",
      "/dev/video0",
      "https://host/live/index.m3u8?token=1",
      "http://host/cam.mpd",
    ],
    http: ["http://cam/video", "https://cam/a.mjpg?file=x.m3u8"],
    path: ["a.mp4", "C:/film.mp4", "-", "dir:a.mp4", "file:///tmp/a.mp4", "/dev/video"],
  };
  for (const [kind, sources] of Object.entries(kinds)) {
    for (const source of sources) assert.equal(sourceKind(source), kind, source);
  }
});

Deno.test("sourceKind() refuses other schemes and typos without their password", () => {
  for (const text of ["htp://a:secret@cam/", "rtsp:/a:secret@cam", "a:secret@cam/x", "ftp://h/x"]) {
    assert.throws(() => sourceKind(text), (error: Error) => {
      assert.match(error.message, /^Cannot open .*: found .*, expected a path or one of rtsp, /);
      assert.doesNotMatch(error.message, /secret/);
      return error instanceof TypeError;
    });
  }
});

Deno.test("liveInput() names transports, hides passwords, and lets no playlist open files", () => {
  const { url, shown, options } = liveInput("rtspu://a:b@cam/x");
  assert.deepEqual([url, shown], ["rtsp://a:b@cam/x", "rtspu://cam/x"]);
  assert.equal(options.rtsp_transport, "udp");
  assert.equal(liveInput("rtsp://cam/x").options.rtsp_flags, "prefer_tcp");
  const allowed = liveInput("http://host/a.m3u8").options.protocol_whitelist!.split(",");
  assert(allowed.includes("https") && !allowed.includes("file"));
  assert.equal(liveInput("/dev/video3").format, "v4l2");
  assert.equal(shownSource("/dev/video3"), "/dev/video3");
  assert.throws(() => liveInput("a.mp4"), TypeError);
  assert.throws(() => liveInput("rtsp://a:secret@cam:99999/"), (error: Error) => {
    return error instanceof TypeError && !error.message.includes("secret");
  });
});
