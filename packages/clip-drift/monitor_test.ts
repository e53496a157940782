import assert from "node:assert/strict";
import { parseRule } from "./alerts.ts";
import { serveCamera } from "./camera_server.ts";
import { openEncoder } from "./encoder.ts";
import { Hub } from "./hub.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";
import { RunFolder } from "./run_folder.ts";
import { readRun } from "./runs.ts";
import { scenePictures } from "./scene.ts";

const SCENE = { fps: 12, width: 96, height: 72 };

const CONFIG = {
  ...{ streamUrl: "", device: "cpu", model: "gist", pretrained: "none" },
  ...{ snapshotInterval: 30, embeddingInterval: 10, rollingWindow: 300 },
};

Deno.test("a camera that is pulled and put back is one run with a gap", async () => {
  const root = await Deno.makeTempDir();
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const picture = scenePictures(SCENE);
  let camera = serveCamera({ picture, fps: 30 });
  const { port, url } = camera;
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
    source: { reconnectDelay: 0.05, frameTimeout: 1 },
    openRun: () => RunFolder.create(CONFIG, { root }),
    onFrame: () => frames++,
    say: (line) => lines.push(line),
  };
  const monitor = new Monitor(url, encoder, options);
  const watching = monitor.run(stop.signal);
  await until(5);
  await camera.close();
  while (feed.view.status !== "lost") await new Promise((resolve) => setTimeout(resolve, 5));
  camera = serveCamera({ picture, fps: 30, port });
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

Deno.test("a cut raises one alert, told everywhere, with a picture", async () => {
  const root = await Deno.makeTempDir();
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  await using camera = serveCamera({ picture: scenePictures({ ...SCENE, cut: 1 }), fps: 12 });
  const feed = new Hub(100).add("camera");
  const stop = new AbortController();
  const alerts: { rule: string; frame: number }[] = [];
  const monitor = new Monitor(camera.url, encoder, {
    feed,
    rules: [parseRule("scene: drift > 0.4 cooldown 60s")],
    openRun: () => RunFolder.create(CONFIG, { root }),
    onAlert: (alert) => alerts.push(alert),
    onFrame: ({ index }) => index >= 30 && stop.abort(),
  });
  const { counters } = await monitor.run(stop.signal);
  assert.equal(counters.alerts, 1);
  assert.equal(alerts.length, 1);
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

Deno.test("a monitor says what to do where the model is too slow for the camera", async () => {
  const jpegs = await Promise.all([0, 1].map(scenePictures({ width: 32, height: 24 })));
  await using camera = serveCamera({ picture: (i) => jpegs[i % 2]!, fps: 200 });
  using fast = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const encode: typeof fast.encode = async (image) => {
    await new Promise((resolve) => setTimeout(resolve, 40));
    return await fast.encode(image);
  };
  const lines: string[] = [];
  const stop = new AbortController();
  await new Monitor(camera.url, { ...fast, info: fast.info, encode }, {
    say: (line) => lines.push(line),
    onFrame: ({ index }) => index >= 40 && stop.abort(),
  }).run(stop.signal);
  const hints = lines.filter((line) => /% of the frames are left out.*--precision int8/.test(line));
  assert.equal(hints.length, 1, lines.join("\n"));
});

Deno.test("a monitor without a folder writes nothing and ends with its source", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/a.jpg`, await scenePictures(SCENE)(0));
  await Deno.writeFile(`${folder}/b.jpg`, Uint8Array.of(0xff, 0xd8, 0xff, 0xd9));
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const monitor = new Monitor(folder, encoder);
  const { frames, counters } = await monitor.run();
  assert.deepEqual([frames, counters.decode_errors], [2, 1]);
  assert.equal(monitor.runPath, undefined);
  await Deno.remove(folder, { recursive: true });
});
