import assert from "node:assert/strict";
import { join } from "node:path";
import { checkReadme } from "#testing/readme.ts";
import { makeClip, needsRtsp, rtspServer } from "#testing/rtsp/server.ts";
import { needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../../transport/trial/brokers.ts";
import { freePort } from "../../transport/site/free_port.ts";
import { serveCamera } from "../camera/camera_server.ts";
import { clipDrift } from "./command.ts";
import { listRuns, loadRunEmbeddings, readRun } from "../runs/reader.ts";
import { sceneFrames } from "../camera/scene.ts";
import { PARTS_HERE } from "#testing/parts_here.ts";

const COMMAND = import.meta.resolve("../mod.ts");
const SCENE = { width: 96, height: 72, fps: 10 };

function start(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", COMMAND, ...args],
    env: { ENCODERS_DEVICE: "cpu", NO_COLOR: "1", ...env },
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
}

async function finish(child: Deno.ChildProcess) {
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const run = (args: string[], env?: Record<string, string>) => finish(start(args, env));

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Waits until a file of the latest run has so many lines. */
async function untilLines(runs: string, file: string, count: number): Promise<string> {
  for (;;) {
    const [name] = await listRuns(runs);
    const text = name && await Deno.readTextFile(join(runs, name, file)).catch(() => "");
    if (name && text && text.split("\n").length > count) return join(runs, name);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("list and pull are subcommands, and know CLIP's models", () =>
  withFolder(async (folder) => {
    const env = { ...PARTS_HERE, VCS_CACHE: folder, HF_HOME: folder, VCS_OFFLINE: "1" };
    const listed = await run(["list"], env);
    assert.match(listed.stdout, /ViT-L-14-336\/openai +934\.0 MB +\S+ +CLIP ViT-L\/14@336px/);
    const unknown = await run(["pull", "encodec_48khz"], env);
    assert.equal(unknown.code, 1);
    assert.match(
      unknown.stderr,
      /hf:owner\/name\/file, ViT-B-32\/openai, .*datacomp_xl_s13b_b90k, DINOv2-S-14\/lvd142m, .*SigLIP-B-16\/webli\n$/,
    );
  }));

Deno.test("--help goes to stdout", async () => {
  const { code, stdout, stderr } = await run(["--help"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.match(stdout, /--no-display/);
});

Deno.test("the README's table is that of the command", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), clipDrift);
});

for (
  const [args, message] of [
    [[], /found no stream, expected --stream SOURCE/],
    [["-s", "x", "--config", "c.toml"], /Cannot use --stream with --config/],
    [["--config", "c.toml", "--insecure", "a"], /Cannot use --insecure with --config/],
    [["-s", "x", "--publish", "http://me:secret@host"], /Cannot read --publish: .* channels' URLs/],
    [["--config", "none.toml"], /Cannot read none\.toml: it does not exist/],
    [["--streem", "x"], /Unknown option --streem: did you mean --stream\?/],
    [["-s", "x", "--alert", "speed > 1"], /found measure speed/],
    [["-s", "x", "--max-fps", "0"], /Cannot read --max-fps: found "0", .* numbers above 0/],
    [["-s", "x", "--precision", "int4"], /found "int4", .* fp32, fp16, int8/],
    [["-s", "x", "--listen", "nowhere"], /Cannot read --listen: found "nowhere"/],
    [["-s", "x", "--reference", "last", "--model", "gist"], /no file last, expected first:10/],
    [["-s", "x", "--no-display", "--listen", "1"], /Cannot use --listen with --no-display/],
    [["-s", "x", "--no-display", "--token", "1"], /Cannot use --token with --no-display/],
    [["-s", "x", "--token", ""], /Cannot read --token: found ""/],
    [["-s", "http://u:secret@cam:99999/"], /Cannot read http:\/\/cam:99999\/: it is not a URL/],
    [["-s", "x", "--webhook", "//u:secret@a"], /Cannot read \/\/a: it is not a URL/],
    [
      ["-s", "x", "--device", "banana"],
      /Cannot read --device: found "banana", expected auto, cpu, cuda/,
    ],
    [["view", "--listen", "1.2.3.4"], /Cannot read --listen: found "1.2.3.4"/],
    [["camera", "--quality", "0"], /from 1 to 100/],
    [["camera", "--width", "0"], /from 1 to 8192/],
  ] as const
) {
  Deno.test(`wrong usage is reported and ends with 2: ${args.join(" ") || "nothing"}`, async () => {
    const { code, stdout, stderr } = await run([...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(stdout, "");
  });
}

Deno.test({
  name: "an RTSP camera is watched, and its password is written nowhere",
  ...needsRtsp,
  fn: () =>
    withFolder(async (folder) => {
      await makeClip(`${folder}/h264.mkv`, "h264");
      const mounts = { "/live": `${folder}/h264.mkv` };
      await using server = await rtspServer({ mounts, login: "admin:hunter2" });
      const host = `127.0.0.1:${server.port}`;
      const runs = `${folder}/runs`;
      const url = `rtsp://admin:hunter2@${host}/live`;
      const common = ["-s", url, "--model", "gist", "--no-display"];
      const watching = start([...common, "--runs", runs]);
      const run = await untilLines(runs, "metrics.csv", 3);
      watching.kill("SIGINT");
      const { stdout, stderr } = await finish(watching);
      const config = await Deno.readTextFile(join(run, "config.json"));
      assert.equal(JSON.parse(config).stream_url, `rtsp://${host}/live`);
      let text = stdout + stderr + run;
      for await (const { name, isFile } of Deno.readDir(run)) {
        if (isFile) text += new TextDecoder("latin1").decode(await Deno.readFile(join(run, name)));
      }
      assert.doesNotMatch(text, /hunter2|admin/);
      const tested = await finish(start([...common, "--test"]));
      assert.equal(tested.code, 0, tested.stderr);
      assert.match(tested.stderr, /64x48, \d+\.\d fps, video\/h264/);
    }),
});

Deno.test("--test says what the stream is, and fails if there is none", async () => {
  await using camera = await serveCamera({ frame: sceneFrames(SCENE), fps: 20 });
  const good = await run(["-s", camera.url, "--test", "--model", "gist"]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stderr, /96x72, \d+\.\d fps, multipart\/x-mixed-replace; boundary=frame/);
  assert.match(good.stderr, /an embedding of 512 in \d+ ms/);
  assert.match(good.stderr, /says "ok"/);
  await camera.close();
  const bad = await run(["-s", camera.url, "--test", "--json", "--model", "gist"]);
  assert.equal(bad.code, 1);
  const { stream, works, error } = JSON.parse(bad.stdout);
  assert.deepEqual([stream, works], [new URL(camera.url).host, false]);
  assert.match(error, /connection refused/);
  assert.match(bad.stderr, /connection refused.*curl http:\/\/127/);
});

Deno.test("a watch writes its run, and Ctrl-C ends it in order", async () => {
  await using camera = await serveCamera({ frame: sceneFrames(SCENE), fps: 20 });
  await withFolder(async (runs) => {
    const args = ["-s", camera.url, "--no-display", "--model", "gist", "--runs", runs];
    const child = start(args, { ENCODERS_EMBEDDING_INTERVAL: "8", ENCODERS_ROLLING_WINDOW: "x" });
    const path = await untilLines(runs, "drift.csv", 22);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await finish(child);
    assert.equal(code, 130, stderr);
    assert.match(stdout, /^Total frames: \d+\nDuration: .*\nAverage FPS: /);
    assert.match(stdout, /Output: .*\d{8}_\d{6}\n$/);
    assert.match(stderr, /note: Cannot read ENCODERS_ROLLING_WINDOW: found "x".*; using 300/);
    assert.match(stderr, /^Frame {5}10: \[.{40}\] 0\.\d{4}$/m);
    const { drift, summary } = await readRun(path);
    assert.equal((summary as { total_frames: number }).total_frames, drift.length);
    assert.equal((await loadRunEmbeddings(path)).embeddings.shape[0], drift.length);
  });
});

Deno.test("a watch that is killed loses at most the open batch", async () => {
  await using camera = await serveCamera({ frame: sceneFrames(SCENE), fps: 20 });
  await withFolder(async (runs) => {
    const args = ["-s", camera.url, "--no-display", "--model", "gist", "--runs", runs];
    const child = start(args, { ENCODERS_EMBEDDING_INTERVAL: "8" });
    const path = await untilLines(runs, "drift.csv", 20);
    child.kill("SIGKILL");
    await finish(child);
    const { drift, summary } = await readRun(path);
    assert.ok(drift.length >= 19);
    assert.equal(summary, undefined);
    const kept = (await loadRunEmbeddings(path)).embeddings.shape[0]!;
    assert.ok(kept >= 16 && kept % 8 === 0 && kept > drift.length - 9);
  });
});

Deno.test("--no-save writes nothing; a camera given up for good ends with 1", async () => {
  await withFolder(async (runs) => {
    const frame = join(runs, "frame.jpg");
    await Deno.writeFile(frame, await sceneFrames(SCENE)(0));
    const args = ["-s", frame, "--no-save", "--no-display", "--model", "gist", "--runs", runs];
    const { code, stdout } = await run(args);
    assert.equal(code, 0);
    assert.match(stdout, /^Total frames: 1\n/);
    assert.ok(!stdout.includes("Output"));
    const left = await Array.fromAsync(Deno.readDir(runs));
    assert.deepEqual(left.map(({ name }) => name), ["frame.jpg"]);
    const url = `http://127.0.0.1:${freePort()}/stream.mjpg`;
    const lost = await run(["-s", url, "--no-save", "--no-display", "--retries", "0"]);
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /Cannot connect to http:\/\/127\.0\.0\.1:/);
  });
});

Deno.test("several sources are distinguished, and broken frames are counted", async () => {
  await withFolder(async (folder) => {
    const jpeg = new Uint8Array(await sceneFrames(SCENE)(0));
    await Deno.writeFile(join(folder, "a.jpg"), jpeg);
    await Deno.writeFile(
      join(folder, "b.mjpg"),
      await new Blob([jpeg.slice(0, 600), jpeg]).bytes(),
    );
    const streams = ["a.jpg", "b.mjpg"].flatMap((name) => ["-s", join(folder, name)]);
    const args = [...streams, "--no-save", "--no-display", "--model", "gist"];
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 0, stderr);
    for (const name of ["a.jpg", "b.mjpg"]) {
      assert.ok(stderr.includes(`\n${name} Frame      0: [`), stderr);
    }
    assert.match(stderr, /b.mjpg: Frame skipped, 1 so far: it is truncated/);
    assert.match(stdout, /^b.mjpg\nTotal frames: 1\n(.*\n)*Broken frames: 1$/m);
  });
});

sharedTest(
  "an activation that is only assumed is reported, and how to choose another",
  async () => {
    await withFolder(async (folder) => {
      const frame = join(folder, "frame.jpg");
      await Deno.writeFile(frame, await sceneFrames(SCENE)(0));
      const weights = sharedPath("golden/clip/tiny_clip.open_clip.safetensors");
      const args = ["-s", frame, "--no-save", "--no-display", "--weights", weights];
      const { code, stderr } = await run(args, { ...PARTS_HERE, VCS_CACHE: folder });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^ViT-B-32 .*; quick_gelu is assumed.*--activation gelu\)$/m);
    });
  },
);

Deno.test("standard input is read, and labels without CLIP are skipped with a line", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", COMMAND, "-s", "-", "--no-save", "--no-display"].concat([
      ...["--model", "gist", "--labels", "a cat, a dog", "--device", "cpu"],
    ]),
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = child.stdin.getWriter();
  const frame = sceneFrames(SCENE);
  for (let i = 0; i < 3; i++) await writer.write(await frame(i));
  await writer.close();
  const { code, stdout, stderr } = await finish(child);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Total frames: 3\n/);
  assert.match(stderr, /Going on without labels: .*gist has no text tower/);
});

