import assert from "node:assert/strict";
import { freePort } from "../../transport/site/free_port.ts";
import { parseRule } from "../alerts.ts";
import { serveCamera } from "../camera/camera_server.ts";
import { openEncoder } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";
import { type CameraFeed, Hub } from "../page/hub.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";
import { RunFolder } from "../runs/writer.ts";
import { readRun } from "../runs/reader.ts";
import { sceneFrames } from "../camera/scene.ts";
import { cutFrames } from "../testdata/cut_frames.ts";

const SCENE = { fps: 12, width: 96, height: 72 };

const CONFIG = {
  ...{ streamUrl: "", device: "cpu", model: "gist", pretrained: "none" },
  ...{ snapshotInterval: 30, embeddingInterval: 10, rollingWindow: 300 },
};

Deno.test("a camera that is pulled and put back is one run with a gap", async () => {
  const root = await Deno.makeTempDir();
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const frame = sceneFrames(SCENE);
  const port = freePort();
  let camera = await serveCamera({ frame, fps: 30, port });
  const { url } = camera;
  const hub = new Hub(100);
  const feed = hub.add("camera");
  const lines: string[] = [];
  const stop = new AbortController();
  let frames = 0;
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      const timer = setInterval(() => frames >= count && (clearInterval(timer), resolve()), 5);
    });
  const options: MonitorOptions = {
    feed,
    source: { reconnectDelay: 0.05, frameTimeout: 60 },
    openRun: () => RunFolder.create(CONFIG, { root }),
    onFrame: () => frames++,
    say: (line) => lines.push(line),
  };
  const monitor = new Monitor(url, encoder, options);
  const watching = monitor.run(stop.signal);
  await until(5);
  await camera.close();
  while (feed.view.status !== "lost") await new Promise((resolve) => setTimeout(resolve, 5));
  camera = await serveCamera({ frame, fps: 30, port });
  await until(frames + 5);
  stop.abort();
  const totals = await watching;
  await camera.close();
  assert.deepEqual([totals.counters.reconnects, totals.counters.gaps], [1, 1]);
  const run = await readRun(monitor.runPath!);
  const types = (run.events as { type: string }[]).map(({ type }) => type);
  assert.ok(types.indexOf("lost") < types.indexOf("gap"), types.join());
  assert.equal((run.summary as { gaps: number }).gaps, 1);
  assert.equal(run.drift.length, totals.frames);
  assert.ok(lines.some((line) => /attempt 2 in/.test(line)));
  await Deno.remove(root, { recursive: true });
});

Deno.test("a cut raises one alert, reported everywhere once it is kept, with a snapshot", async () => {
  const root = await Deno.makeTempDir();
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  let seen = 0;
  const frame = cutFrames(() => seen >= 12, SCENE);
  await using camera = await serveCamera({ frame, fps: SCENE.fps });
  const feed = new Hub(100).add("camera");
  const stop = new AbortController();
  const alerts: { rule: string; camera: string; frame: number }[] = [];
  const lines: string[] = [];
  let began = 0;
  const monitor = new Monitor(camera.url, encoder, {
    ...{ feed, name: "door" },
    rules: [parseRule("scene: drift > 0.4 cooldown 60s")],
    openRun: () => RunFolder.create(CONFIG, { root }),
    delivery: {
      keep: (alert) => {
        assert.deepEqual(lines.filter((line) => line.startsWith("ALERT")), []);
        alerts.push(alert);
        return Promise.resolve(() => began++);
      },
      settled: () => Promise.resolve(),
      waiting: () => 0,
    },
    say: (line) => lines.push(line),
    onFrame: () => ++seen === 30 && stop.abort(),
  });
  const { counters } = await monitor.run(stop.signal);
  assert.deepEqual([counters.alerts, began], [1, 1]);
  assert.equal(lines.filter((line) => line.startsWith("ALERT door: scene")).length, 1);
  assert.deepEqual(alerts.map(({ camera }) => camera), ["door"]);
  const run = await readRun(monitor.runPath!);
  const events = run.events as { type: string; frame: number }[];
  assert.deepEqual(events.filter(({ type }) => type === "alert").map(({ frame }) => frame), [
    alerts[0]!.frame,
  ]);
  const name = `frame_${String(alerts[0]!.frame).padStart(6, "0")}.jpg`;
  assert.deepEqual(run.snapshots, ["frame_000000.jpg", name]);
  assert.deepEqual(feed.view.snapshots, run.snapshots);
  assert.ok(feed.notes.some(({ type }) => type === "alert"));
  await Deno.remove(root, { recursive: true });
});

