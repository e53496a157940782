import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { VideoReader } from "@vcs/media/video_reader";
import type { ReceivedFrame } from "../receive.ts";
import { openOutput } from "./outputs.ts";

const frame = {
  ...{ data: new Uint8Array(32 * 32 * 3).fill(90), width: 32, height: 32, pts: 0 },
  frameRate: [10, 1],
} as unknown as ReceivedFrame;

async function scratch() {
  const folder = await Deno.makeTempDir();
  const names = async () =>
    (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort().join();
  return { folder, names, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

Deno.test("an output that is an input is refused, and so is a file of times", async () => {
  await using place = await scratch();
  const source = `${place.folder}/a.rgb`;
  await Deno.writeTextFile(source, "kept");
  await assert.rejects(openOutput(source, { inputs: [source] }), /it is what is read/);
  const times = { times: source, inputs: [undefined, source] };
  await assert.rejects(openOutput("-", times), /it is what is read/);
  assert.equal(await Deno.readTextFile(source), "kept");
});

for (const name of ["out.rgb", "out.mp4"]) {
  Deno.test({
    name: `${name} takes its place at its end, and never half of it`,
    ...needs(hasPrograms("ffmpeg")),
    fn: async () => {
      await using place = await scratch();
      const path = `${place.folder}/${name}`;
      await Deno.writeTextFile(path, "kept");
      const given = await openOutput(path);
      await given.write(frame);
      await given.abort();
      assert.equal(await Deno.readTextFile(path), "kept");
      await (await openOutput(path)).close();
      assert.equal(await Deno.readTextFile(path), "kept");
      assert.equal(await place.names(), name);

      const live = await openOutput(path, { live: true, times: `${place.folder}/times.txt` });
      await live.write(frame);
      assert.equal(await Deno.readTextFile(path), "kept");
      await live.close();
      assert.equal(await place.names(), `${name},times.txt`);
      assert.notEqual(await Deno.readTextFile(path), "kept");
    },
  });
}

Deno.test({
  name: "a video file keeps the times of its frames; a stream that starts anew goes on behind",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    await using place = await scratch();
    const written = async (times: readonly number[], constantRate: boolean) => {
      const path = `${place.folder}/${constantRate}.mp4`;
      const output = await openOutput(path, { constantRate });
      for (const pts of times) await output.write({ ...frame, pts });
      await output.close();
      await using video = await VideoReader.open(path);
      return video.index.map(({ pts }) => Number(pts.toFixed(6)));
    };
    const times = [5, 5.1, 5.75, 6, 0, 0.25];
    assert.deepEqual(await written(times, false), [0, 0.1, 0.75, 1, 1.1, 1.35]);
    assert.deepEqual(await written(times, true), [0, 0.1, 0.2, 0.3, 0.4, 0.5]);
  },
});
