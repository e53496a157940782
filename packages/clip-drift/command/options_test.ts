import assert from "node:assert/strict";
import { command, readValue, UsageError } from "@vcs/transport/internal";
import { CAMERA, LABELS, LISTEN, REFERENCE, STREAM, WATCH, type WatchSettings } from "./options.ts";

/** Settings of a command line, and the notes about it. */
async function read(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const read: { settings?: WatchSettings; notes: string[] } = { notes: [] };
  const watch = command({
    name: "watch",
    about: "watch",
    options: WATCH,
    run: ({ options }) => Promise.resolve(void (read.settings = options)),
  });
  await watch.invoke(args, {
    signal: new AbortController().signal,
    env: (name) => env[name],
    note: (line) => read.notes.push(line),
  });
  return { settings: read.settings!, notes: read.notes };
}

Deno.test("the flags of Seymour-pi's encoders work without a note", async () => {
  const args = ["--stream", "http://cam/", "--no-display", "--no-plot", "--no-save", "--test"];
  const { settings, notes } = await read(args);
  const { stream, display, plot, save, test } = settings;
  assert.deepEqual({ stream, display, plot, save, test }, {
    ...{
      stream: [{ name: "cam", spec: "http://cam/" }],
      display: false,
      plot: false,
      save: false,
      test: true,
    },
  });
  assert.deepEqual(notes, []);
});

Deno.test("the variables of Seymour-pi's encoders work without a note, below the options", async () => {
  const env = {
    ...{ ENCODERS_DEVICE: "cuda", ENCODERS_MODEL: "ViT-L-14", ENCODERS_PRETRAINED: "laion" },
    ...{ ENCODERS_SNAPSHOT_INTERVAL: "0.5", ENCODERS_EMBEDDING_INTERVAL: "7" },
    ...{ ENCODERS_ROLLING_WINDOW: "9", ENCODERS_RECONNECT_DELAY: "3" },
    ...{ ENCODERS_FRAME_TIMEOUT: "4.5" },
  };
  const { settings, notes } = await read([], env);
  const { device, model, weights, snapshotInterval, embeddingInterval } = settings;
  const { rollingWindow, reconnectDelay, frameTimeout } = settings;
  assert.deepEqual([device, model, weights], ["cuda", "ViT-L-14", "laion"]);
  assert.deepEqual([snapshotInterval, embeddingInterval, rollingWindow], [0.5, 7, 9]);
  assert.deepEqual([reconnectDelay, frameTimeout], [3, 4.5]);
  assert.equal((await read(["--frame-timeout", "6"], env)).settings.frameTimeout, 6);
  assert.deepEqual(notes, []);
});

Deno.test("settings have the defaults of Seymour-pi's encoders", async () => {
  const { settings, notes } = await read([], { ENCODERS_DEVICE: "" });
  const { snapshotInterval, embeddingInterval, rollingWindow } = settings;
  const { device, model, weights, reconnectDelay, frameTimeout } = settings;
  assert.deepEqual([device, model, weights], ["auto", undefined, undefined]);
  assert.deepEqual([snapshotInterval, embeddingInterval, rollingWindow], [30, 100, 300]);
  assert.deepEqual([reconnectDelay, frameTimeout], [2, 10]);
  assert.deepEqual(notes, []);
});

Deno.test("a variable that cannot be read gets a note, and the default is used", async () => {
  const { settings, notes } = await read([], {
    ENCODERS_EMBEDDING_INTERVAL: "7.5",
    ENCODERS_SNAPSHOT_INTERVAL: "0",
  });
  assert.deepEqual([settings.snapshotInterval, settings.embeddingInterval], [30, 100]);
  assert.deepEqual(notes, [
    'Cannot read ENCODERS_SNAPSHOT_INTERVAL: found "0", expected numbers above 0; using 30',
    'Cannot read ENCODERS_EMBEDDING_INTERVAL: found "7.5", expected whole numbers from 1; using 100',
  ]);
});