Deno.test("a monitor says what to do if the model is too slow for the camera", async () => {
  const jpegs = await Promise.all([0, 1].map(sceneFrames({ width: 32, height: 24 })));
  await using camera = await serveCamera({ frame: (i) => jpegs[i % 2]!, fps: 200 });
  using fast = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const watch = async (model: string) => {
    const feed = new Hub(100).add("camera");
    const encode: typeof fast.encode = async (image) => {
      const { dropped } = feed.view;
      while (feed.view.dropped < dropped + 4) await new Promise((done) => setTimeout(done, 1));
      return await fast.encode(image);
    };
    const lines: string[] = [];
    const stop = new AbortController();
    await new Monitor(camera.url, { ...fast, info: { ...fast.info, model }, encode }, {
      feed,
      say: (line) => lines.push(line),
      onFrame: ({ index }) => index >= 40 && stop.abort(),
    }).run(stop.signal);
    assert.equal(feed.notes.filter(({ type }) => type === "dropped").length, 3);
    return lines.flatMap((line) => /later one, (\d+) so far \(.* %\); (.*)/.exec(line) ?? []);
  };
  const slow = await watch("ViT-B-32");
  assert.deepEqual([slow[1], slow[4], slow[7]], ["1", "10", "100"]);
  assert.match(slow[2]!, /--precision int8, or --model gist; or let the camera send smaller/);
  assert.equal((await watch("gist"))[2], "to watch more, let the camera send smaller images");
});

Deno.test("a monitor without a folder writes nothing and ends with its source", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/a.jpg`, await sceneFrames(SCENE)(0));
  await Deno.writeFile(`${folder}/b.jpg`, Uint8Array.of(0xff, 0xd8, 0xff, 0xd9));
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const monitor = new Monitor(folder, encoder);
  const { frames, counters } = await monitor.run();
  assert.deepEqual([frames, counters.decode_errors], [2, 1]);
  assert.equal(monitor.runPath, undefined);
  await Deno.remove(folder, { recursive: true });
});

/** What a monitor of made-up frames reports, with a run folder and a page's side. */
async function reported(
  spec: string,
  options: MonitorOptions,
  signal?: AbortSignal,
): Promise<{ feed: CameraFeed; lines: string[]; events: { type: string }[]; error: unknown }> {
  const root = await Deno.makeTempDir();
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const feed = new Hub(100).add("camera");
  const lines: string[] = [];
  const monitor = new Monitor(spec, encoder, {
    ...{ feed, say: (line: string) => lines.push(line) },
    openRun: () => RunFolder.create(CONFIG, { root }),
    ...options,
  });
  const error = await monitor.run(signal).then(() => undefined, (cause) => cause);
  const run = monitor.runPath === undefined ? undefined : await readRun(monitor.runPath);
  await Deno.remove(root, { recursive: true });
  return { feed, lines, events: (run?.events ?? []) as { type: string }[], error };
}

Deno.test("a camera that is given up is reported as failed, in the run and on the page", async () => {
  const camera = await serveCamera({ frame: sceneFrames(SCENE), fps: 30 });
  const { feed, events, error } = await reported(camera.url, {
    source: { reconnectDelay: 0.01, retries: 1 },
    onFrame: ({ index }) => void (index === 4 && camera.close()),
  });
  assert.ok(error instanceof ClipDriftError, String(error));
  assert.equal(feed.view.status, "failed");
  const types = feed.notes.map(({ type }) => type).filter((type) => type !== "dropped");
  assert.deepEqual(types, ["connected", "lost", "failed"]);
  assert.deepEqual(events.map(({ type }) => type), ["connected", "lost", "lost", "failed"]);
});

Deno.test("a camera whose frames do not decode is not live, and reported in few lines", async () => {
  const broken = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);
  await using camera = await serveCamera({ frame: () => broken, fps: 100 });
  const stop = new AbortController();
  let frames = 0;
  const source = { policy: "all" } as const;
  const lines: string[] = [];
  const say = (line: string) => {
    lines.push(line);
    if (/skipped, 100 so far/.test(line)) stop.abort();
  };
  const options = { source, say, onFrame: () => frames++ };
  const { feed } = await reported(camera.url, options, stop.signal);
  assert.equal(frames, 0);
  assert.ok(
    feed.notes.some(({ type, text }) => type === "lost" && /10 frames in a row/.test(text)),
  );
  assert.equal(lines.length, 4, lines.join("\n"));
});

Deno.test("a camera that answers and sends no frame has not come back", async () => {
  let answers = 0;
  const jpeg = await sceneFrames(SCENE)(0);
  const head = "--f\r\nContent-Type: image/jpeg\r\n\r\n";
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    const whole = answers++ === 0;
    const body = new Blob([head, new Uint8Array(whole ? jpeg : jpeg.subarray(0, 400))]);
    const type = "multipart/x-mixed-replace; boundary=f";
    return new Response(body.stream(), { headers: { "content-type": type } });
  });
  const { feed, events } = await reported(`http://127.0.0.1:${server.addr.port}/`, {
    source: { reconnectDelay: 0.01, retries: 3 },
  });
  assert.equal(feed.view.reconnects, 0);
  assert.ok(!events.some(({ type }) => type === "gap"));
  assert.ok(feed.notes.some(({ type }) => type === "skipped"));
});

