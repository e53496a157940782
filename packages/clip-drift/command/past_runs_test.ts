import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { encodeJpeg, prepareImages } from "@vcs/media/image";
import { PARTS_HERE } from "#testing/parts_here.ts";
import { drawScene, type Scene } from "../camera/scene.ts";
import { DriftTracker } from "../drift.ts";
import { type EncoderOptions, openEncoder } from "../encoder.ts";
import { RANDOM_MERGES, randomClip } from "../testdata/random_clip.ts";
import { runDetails } from "../runs/details.ts";
import { RunFolder } from "../runs/writer.ts";

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.resolve("../mod.ts"), ...args],
    env: { ENCODERS_DEVICE: "cpu", NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A frame of a scene. */
function pictureOf(scene: Scene, time: number) {
  const { width, height, data } = drawScene(scene, time, 160, 120);
  return { width, height, data: new Uint8Array(data) };
}

/** Writes a run of scenes as a watch does; gives its path. */
async function writeRun(root: string, scenes: readonly Scene[], options: EncoderOptions) {
  using encoder = await openEncoder({ device: "cpu", threads: 1, ...options });
  const { info } = encoder;
  await using folder = await RunFolder.create({
    ...{ streamUrl: "http://cam/", snapshotInterval: 30, embeddingInterval: 2, rollingWindow: 9 },
    ...{ device: "cpu", model: info.model, pretrained: info.pretrained },
    details: await runDetails(info),
  }, { root });
  const tracker = new DriftTracker();
  for (const [index, scene] of scenes.entries()) {
    const timestamp = 1_700_000_000 + index;
    const image = pictureOf(scene, index);
    const embedding = await encoder.encode(image);
    const row = tracker.push(embedding, timestamp);
    await folder.write({ index, timestamp, row, embedding, jpeg: () => encodeJpeg(image) });
  }
  const similarity = { count: 1, mean: 1, std: 0, min: 1, max: 1 };
  await folder.finish({ frames: scenes.length, seconds: 1, similarity, counters: {} });
  return folder.path;
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("search finds the frame that a photo is of, for people and as JSON", () =>
  inFolder(async (folder) => {
    await prepareImages();
    const runs = join(folder, "runs");
    const path = await writeRun(runs, ["quay", "quay", "hall", "quay"], { model: "gist" });
    const photo = join(folder, "photo.jpg");
    await Deno.writeFile(photo, await encodeJpeg(pictureOf("hall", 2)));
    const args = ["search", runs, "--like", photo, "--model", "gist"];
    const people = await run([...args, "-n", "1"]);
    assert.equal(people.code, 0, people.stderr);
    const snapshot = join(path, "snapshots", "frame_000000.jpg");
    const [score, ...rest] = people.stdout.trimEnd().split(" ");
    assert.match(score!, /^0\.9\d\d\d$|^1\.0000$/);
    assert.equal(rest.join(" "), `2023-11-14T22:13:22.000Z ${path} frame 2 ${snapshot}`);
    const { stdout } = await run([...args, "--json"]);
    const hits = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(hits.length, 4);
    const { score: first, ...best } = hits[0];
    assert.equal(first.toFixed(4), score);
    assert.deepEqual(best, { run: path, time: "2023-11-14T22:13:22.000Z", frame: 2, snapshot });
  }));

Deno.test("search --text asks the text tower; runs of others are left out with a line", () =>
  inFolder(async (folder) => {
    const [runs, weights] = [join(folder, "runs"), join(folder, "clip.safetensors")];
    await Deno.writeFile(weights, encodeSafetensors(randomClip()));
    await Deno.writeTextFile(join(folder, "merges.txt"), RANDOM_MERGES);
    const clip = await writeRun(runs, ["quay", "hall"], { pretrained: weights, cache: folder });
    const gist = await writeRun(runs, ["quay"], { model: "gist" });
    const env = { ...PARTS_HERE, VCS_CACHE: folder };
    const args = ["search", runs, "--text", "abcd", "--json"];
    const { code, stdout, stderr } = await run([...args, "--weights", weights], env);
    assert.equal(code, 0, stderr);
    assert.ok(stderr.includes(`Left out ${gist}: found gist, expected ViT-B-32 (${weights}, `));
    const hits = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(hits.map((hit) => hit.run), [clip, clip]);
    assert.ok(hits[0].score >= hits[1].score && Math.abs(hits[0].score) <= 1);
    const photo = join(folder, "photo.jpg");
    await Deno.writeFile(photo, await encodeJpeg(pictureOf("quay", 0)));
    const colour = await run(["search", runs, "--like", photo, "--model", "gist-colour"]);
    assert.ok(colour.stderr.includes(`Left out ${gist}: found gist, expected gist-colour`));
    assert.equal(colour.stdout, "");
    const none = await run([...args, "--model", "gist"], env);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /Cannot embed texts: gist has no text tower$/m);
  }));

Deno.test("runs export writes the file that is named, and says so", () =>
  inFolder(async (folder) => {
    const path = await writeRun(folder, ["quay"], { model: "gist" });
    const output = join(folder, "run.parquet");
    const { code, stderr } = await run(["runs", "export", path, "-o", output]);
    assert.equal(code, 0, stderr);
    // A line before it may say that the parquet writer is fetched.
    assert.ok(stderr.endsWith(`Wrote ${output}\n`), stderr);
    const head = new TextDecoder().decode((await Deno.readFile(output)).subarray(0, 4));
    assert.equal(head, "PAR1");
  }));

for (
  const [args, message] of [
    [["search"], /Cannot search: found neither, expected --like IMAGE or --text TEXT/],
    [["search", "--like", "a.jpg", "--text", "a"], /found both, expected --like IMAGE or --text/],
    [["search", "--text", "a", "-n", "0"], /Cannot read .*: found "0", expected .* 1 to 1000/],
    [["runs", "import", "x"], /found "import", expected export/],
  ] as const
) {
  Deno.test(`wrong usage of past runs ends with 2: ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stdout, "");
  });
}
