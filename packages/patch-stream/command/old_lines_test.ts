import { findProgram, hasPrograms, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withoutEffect } from "../config/without_effect.ts";
import { bothStages, joinLists } from "./old_lines.ts";
import { LISTS } from "./options.ts";

const clip = fileURLToPath(new URL("../../../apps/demo/clip.mp4", import.meta.url));
const command = fileURLToPath(new URL("../mod.ts", import.meta.url));

async function run(cwd: string, args: readonly string[], python = "no such python") {
  const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", "--config", config, command, ...args],
    env: { NO_COLOR: "1", VCS_PYTHON: python },
    cwd,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A folder with the demo's clip in the place where the scripts look for theirs. */
async function withDemo(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/assets`);
    await Deno.copyFile(clip, `${folder}/assets/demo.mp4`);
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const DEMO = "./assets/demo.mp4 --frames 16 --input-size 224 --patch 14 --topk 1024 --dtype bf16 " +
  "--backend auto --out-dir patch_viz";

Deno.test("the line of codec-patch-stream's demo writes its patches", async () => {
  await withDemo(async (folder) => {
    const { code, stderr } = await run(folder, DEMO.split(" "));
    assert.equal(code, 0, stderr);
    for (const [old, now] of [["frames", "sequence-length"], ["patch", "patch-size"]]) {
      assert.equal(stderr.split(`note: --${old} is now --${now}`).length, 2, stderr);
    }
    assert.match(stderr, /--topk is now --k-keep\n[^]*--dtype is now --output-dtype\n/);
    assert.match(stderr, /kept 1024 of 4224 patches \(16 frames of 22 by 12 patches\)/);
    assert.ok((await Deno.stat(`${folder}/patch_viz/demo.safetensors`)).size > 1e6);
  });
});

const DECODE_VS_PATCHES = "./assets/demo.mp4 --gpu 0 --num-frames 16 --warmup 3 --runs 10 " +
  "--decode-mode throughput --uniform-strategy auto --input-size 224 --patch 14 --topk 2048 " +
  "--dtype bf16";
const COMPARE = "./assets/demo.mp4 --decord-gpu -1 --codec-gpu 0 --num-frames 32 --warmup 5 " +
  "--runs 20 --codec-mode throughput";

/** The same line on the CPU, run once: what it says of a GPU depends on the machine. */
const onCpu = (line: string) =>
  line.replace("gpu 0", "gpu -1").replace(/warmup \d+/, "warmup 0").replace(/runs \d+/, "runs 2");

Deno.test("the lines of codec-patch-stream's benchmarks time its video", async (t) => {
  for (const line of [DECODE_VS_PATCHES, COMPARE]) {
    await t.step(line, async () => {
      await withDemo(async (folder) => {
        const { code, stdout, stderr } = await run(folder, ["bench", ...onCpu(line).split(" ")]);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /decode_only cpu +2 runs, 0 failed[^]*patch_stream cpu→cpu +2 runs/);
        assert.match(stderr, /note: --num-frames is now --sequence-length/);
        assert.match(stderr, /--decode-mode is ignored/);
        assert.equal(stderr.includes("--decord-gpu is ignored"), line === COMPARE);
        assert.equal(stderr.includes("--codec-gpu is now --gpu"), line === COMPARE);
      });
    });
  }
});

Deno.test("the same lines with a GPU are read; where there is none, that is the answer", async () => {
  await withDemo(async (folder) => {
    for (const line of [DECODE_VS_PATCHES, COMPARE, APIS]) {
      const { code, stderr } = await run(folder, ["bench", ...line.split(" ")]);
      assert.ok(code === 0 || (code === 1 && /GPU|CUDA|cuda/.test(stderr)), stderr);
    }
  });
});

const APIS = "assets --apis decode_only patch_stream decord --decode-backends cpu gpu " +
  "--process-backends cpu gpu --limit 10";

Deno.test("lists are separated by blanks or commas", async () => {
  assert.deepEqual(joinLists(["bench", ...APIS.split(" ")], LISTS), [
    ...["bench", "assets", "--apis", "decode_only,patch_stream,decord"],
    ...["--decode-backends", "cpu,gpu", "--process-backends", "cpu,gpu", "--limit", "10"],
  ]);
  assert.deepEqual(joinLists(["--apis", "decord", "cpu"], LISTS), ["--apis", "decord", "cpu"]);
  await withDemo(async (folder) => {
    const line = ["bench", ...APIS.replaceAll("cpu gpu", "cpu").split(" "), "--frames", "2"];
    const { code, stdout, stderr } = await run(folder, [...line, "--warmup", "0"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /decord is left out/);
    assert.match(stdout, /decode_only cpu +1 runs[^]*patch_stream cpu→cpu +1 runs/);
  });
});

Deno.test("one option stands for both stages", () => {
  const both = (backend: "cpu" | "gpu", more = {}) => ({
    decodeBackend: backend,
    processBackend: backend,
    ...more,
  });
  assert.deepEqual(bothStages({}), {});
  assert.deepEqual(bothStages({ backend: "cpu" }), both("cpu"));
  assert.deepEqual(bothStages({ gpu: -1 }), both("cpu"));
  assert.deepEqual(bothStages({ gpu: 1 }), both("gpu", { decodeDeviceId: 1, processDeviceId: 1 }));
});

Deno.test("settings that do nothing are told, once each", async () => {
  assert.deepEqual(withoutEffect({ energyPct: 90, energy: "reference", staticFallback: true }), []);
  assert.deepEqual(withoutEffect({ energyPct: 95, compensate: true }), []);
  const lines = withoutEffect({
    energyPct: 90,
    staticAbsThresh: 3,
    decodeDeviceId: 1,
    decodeBackend: "cpu",
  });
  assert.deepEqual(lines, [
    "--energy-pct has no effect: it belongs to --energy reference",
    "--static-abs-thresh has no effect: it belongs to --static-fallback",
    "--decode-device-id has no effect: it belongs to --decode-backend gpu",
  ]);
  const [line] = withoutEffect({ energy: "codec", compensate: false });
  assert.match(line!, /^--no-compensate has no effect/);
  await withDemo(async (folder) => {
    const options = ["--energy-pct", "90", "--sequence-length", "2", "--format", "none"];
    const demo = "assets/demo.mp4";
    const { stderr } = await run(folder, [...options, demo, demo]);
    assert.equal(stderr.split("note: --energy-pct has no effect").length, 2, stderr);
  });
});

/** Modules that do as decord and torchcodec do; the second fails at every video. */
const MADE_UP = {
  "decord.py": `
class Batch:
    def asnumpy(self): return []
class VideoReader:
    def __init__(self, path): open(path, "rb").close()
    def __len__(self): return 144
    def get_batch(self, ids):
        assert ids[0] == 0 and ids[-1] == 143 and len(ids) == 3, ids
        return Batch()
`,
  "torchcodec/__init__.py": "",
  "torchcodec/decoders.py": "def VideoDecoder(path): raise ValueError('no codec')",
};

Deno.test({
  name: "bench times decord and torchcodec where a Python has them",
  ...needs(hasPrograms("python3")),
  fn: () =>
    withDemo(async (folder) => {
      await Deno.mkdir(`${folder}/torchcodec`);
      for (const [name, text] of Object.entries(MADE_UP)) {
        await Deno.writeTextFile(`${folder}/${name}`, text);
      }
      const options = ["--apis", "decord", "torchcodec", "--frames", "3", "--runs", "2", "--json"];
      const line = ["bench", "assets", ...options];
      const { code, stdout, stderr } = await run(folder, line, findProgram("python3"));
      assert.equal(code, 1);
      assert.match(stderr, /torchcodec cpu +\S*demo\.mp4: no codec/);
      const [decord, torchcodec] = JSON.parse(stdout);
      assert.deepEqual([decord.api, decord.seconds.length, decord.failed], ["decord", 2, 0]);
      assert.deepEqual([torchcodec.seconds, torchcodec.failed], [[], 1]);
    }),
});

sharedTest("every command line of the seeds about patches is among those above", async () => {
  const lines: string[] = [];
  for await (const { name } of Deno.readDir(sharedPath("seeds"))) {
    const text = await Deno.readTextFile(sharedPath(`seeds/${name}`));
    const script = /^python (?:benchmark|examples)\/\w+\.py (.*)$/gm;
    lines.push(...text.replace(/\\\n */g, "").matchAll(script).map(([, line]) => line!));
  }
  const ours = APIS.replace("assets", "/path/to/videos");
  assert.deepEqual(lines.sort(), [DEMO, DECODE_VS_PATCHES, COMPARE, ours].sort());
});
