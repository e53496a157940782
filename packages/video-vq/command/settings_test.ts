import assert from "node:assert/strict";
import { chosenModel, payloadFor, requireKeys, windowVersionFor } from "./settings.ts";

Deno.test("settings: a network by its name, or its weights by reference", () => {
  assert.deepEqual(chosenModel({}), {});
  for (const model of ["vq-tiny", "open-magvit2-video", "video_128_262144.ckpt", "vidtok-fsq"]) {
    assert.deepEqual(chosenModel({ model }), { reference: model });
  }
  assert.deepEqual(
    chosenModel({ model: "open-magvit2-video", weights: "a.ckpt", parameters: "raw" }),
    { reference: "a.ckpt", parameters: "raw" },
  );
});

Deno.test("settings: --model PATH and --weights ema|raw mean what they meant before", () => {
  const old = { model: "folder/a.ckpt", weights: "raw" };
  assert.deepEqual(chosenModel(old), { reference: "folder/a.ckpt", parameters: "raw" });
  assert.deepEqual(chosenModel({ weights: "ema" }), { parameters: "ema" });
});

Deno.test("settings: vq-tiny takes no weights", () => {
  assert.throws(
    () => chosenModel({ model: "vq-tiny", weights: "a.ckpt" }),
    { name: "UsageError", message: /found "a.ckpt", expected none/ },
  );
});

Deno.test("settings: only a range coded stream with an id needs every window to be a key", () => {
  const streamId = "00000000000000ab";
  requireKeys({ payload: "range", keyEvery: 9 });
  requireKeys({ streamId, payload: "packed", keyEvery: 9 });
  requireKeys({ streamId, payload: "range", keyEvery: 1 });
  requireKeys({ streamId, payload: "range" });
  assert.throws(() => requireKeys({ streamId, payload: "range", keyEvery: 9 }), /expected 1 with/);
});

Deno.test("settings: tokens are range coded where every window arrives, and packed elsewhere", () => {
  const formOf = (channel?: string, policy: "block" | "drop-oldest" = "block") =>
    payloadFor({ policy }, channel);
  const lossless = ["tcp://a:1", "file:a/?limit=3", "zmq+push://a:1", "redis://a/0", "nats://a"];
  for (const channel of [undefined, ...lossless, "amqp://a", "s3://a/b", "kafka://a:1"]) {
    assert.equal(formOf(channel), "range", channel);
    assert.equal(formOf(channel, "drop-oldest"), "packed", channel);
  }
  for (const channel of ["zmq+pub://*:5556", "file:a/?format=pt", "s3://a/b?limit=3&format=npy"]) {
    assert.equal(formOf(channel), "packed", channel);
  }
  assert.equal(payloadFor({ payload: "packed", policy: "block" }, "tcp://a:1"), "packed");
  assert.equal(payloadFor({ payload: "range", policy: "drop-oldest" }, "tcp://a:1"), "range");
});

Deno.test("settings: headers are as asked, short inside the process, else as the receiver reads", () => {
  assert.equal(windowVersionFor({}), 2);
  assert.equal(windowVersionFor({}, "tcp://a:1"), undefined);
  assert.equal(windowVersionFor({ windowVersion: "1" }), 1);
  assert.equal(windowVersionFor({ windowVersion: "2" }, "redis://a/0"), 2);
});