Deno.test("--pretrained is --weights, with a note", async () => {
  const { settings, notes } = await read(["--pretrained", "openai"]);
  assert.equal(settings.weights, "openai");
  assert.deepEqual(notes, ["--pretrained is now --weights"]);
});

Deno.test("the simulated camera reads the variables of Seymour-pi's pisource", () => {
  const variables = Object.values(CAMERA).map((entry) => entry.env).filter((name) =>
    name?.startsWith("PISOURCE_")
  );
  assert.deepEqual(
    variables,
    ["HOST", "PORT", "FPS", "WIDTH", "HEIGHT", "QUALITY"].map((name) => `PISOURCE_${name}`),
  );
});

Deno.test("--listen takes hosts and ports", () => {
  const listen = (text: string) => readValue(LISTEN, text, "--listen");
  assert.deepEqual(listen("8080"), { hostname: "127.0.0.1", port: 8080 });
  assert.deepEqual(listen(":8080"), { hostname: "127.0.0.1", port: 8080 });
  assert.deepEqual(listen("[::1]:80"), { hostname: "::1", port: 80 });
  for (const wrong of ["1.2.3.4", "host:99999", ""]) assert.throws(() => listen(wrong), UsageError);
});

Deno.test("--reference takes a count, a frame, or the path of an image", () => {
  const reference = (text: string) => readValue(REFERENCE, text, "--reference");
  assert.deepEqual(reference("first:3"), { referenceFrames: 3 });
  assert.deepEqual(reference("frame:0"), { referenceFrames: 1, referenceFrom: 0 });
  assert.deepEqual(reference("dock.jpg"), { image: "dock.jpg" });
  for (const wrong of ["first:0", ""]) assert.throws(() => reference(wrong), UsageError);
});

Deno.test("--labels takes texts between commas", () => {
  const labels = (text: string) => readValue(LABELS, text, "--labels");
  assert.deepEqual(labels(" empty dock,, truck at dock "), ["empty dock", "truck at dock"]);
  assert.throws(() => labels(" , "), UsageError);
});

Deno.test("a stream may have a name, before its first equals sign", () => {
  const stream = (text: string) => readValue(STREAM, text, "--stream");
  for (
    const [text, name, spec] of [
      ["http://cam:8080/?action=stream", "cam:8080", "http://cam:8080/?action=stream"],
      ["front-door_1=http://cam/?a=b", "front-door_1", "http://cam/?a=b"],
      ["a=b=c.mjpg", "a", "b=c.mjpg"],
      ["./a=b.mjpg", "a=b.mjpg", "./a=b.mjpg"],
      ["pipe=-", "pipe", "-"],
      ["C:/film.mp4", "film.mp4", "C:/film.mp4"],
      ["rtsp://a:b@cam:554/h264", "cam:554", "rtsp://a:b@cam:554/h264"],
      ["/dev/video0", "video0", "/dev/video0"],
    ] as const
  ) {
    assert.deepEqual(stream(text), { name, spec });
  }
  assert.throws(() => stream("door="), UsageError);
});

Deno.test("other schemes and typos are refused, without a word of the password", () => {
  for (
    const [text, found] of [
      ["rtps://admin:secret@cam/h264?pwd=secret", "rtps://cam/h264: found scheme rtps://"],
      ["door=htp://admin:secret@cam/", "htp://cam/: found scheme htp://"],
      ["http:/admin:secret@cam/", "http:/cam/: found scheme http:/"],
      ["rtsp:/admin:secret@cam/", "rtsp:/cam/: found scheme rtsp:/"],
      ["admin:secret@cam/video", "cam/video: found credentials without a scheme"],
    ] as const
  ) {
    assert.throws(() => readValue(STREAM, text, "--stream"), (error: Error) => {
      assert.ok(error.message.includes(`Cannot open ${found}, expected`), error.message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});
