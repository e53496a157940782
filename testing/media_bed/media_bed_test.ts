import assert from "node:assert/strict";
import { findPython } from "#testing/python.ts";
import { hasPrograms, needs, whereThere } from "#testing/shared.ts";
import { AXES } from "./axes.ts";
import { drawClips, makeClip } from "./clip.ts";
import { differencesOf } from "./differences.ts";
import { tryClip } from "./main.ts";
import { differs } from "./report.ts";
import { TorchCodec } from "./torchcodec.ts";
import { type Truth, truthOf } from "./truth.ts";

Deno.test("a thousand clips have every value of every axis at least twenty times", () => {
  const draws = drawClips().take(1000).toArray();
  for (const [axis, values] of Object.entries(AXES)) {
    for (const { name } of values) {
      const count = draws.filter((draw) => draw[axis as keyof typeof AXES] === name).length;
      assert.ok(count >= 20, `${axis} ${name}: ${count}`);
    }
  }
});

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await use(folder);
  await Deno.remove(folder, { recursive: true });
}

Deno.test({
  name: "the first clips of the bed are read as ffmpeg shows them",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: () =>
    withFolder(async (folder) => {
      for (const [number, draw] of drawClips().take(5).toArray().entries()) {
        const outcome = await tryClip(folder, number, draw);
        assert.ok(outcome === undefined || !differs(outcome), JSON.stringify(outcome));
      }
    }),
});

/** A sound clip without loss, and what ffmpeg shows of it. */
async function plainClip(folder: string): Promise<[path: string, truth: Truth]> {
  const path = await makeClip(folder, 0, {
    ...drawClips().next().value,
    ...{ codec: "ffv1", container: "mkv", group: "short", rate: "25", cut: "none" },
    ...{ rotation: "none", colour: "plain", damage: "none", size: "even" },
  });
  return [path, await truthOf(path)];
}

Deno.test({
  name: "the bed notices a missing frame, a wrong time and another frame",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: () =>
    withFolder(async (folder) => {
      const [path, truth] = await plainClip(folder);
      const kinds = async (wrong: Partial<typeof truth>) =>
        (await differencesOf(path, { ...truth, ...wrong }, "node-av")).map(({ kind }) => kind);
      assert.deepEqual(await kinds({}), []);
      assert.ok((await kinds({ hashes: truth.hashes.slice(1) })).includes("count"));
      assert.deepEqual(await kinds({ pts: truth.pts.with(3, 9) }), ["pts"]);
      // Where ffmpeg makes a time up, the steps behind it count.
      const late = (by: number) => truth.pts.map((time, i) => i < 3 ? time : time + by);
      const doubtful = new Set([3]);
      assert.deepEqual(await kinds({ pts: late(0.04), doubtful }), []);
      assert.deepEqual(await kinds({ pts: late(0.04).with(5, 9), doubtful }), ["pts"]);
      assert.ok(
        (await kinds({ hashes: truth.hashes.with(3, truth.hashes[4]!) })).includes("linear"),
      );
      const swapped = truth.rgb.with(-1, truth.rgb[0]!);
      assert.deepEqual(await kinds({ rgb: swapped }), ["rgb", "seek"]);
    }),
});

Deno.test({
  name: "of stored pixels that are cut off, the bed lets the last frame alone be refused",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: () =>
    withFolder(async (folder) => {
      const path = await makeClip(folder, 0, {
        ...drawClips().next().value,
        ...{ codec: "palette", container: "avi", group: "intra", rate: "25", cut: "none" },
        ...{ rotation: "none", colour: "plain", damage: "none", size: "even" },
      });
      const whole = await Deno.readFile(path);
      assert.equal((await truthOf(path)).torn, undefined);
      const index = new TextDecoder("latin1").decode(whole).lastIndexOf("idx1");
      await Deno.writeFile(path, whole.subarray(0, index - 1000));
      const truth = await truthOf(path);
      assert.equal(truth.torn, truth.hashes.length - 1);
      for (const backend of ["node-av", "ffmpeg"] as const) {
        const kinds = async (torn: number | undefined) =>
          (await differencesOf(path, { ...truth, torn }, backend)).map(({ kind }) => kind);
        assert.deepEqual(await kinds(truth.torn), []);
        assert.deepEqual(await kinds(truth.torn! - 1), ["refused"]);
        assert.deepEqual(await kinds(undefined), ["refused"]);
      }
    }),
});

Deno.test({
  // It takes torch, which is in no CI.
  ...whereThere("what torchcodec reads is compared, file after file", {
    "torchcodec for Python": findPython("torchcodec", "numpy") !== undefined,
    ffmpeg: hasPrograms("ffmpeg", "ffprobe"),
  }),
  fn: () =>
    withFolder(async (folder) => {
      const [path, truth] = await plainClip(folder);
      await using torch = TorchCodec.start()!;
      const kinds = async (wrong: Partial<Truth>, file = path) =>
        (await torch.differencesOf(file, { ...truth, ...wrong })).map(({ kind }) => kind);
      assert.deepEqual(await Promise.all([kinds({}), kinds({}, `${path}.none`)]), [[], [
        "refused",
      ]]);
      assert.deepEqual(await kinds({ rgb: truth.rgb.with(-1, truth.rgb[0]!) }), ["rgb"]);
      assert.deepEqual(await kinds({ pts: truth.pts.with(3, 9) }), ["pts"]);
    }),
});
