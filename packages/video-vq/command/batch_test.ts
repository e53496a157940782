import assert from "node:assert/strict";
import { join } from "node:path";
import { tensorsIn, writeVideo } from "#testing/batch_media.ts";
import { videoVq } from "./command.ts";

Deno.test("batch makes tokens of videos, window by window", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeVideo(join(folder, "clip.mp4"));

    const output = join(folder, "out");
    const list = [
      join(folder, "clip.mp4"),
      JSON.stringify({ source: join(folder, "clip.mp4"), key: "second", from: 0.5, to: 1.5 }),
      JSON.stringify({ source: join(folder, "none.mp4"), key: "none" }),
    ];
    await Deno.writeTextFile(join(folder, "list"), list.join("\n"));
    const args = [
      "batch",
      "--list",
      join(folder, "list"),
      "-o",
      output,
      "--model",
      "vq-tiny",
      "--size",
      "32",
    ];
    const { signal } = new AbortController();
    assert.equal(await videoVq.invoke(args, { signal, env: () => undefined }), 1);
    const manifest = JSON.parse(await Deno.readTextFile(join(output, "manifest.json")));
    assert.deepEqual(manifest.failures, { NotFound: 1 });
    const clip = join(output, folder, "clip.mp4.safetensors");
    assert.deepEqual(await tensorsIn(clip), { tokens: "I32 3,5,4,4", pts: "F64 40" });
    assert.deepEqual(await tensorsIn(join(output, "second.safetensors")), {
      ...{ tokens: "I32 2,5,4,4", pts: "F64 20" },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
