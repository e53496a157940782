import assert from "node:assert/strict";
import { shownUrl, splitCredentials } from "./credentials.ts";

Deno.test("splitCredentials() takes name and password out of the URL", () => {
  const { url, credentials } = splitCredentials("http://a%40b:p%3Aw@cam/stream.mjpg?x=1");
  assert.equal(url.href, "http://cam/stream.mjpg?x=1");
  assert.deepEqual(credentials, { user: "a@b", password: "p:w" });
  assert.equal(splitCredentials("http://cam/").credentials, undefined);
});

Deno.test("splitCredentials() takes a percent sign that escapes nothing as it is", () => {
  const { credentials } = splitCredentials("http://50%off:100%%40%C3%A4@cam/");
  assert.deepEqual(credentials, { user: "50%off", password: "100%@ä" });
});

Deno.test("splitCredentials() shows no password if the URL cannot be read", () => {
  for (const bad of ["http://a:secret@cam:99999/x", "http://a:s/ec@ret@cam:99999/x"]) {
    assert.throws(() => splitCredentials(bad), {
      name: "TypeError",
      message: "Cannot read http://cam:99999/x: it is not a URL, expected scheme://host:port/path",
    });
  }
});

Deno.test("shownUrl() hides names and passwords wherever cameras take them", () => {
  const cases = [
    ["nats://me:secret@host:4222/?stream=a&token=secret", "nats://host:4222/?stream=a&token=***"],
    ["rtsp://a:b@cam:554/live", "rtsp://cam:554/live"],
    ["http://cam/video?user=a&pwd=secret&size=2", "http://cam/video?user=***&pwd=***&size=2"],
    ["srt://cam:9000?passphrase=secret&mode=caller", "srt://cam:9000?passphrase=***&mode=caller"],
    [
      "rtsp://cam/user=a&password=b_c&channel=1.sdp",
      "rtsp://cam/user=***&password=***&channel=1.sdp",
    ],
    [
      "rtsp://cam/user=a_password=b_c_channel=1.sdp",
      "rtsp://cam/user=***_password=***_channel=1.sdp",
    ],
  ];
  for (const [url, shown] of cases) assert.equal(shownUrl(url!), shown);
});
