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
      message: "Cannot read http://cam:99999/x: it is not a URL, expected http://host:port/path",
    });
  }
});

Deno.test("shownUrl() hides name, password and the parameters that hold one", () => {
  const url = "nats://me:secret@host:4222/?stream=a&token=secret";
  assert.equal(shownUrl(url), "nats://host:4222/?stream=a&token=***");
});
