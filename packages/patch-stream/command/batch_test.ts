import assert from "node:assert/strict";
import { join } from "node:path";
import { tensorsIn, writeVideo } from "#testing/batch_media.ts";
import { SafetensorsReader } from "@vcs/transport/safetensors";
import { patchStreamCommand } from "./command.ts";

Deno.test("batch keeps the patches of videos", async () => {
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
      "--sequence-length",
      "4",
      "--k-keep",
      "8",
    ];
    const { signal } = new AbortController();
    assert.equal(await patchStreamCommand.invoke(args, { signal, env: () => undefined }), 1);
    const manifest = JSON.parse(await Deno.readTextFile(join(output, "manifest.json")));
    assert.deepEqual(manifest.failures, { NotFound: 1 });
    const clip = join(output, folder, "clip.mp4.safetensors");
    assert.equal((await tensorsIn(clip)).patches, "BF16 8,3,14,14");
    using second = await SafetensorsReader.open(join(output, "second.safetensors"));
    assert.deepEqual([...(await second.read("frame_ids")).data], [10, 16, 22, 29]);

    // Items in processes, and in this one.
    const files = ["index.jsonl", "failures.jsonl"].map((name) => join(output, name));
    for (const jobs of ["2", "1"]) {
      const expected = await Promise.all(files.map((path) => Deno.readTextFile(path)));
      await Deno.remove(output, { recursive: true });
      const all = [...args, "--jobs", jobs];
      assert.equal(await patchStreamCommand.invoke(all, { signal, env: () => undefined }), 1);
      const made = await Promise.all(files.map((path) => Deno.readTextFile(path)));
      assert.deepEqual(made, expected);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
