import assert from "node:assert/strict";
import { CodedError, openReceiver, openSender } from "../mod.ts";
import { errorLine } from "../command/run.ts";
import { printable } from "../command/terminal.ts";
import { hidePasswords } from "./credentials.ts";

const SCHEMES = [
  ...["http", "https", "rtsp", "rtsps", "redis", "rediss", "amqp", "amqps", "nats", "ftp"],
  ...["tcp", "zmq+push", "ws"],
];

for (const scheme of SCHEMES) {
  Deno.test(`a password in a URL is hidden wherever it could be read: ${scheme}`, () => {
    for (const login of ["me:w0rd", "me:w0rd%40", ":w0rd", "w0rd", "me:w0@w0rd"]) {
      const text = `Cannot open "${scheme}://${login}@cam.example:1/a?b=c@d", try again`;
      const hidden = `Cannot open "${scheme}://***@cam.example:1/a?b=c@d", try again`;
      assert.equal(hidePasswords(text), hidden);
      assert.equal(printable(text), hidden);
      assert.equal(errorLine(new Error(text)), hidden);
      assert.equal(new CodedError("failed", text).message, hidden);
    }
  });
}

Deno.test("secret parameters of a URL are hidden, and nothing else of it", () => {
  const cases = [
    ["https://a.b/c.mp4?token=w0rd&t=3", "https://a.b/c.mp4?token=***&t=3"],
    [
      "https://a.b/c?X-Amz-Date=1&X-Amz-Signature=w0rd",
      "https://a.b/c?X-Amz-Date=1&X-Amz-Signature=***",
    ],
    ["https://a.b/c?sv=1&sig=w0rd%3D#top", "https://a.b/c?sv=1&sig=***#top"],
    ["https://a.b/?key=w0rd", "https://a.b/?key=***"],
    ["https://a.b/c?access_token=w0rd", "https://a.b/c?access_token=***"],
  ];
  for (const [url, shown] of cases) {
    assert.equal(printable(`Cannot read "${url}": gone`), `Cannot read "${shown}": gone`);
    assert.equal(new CodedError("failed", url!).message, shown);
  }
});

Deno.test("what is no login stays as it is", () => {
  for (
    const text of [
      "https://jsr.io/@vcs/media",
      "me@example.com: see http://a/b and http://c/d@e",
      "redis://host:6379/0?stream=a@b",
      "file:///home/me@work/a.ecdc",
      "at http://host and me@host",
      "The page is at http://host:8000/?token=0123 now",
      "https://a.b/c?keyframes=2&monkey=1#token=x",
    ]
  ) assert.equal(hidePasswords(text), text);
});

Deno.test("no channel's error shows a password", async () => {
  const schemes = ["tcp", "zmq+push", "zmq+pub", "redis", "amqp", "nats", "nope"];
  for (const scheme of schemes) {
    for (const rest of ["cam:x/", "cam:1/?colour=red", ":0", ""]) {
      for (const open of [openSender, openReceiver]) {
        const url = `${scheme}://me:w0rd@${rest}`;
        const error = await open(url, { timeout: 1 }).then(
          async (end) => await end.close(),
          (error: unknown) => error,
        );
        assert.doesNotMatch(error instanceof Error ? error.message : "", /w0rd/, url);
      }
    }
  }
});
