import { decodeImage } from "@vcs/media/image";
import { readNpz } from "@vcs/transport/npz";
import { readSafetensors } from "@vcs/transport/safetensors";
import { makeClip, needsRtsp, rtspServer } from "#testing/rtsp/server.ts";
import { checkReadme } from "#testing/readme.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DECODE_FIELDS, PROCESS_FIELDS } from "../config/fields.ts";
import { patchStreamCommand } from "./command.ts";

const clip = fileURLToPath(new URL("../../../apps/demo/clip.mp4", import.meta.url));
const command = fileURLToPath(new URL("../mod.ts", import.meta.url));

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", command, ...args],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function inFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("--help names every field", async () => {
  const { code, stdout } = await run(["--help"]);
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.ok(lines.every((line) => line.length <= 90));
  for (const name of [...Object.keys(DECODE_FIELDS), ...Object.keys(PROCESS_FIELDS)]) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    assert.match(stdout, new RegExp(`--(no-)?${flag}\\b`), name);
  }
});

Deno.test("the README's table is the command's", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), patchStreamCommand);
});

Deno.test("a pipe that says nothing is left at the first signal", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", command, "--energy-pct", "90", "-"],
    ...{ stdin: "piped", stdout: "null", stderr: "piped" },
  }).spawn();
  const reader = child.stderr.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /^note: .*energy/);
  child.kill("SIGINT");
  const [{ code }] = await Promise.all([child.status, reader.cancel()]);
  await child.stdin.close().catch(() => {});
  assert.equal(code, 130);
});

const WRONG: [args: string[], message: RegExp][] = [
  [[], /found 0 arguments, expected VIDEO…/],
  [["--view"], /found 0 arguments, expected VIDEO…/],
  [["--k-kep", "8", clip], /Unknown option --k-kep: did you mean --k-keep\?/],
  [["--k-keep", "ten", clip], /--k-keep: found "ten", expected whole numbers from 0\n/],
  [["--format", "zip", clip], /found "zip", expected safetensors, npz, none/],
  [["--selection-unit", "block2x2", "--k-keep", "10", clip], /as 8 or 12/],
  [["--concurrency", "0", clip], /--concurrency: found "0", expected whole numbers from 1/],
  [["--key-frames", "1.5", clip], /expected all, first, score, numbers from 0 to 1/],
  [["-", "-"], /- stands there twice/],
  [["--from", "3", "--to", "2", clip], /from is 3, expected less than to, 2/],
  [["htp://a:secret@cam/"], /Cannot open htp:\/\/cam\/: found scheme htp:\/\/,/],
  [["rtsp://cam/", clip], /found a live source among 2, expected it alone/],
  [["--view", "rtsp://cam/"], /Cannot use --view with a live source/],
  [["--energy", "codec", "rtsp://cam/"], /Cannot use --energy codec with a live source/],
  [["bench"], /expected PATH/],
  [
    ["bench", "--apis", "all", "."],
    /found "all", expected decode_only, patch_stream, decord, torchcodec, with commas/,
  ],
];

Deno.test("wrong usage ends with code 2", async (t) => {
  for (const [args, message] of WRONG) {
    await t.step(args.join(" "), async () => {
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    });
  }
});

Deno.test("patches go into files that can be read, one line of JSON on stdout", async () => {
  await inFolder(async (folder) => {
    const options = ["--k-keep", "32", "--sequence-length", "4", "-o", folder, "--json"];
    const { code, stdout, stderr } = await run([...options, clip, clip]);
    assert.equal(code, 0, stderr);
    const [first, second] = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(first.shape, [32, 3, 14, 14]);
    assert.deepEqual(first.sampledFrameIds, [0, 47, 95, 143]);
    assert.ok(first.timings.total > 0);
    assert.notEqual(first.patches, second.patches);
    const { tensors, metadata } = readSafetensors(await Deno.readFile(first.patches));
    assert.equal(tensors.get("patches")?.dtype, "BF16");
    assert.deepEqual(tensors.get("fields")?.shape, [32, 6]);
    assert.equal(metadata.get("grid"), "22x12");
  });
});

Deno.test("npz holds the same, as float32", async () => {
  await inFolder(async (folder) => {
    const options = ["--k-keep", "8", "--sequence-length", "2", "-o", folder, "--format", "npz"];
    const { code, stdout, stderr } = await run([...options, clip]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /kept 8 of 528 patches/);
    const tensors = await readNpz(`${folder}/clip.npz`);
    assert.equal(tensors.get("patches")?.dtype, "F32");
    assert.deepEqual(tensors.get("score_map")?.shape, [2, 12, 22]);
    assert.deepEqual(tensors.get("frame_ids")?.data, BigInt64Array.of(0n, 143n));
    assert.equal(tensors.get("pts")?.data.length, 2);
    assert.ok(Number(tensors.get("pts")?.data[1]) > 5);
  });
});

Deno.test("a video that fails ends the command with code 1, after the others", async () => {
  await inFolder(async (folder) => {
    const options = ["--k-keep", "8", "--sequence-length", "2", "--format", "none", "-o", folder];
    const { code, stderr } = await run([...options, "no such.mp4", clip]);
    assert.equal(code, 1);
    assert.match(stderr, /no such\.mp4: .*no such\.mp4/);
    assert.match(stderr, /kept 8 of 528/);
  });
});

