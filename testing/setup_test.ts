/**
 * What commands do without a network: with what `setup` has fetched, and without.
 */
import { encodePng } from "@vcs/media/image";
import assert from "node:assert/strict";
import { join } from "node:path";
import { clipPath } from "../apps/demo/media.ts";
import { ROOT } from "./house.ts";
import { PARTS_HERE } from "./parts_here.ts";
import { hasPrograms, needs } from "./shared.ts";

/** The commands, and how many things each can need. */
const NEEDS = {
  "transport": 5,
  "onnx": 1,
  "encodec-stream": 10,
  "video-vq": 12,
  "patch-stream": 7,
  "clip-drift": 9,
  "together": 11,
};

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command with an empty cache and a registry that nobody serves. */
async function run(
  folder: string,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--cached-only",
      join(ROOT, "packages", name, "mod.ts"),
      ...args,
    ],
    env: {
      ...{ VCS_CACHE: join(folder, "cache"), HF_HOME: folder, TORCH_HOME: folder, NO_COLOR: "1" },
      ...{ NPM_CONFIG_REGISTRY: "http://127.0.0.1:9", VCS_PARTS: "", VCS_OFFLINE: "" },
      ...env,
    },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A folder of stills. */
async function makeStills(folder: string): Promise<string> {
  const stills = join(folder, "stills");
  await Deno.mkdir(stills);
  for (let i = 0; i < 3; i++) {
    const data = new Uint8Array(64 * 48 * 3).fill(60 * i);
    await Deno.writeFile(
      join(stills, `${i}.png`),
      await encodePng({ width: 64, height: 48, data }),
    );
  }
  return stills;
}

for (const [name, count] of Object.entries(NEEDS)) {
  Deno.test(`${name} setup: with all here it needs no network`, () =>
    withFolder(async (folder) => {
      // Fetched into the cache that the others borrow from.
      await run(folder, name, ["setup"], {
        VCS_CACHE: PARTS_HERE.VCS_PARTS!,
        NPM_CONFIG_REGISTRY: "",
      });
      const { code, out, err } = await run(folder, name, ["setup"], PARTS_HERE);
      assert.equal(code, 0, err);
      assert.equal(err, `${count} of ${count} are here, 0.0 MB to fetch\n`);
      assert.equal(out.trim().split("\n").length, count);
      assert.ok(out.trim().split("\n").every((line) => line.includes("(here), for ")), out);
    }));
}

Deno.test("setup without a network names each thing that is missing, and ends with 1", () =>
  withFolder(async (folder) => {
    const { code, out, err } = await run(folder, "transport", ["setup"]);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /^0 of 5 are here, 1\.4 MB to fetch$/m);
    for (const part of ["ioredis", "amqplib", "nats", "kafka", "aws4fetch"]) {
      assert.match(err, new RegExp(`^Fetching ${part} \\S+ \\(\\S+ MB\\) from http://127`, "m"));
      assert.match(err, new RegExp(`^Cannot fetch ${part} `, "m"));
    }
  }));

Deno.test("clip-drift without sharp ends before the first frame, and says what to do", () =>
  withFolder(async (folder) => {
    const args = ["-s", await makeStills(folder), "--no-display", "--no-save"];
    const { code, out, err } = await run(folder, "clip-drift", args);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /^clip-drift: Cannot fetch sharp \S+ \(\S+ MB\): /m);
    assert.match(err, /^With a network, clip-drift setup fetches all that it can need$/m);
    assert.doesNotMatch(err, /skipped/);
  }));

Deno.test("a missing ONNX Runtime is found before anything is encoded", () =>
  withFolder(async (folder) => {
    const { code, err } = await run(folder, "encodec-stream", ["-e", join(folder, "out.ecdc")]);
    assert.equal(code, 1);
    assert.match(err, /Cannot fetch onnxruntime .*; or set VCS_ONNXRUNTIME/);
    assert.match(err, /^With a network, encodec-stream setup fetches/m);
  }));

Deno.test({
  name: "without node-av the programs ffmpeg and ffprobe serve, which one line says",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: () =>
    withFolder(async (folder) => {
      const clip = await clipPath();
      const args = [clip, clip, "--json", "-o", folder];
      const { code, out, err } = await run(folder, "patch-stream", args);
      assert.equal(code, 0, err);
      assert.equal(out.trim().split("\n").length, 2);
      const lines = err.split("\n").filter((line) => /ffmpeg|Fetching/.test(line));
      assert.equal(lines.length, 2, err);
      assert.match(lines[0]!, /^Fetching node-av \S+ \(\S+ MB\) from/);
      assert.match(lines[1]!, /^Using the programs ffmpeg and ffprobe: Cannot fetch node-av/);
    }),
});

Deno.test("without node-av and the programs a video is an error that says what to do", () =>
  withFolder(async (folder) => {
    const { code, err } = await run(folder, "patch-stream", [await clipPath()], { PATH: folder });
    assert.equal(code, 1);
    assert.match(
      err,
      /Cannot use FFmpeg \(backend auto\): Cannot fetch node-av .* nor are the prog/,
    );
  }));