Deno.test("a monitor goes on if the run folder cannot be made", async () => {
  const folder = await Deno.makeTempDir();
  const frame = `${folder}/a.jpg`;
  await Deno.writeFile(frame, await sceneFrames(SCENE)(0));
  const openRun = () => RunFolder.create(CONFIG, { root: frame });
  const { feed, lines, error } = await reported(frame, { openRun });
  assert.equal(error, undefined);
  assert.equal(feed.view.index, 0);
  assert.ok(lines.some((line) => /Nothing is saved: /.test(line)), lines.join("\n"));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a source without a frame that decodes is a failure", async () => {
  const folder = await Deno.makeTempDir();
  const jpeg = await sceneFrames(SCENE)(0);
  const files: readonly [string, Uint8Array | string, string, RegExp][] = [
    ["text.mjpg", "no camera at all\n", "not-mjpeg", /found no frame$/],
    ["empty.jpg", "", "bad-image", /no frame that can be decoded$/],
    ["cut.jpg", jpeg.subarray(0, 500), "not-mjpeg", /found 1 truncated frames$/],
    ["text.png", "no frame", "bad-image", /no frame that can be decoded$/],
  ];
  for (const [name, content, code, message] of files) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${name}`, bytes);
    const { error } = await reported(`${folder}/${name}`, {});
    assert.ok(error instanceof ClipDriftError && error.code === code, `${name}: ${error}`);
    assert.match(error.message, message);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("frames that are cut off are counted", async () => {
  const path = await Deno.makeTempFile({ suffix: ".mjpg" });
  const jpegs = await Promise.all([0, 1, 2].map(sceneFrames(SCENE)));
  const head = "--f\r\nContent-Type: image/jpeg\r\n\r\n";
  const cut = (jpeg: Uint8Array, i: number) => jpeg.slice(0, i === 1 ? 400 : jpeg.length);
  const parts = jpegs.flatMap((jpeg, i) => [head, cut(jpeg, i)]);
  await Deno.writeFile(path, await new Blob(parts).bytes());
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const { frames, counters } = await new Monitor(path, encoder).run();
  assert.deepEqual([frames, counters.truncated_frames], [2, 1]);
  await Deno.remove(path);
});

Deno.test("frames that do not decode are counted in a row: a good one between starts anew", async () => {
  const path = await Deno.makeTempFile({ suffix: ".mjpg" });
  const good = await sceneFrames(SCENE)(0);
  const broken = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);
  const blindNotes = async (...inRow: number[]) => {
    const head = "--f\r\nContent-Type: image/jpeg\r\n\r\n";
    const frames = inRow.flatMap((count) => [...Array<Uint8Array>(count).fill(broken), good]);
    const parts = frames.flatMap((frame) => [head, new Uint8Array(frame)]);
    await Deno.writeFile(path, await new Blob(parts).bytes());
    const { feed } = await reported(path, {});
    return feed.notes.filter(({ text }) => /10 frames in a row/.test(text)).length;
  };
  assert.equal(await blindNotes(9, 9, 9), 0);
  assert.equal(await blindNotes(10, 9), 1);
  assert.equal(await blindNotes(25), 1);
  await Deno.remove(path);
});