Deno.test("the environment turns profile lines on", async () => {
  const options = ["--sequence-length", "2", "--format", "none", clip];
  const env = { CODEC_DECODE_PROFILE: "1" };
  const plain = await run(options, env);
  assert.match(
    plain.stderr,
    /\[patch-stream\]\[patch_stream\] backend=\S+ seq=2 size=640x360 total=/,
  );
  assert.doesNotMatch(plain.stderr, /_detail/);
  const verbose = await run(options, { ...env, CODEC_DECODE_PROFILE_VERBOSE: "on" });
  assert.match(verbose.stderr, /\[patch_stream_detail\] frames=2 firstFrame=.* energy=/);
});

Deno.test("bench times each call on a folder's videos", async () => {
  await inFolder(async (folder) => {
    await Deno.copyFile(clip, `${folder}/a.mp4`);
    await Deno.writeTextFile(`${folder}/b.mp4`, "no video");
    await Deno.writeTextFile(`${folder}/notes.txt`, "not looked at");
    await Deno.mkdir(`${folder}/below`);
    await Deno.copyFile(clip, `${folder}/below/c.mp4`);
    const { code, stdout, stderr } = await run(["bench", "--sequence-length", "2", folder]);
    assert.equal(code, 1);
    assert.match(stderr, /decode_only cpu {2}\S+a\.mp4: latency=\d/);
    assert.match(stderr, /decode_only cpu {2}\S+below.c\.mp4: latency=\d/);
    assert.match(stderr, /b\.mp4: Cannot/);
    assert.match(stdout, /patch_stream cpu→cpu\s+2 runs, 1 failed\s+mean .* videos\/s/);
    const limited = await run(["bench", "--limit", "1", "--apis", "decode_only", "--json", folder]);
    assert.equal(limited.code, 0, limited.stderr);
    const [result] = JSON.parse(limited.stdout);
    assert.equal(result.seconds.length, 1);
    assert.ok(result.videosPerS > 0);
  });
});

Deno.test({
  name: "a live source gives the patches of one window after the other, and no password",
  ...needsRtsp,
  fn: () =>
    inFolder(async (folder) => {
      await makeClip(`${folder}/h264.mkv`, "h264");
      const mounts = { "/door": `${folder}/h264.mkv` };
      await using server = await rtspServer({ mounts, login: "user:secret" });
      const host = `127.0.0.1:${server.port}`;
      const options = ["--windows", "2", "--sequence-length", "4", "--k-keep", "8", "--json"];
      const { code, stdout, stderr } = await run(
        [...options, "-o", folder, `rtsp://user:secret@${host}/door`],
      );
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stdout + stderr, /secret|user/);
      const windows = stdout.trim().split("\n").map((text) => JSON.parse(text));
      assert.deepEqual(windows.map(({ sampledFrameIds }) => sampledFrameIds), [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ]);
      assert.equal(windows[0].pts[0], 0);
      assert.ok(windows[1].pts[0] >= windows[0].pts[3]);
      assert.deepEqual(windows.map(({ video, patches }) => [video, patches]), [
        [`rtsp://${host}/door`, `${folder}/door-000000.safetensors`],
        [`rtsp://${host}/door`, `${folder}/door-000001.safetensors`],
      ]);
      const { tensors } = readSafetensors(await Deno.readFile(windows[1].patches));
      assert.deepEqual(tensors.get("patches")!.shape.slice(0, 2), [8, 3]);
    }),
});

Deno.test("frames between two times, from stdin, with pictures and failures as lines", async () => {
  await inFolder(async (folder) => {
    const options = ["--from", "1", "--to", "2", "--sequence-length", "3", "--k-keep", "40"];
    const line = ["run", "--quiet", "-A", "--no-check", command, ...options, "--view", "png"];
    line.push("--view", "webp");
    const child = new Deno.Command(Deno.execPath(), {
      args: [...line, "--view", "--json", "-o", folder, "-", "no such.mp4"],
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.output();
    await new Blob([await Deno.readFile(clip)]).stream().pipeTo(child.stdin);
    const { code, stdout } = await output;
    assert.equal(code, 1);
    const lines = new TextDecoder().decode(stdout).trim().split("\n").map((text) =>
      JSON.parse(text)
    );
    const failure = lines.find(({ error }) => error !== undefined);
    assert.equal(failure.video, "no such.mp4");
    assert.match(failure.error, /no such\.mp4/);
    const done = lines.find(({ video }) => video === "-");
    assert.deepEqual([done.pts[0], done.pts.length], [1, 3]);
    assert.ok(done.pts.every((time: number) => time >= 1 && time < 2));
    assert.ok(done.pts[2] > 1.9);
    assert.match(await Deno.readTextFile(done.page), /<title>stdin · patch-stream/);
    const names = done.pictures.map((path: string) => path.slice(folder.length + 1));
    assert.deepEqual(names, ["stdin-0.png", "stdin-1.png", "stdin-2.png"]);
    const picture = await decodeImage(await Deno.readFile(done.pictures[2]));
    assert.deepEqual([picture.width, picture.height], [308, 168]);
    const animation = await decodeImage(await Deno.readFile(`${folder}/stdin.webp`));
    assert.deepEqual([animation.width, animation.height], [616, 168]);
  });
});