/** Watches standard input that gives some frames and then says no more. */
async function stalled(args: string[], bytes: readonly Uint8Array[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", COMMAND, "-s", "-", "--model", "gist", ...args],
    env: { ENCODERS_DEVICE: "cpu", NO_COLOR: "1" },
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = child.stdin.getWriter();
  for (const chunk of bytes) await writer.write(chunk);
  const finished = async () => {
    const { code, stdout, stderr } = await child.output();
    await writer.abort().catch(() => {});
    const text = (b: Uint8Array) => new TextDecoder().decode(b);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };
  return { child, finished, close: () => writer.close() };
}

Deno.test("a pipe that stalls is left at the first signal, with the run closed", async () => {
  await withFolder(async (runs) => {
    const frames = await Promise.all([0, 1, 2].map(sceneFrames(SCENE)));
    const { child, finished } = await stalled(["--no-display", "--runs", runs], frames);
    const path = await untilLines(runs, "drift.csv", 4);
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await finished();
    assert.equal(code, 130, stderr);
    assert.match(stdout, /^Total frames: 3\n/);
    assert.equal((await loadRunEmbeddings(path)).embeddings.shape[0], 3);
  });
});

Deno.test("a pipe that says nothing is left at the first signal", async () => {
  await withFolder(async (runs) => {
    const { child, finished } = await stalled(["--no-display", "--runs", runs], []);
    await untilLines(runs, "config.json", 3);
    child.kill("SIGINT");
    const { code, stderr } = await finished();
    assert.equal(code, 130, stderr);
  });
});

/** Starts the command beside a server that never answers, and ends it once that was asked. */
async function interrupted(argsFor: (url: string, folder: string) => readonly string[]) {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const settings = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
  await using server = Deno.serve(settings, () => (asked.resolve(), answer.promise));
  const url = `http://127.0.0.1:${server.addr.port}`;
  await withFolder(async (folder) => {
    const child = start([...argsFor(url, folder), "--no-save", "--no-display"], {
      ...{ HF_ENDPOINT: url, HF_HUB_OFFLINE: "", VCS_OFFLINE: "" },
      ...{ ...PARTS_HERE, HF_HOME: folder, VCS_CACHE: folder },
    });
    await asked.promise;
    child.kill("SIGINT");
    const { code, stderr } = await finish(child);
    answer.resolve(new Response());
    assert.equal(code, 130, stderr);
  });
}

Deno.test("fetching weights ends at the first signal", async () => {
  const model = ["--model", "ViT-B-32", "--weights", "laion2b_s34b_b79k"];
  await interrupted(() => ["-s", "x", ...model]);
});

sharedTest("fetching the merges of labels ends at the first signal", async () => {
  await interrupted((_, folder) => {
    const weights = join(folder, "clip.safetensors");
    Deno.copyFileSync(sharedPath("golden/clip/tiny_clip.open_clip.safetensors"), weights);
    return ["-s", "x", "--weights", weights, "--labels", "dock, truck"];
  });
});

Deno.test("--test of a camera that does not answer ends at the first signal", async () => {
  await interrupted((url) => ["--test", "--model", "gist", "-s", url]);
});

Deno.test("a pipe that is joined in the middle of a frame is still MJPEG", async () => {
  const parts = await Promise.all([0, 1, 2].map(async (i) => {
    const jpeg = new Uint8Array(await sceneFrames(SCENE)(i));
    return new Blob(["--f\r\nContent-Type: image/jpeg\r\n\r\n", jpeg, "\r\n"]).bytes();
  }));
  const bytes = [parts[0]!.subarray(700), ...parts.slice(1)];
  const { finished, close } = await stalled(["--no-save", "--no-display"], bytes);
  await close();
  const { code, stdout, stderr } = await finished();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Total frames: 2\n/);
});

Deno.test("--json gives the totals of each stream as JSON alone", async () => {
  await withFolder(async (runs) => {
    const video = join(runs, "a.mjpg");
    const frames = await Promise.all([0, 1, 2].map(sceneFrames(SCENE)));
    await Deno.writeFile(video, await new Blob(frames.map((jpeg) => new Uint8Array(jpeg))).bytes());
    const args = ["--no-display", "--json", "--model", "gist", "--runs", runs];
    const { code, stdout, stderr } = await run([...args, "-s", video, "-s", join(runs, "no.mjpg")]);
    assert.equal(code, 1, stderr);
    const results = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const good = results.find(({ error }) => error === undefined);
    const { stream, frames: count, seconds, similarity, counters, run: path } = good;
    assert.deepEqual([stream, count, similarity.count], ["a.mjpg", 3, 2]);
    assert.ok(seconds > 0 && similarity.mean > 0.5);
    assert.deepEqual([counters.alerts, counters.decode_errors], [0, 0]);
    assert.equal((await readRun(path)).drift.length, 3);
    const bad = results.find(({ error }) => error !== undefined);
    assert.match(bad.error, /no\.mjpg/);
    assert.equal(results.length, 2);
  });
});

/** Lines of a child, as they come. */
function linesOf(stream: ReadableStream<Uint8Array>) {
  const lines: string[] = [];
  const reading = (async () => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
    }
  })();
  const until = async (pattern: RegExp) => {
    for (;;) {
      const line = lines.find((line) => pattern.test(line));
      if (line !== undefined) return line;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { lines, until, reading };
}

Deno.test("--config: cameras come and go with the file, and the others go on", () =>
  withFolder(async (folder) => {
    await using camera = await serveCamera({ frame: sceneFrames(SCENE), fps: 20 });
    const file = join(folder, "cameras.toml");
    const write = (...names: string[]) => {
      const tables = names.map((name) => `[camera.${name}]\nurl = "${camera.url}"\n`);
      return Deno.writeTextFile(file, tables.join(""));
    };
    await write("door");
    const args = ["--config", file, "--model", "gist", "--listen", "127.0.0.1:0"];
    const child = start([...args, "--runs", join(folder, "runs")], { DISPLAY: "" });
    const [err, out] = [linesOf(child.stderr), linesOf(child.stdout)];
    const url = /http:\S+/.exec(await err.until(/^Watch at /))![0];
    type View = { id: number; name: string; status: string; index: number };
    const untilViews = async (isIt: (views: View[]) => boolean): Promise<View[]> => {
      for (;;) {
        const { cameras } = await (await fetch(new URL("/health", url))).json();
        if (isIt(cameras)) return cameras;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const live = (views: View[]) =>
      views.filter(({ status }) => status === "live").map(({ name }) => name).join();
    const [before] = await untilViews((views) => live(views) === "door");
    await write("door", "yard");
    const [door, yard] = await untilViews((views) => live(views) === "door,yard");
    assert.ok(door!.index > before!.index);
    assert.deepEqual([door!.id, yard!.id], [0, 1]);
    await Deno.writeTextFile(file, "[camera.door");
    await err.until(/cameras\.toml: .*; the cameras stay as they are$/);
    assert.equal(live(await untilViews(() => true)), "door,yard");
    await write("yard");
    await untilViews((views) => views.length === 1 && live(views) === "yard");
    await out.until(/^door$/);
    child.kill("SIGINT");
    await Promise.all([child.status, err.reading, out.reading]);
    assert.equal((await child.status).code, 130);
    assert.ok(out.lines.includes("yard"), out.lines.join("\n"));
    assert.equal((await listRuns(join(folder, "runs"))).length, 2);
  }));

Deno.test({
  name: "view shows what --publish sends over real nats",
  ...needs(hasBroker("nats")),
  fn: async () => {
    await using broker = await startBroker("nats");
    await using camera = await serveCamera({ frame: sceneFrames(SCENE), fps: 20 });
    const channel = `nats://127.0.0.1:${broker.port}?stream=cameras`;
    const viewing = start(["view", channel, "--listen", "127.0.0.1:0"], { DISPLAY: "" });
    const [err, out] = [linesOf(viewing.stderr), linesOf(viewing.stdout)];
    const url = /http:\S+/.exec(await err.until(/^Watch at /))![0];
    const streams = ["door", "yard"].flatMap((name) => ["-s", `${name}=${camera.url}`]);
    const common = ["--model", "gist", "--no-display", "--no-save"];
    const watching = start([...streams, ...common, "--publish", channel]);
    const watched = finish(watching);
    for (let live: string[] = []; live.sort().join() !== "door,yard";) {
      const { cameras } = await (await fetch(new URL("/health", url))).json();
      live = cameras.filter((view: { status: string; index: number }) =>
        view.status === "live" && view.index > 2
      ).map(({ name }: { name: string }) => name);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    watching.kill("SIGINT");
    assert.equal((await watched).code, 130);
    viewing.kill("SIGINT");
    await Promise.all([err.reading, out.reading]);
    assert.equal((await viewing.status).code, 130);
  },
});

Deno.test("the simulated camera can be watched by its command", async () => {
  const child = start(["camera", "--port", "0", "--width", "64", "--height", "48"]);
  const reader = child.stderr.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const url = /http:\S+/.exec(new TextDecoder().decode(value))![0];
  const { code, stderr } = await run(["-s", url, "--test", "--model", "gist"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /64x48/);
  child.kill("SIGINT");
  assert.equal((await finish(child)).code, 130);
});
