import assert from "node:assert/strict";
import { join } from "node:path";
import { tensorsIn, writeVideo } from "#testing/batch_media.ts";
import { SafetensorsReader } from "@vcs/transport/safetensors";
import { encodePng } from "@vcs/media/image";
import { GIST_LENGTHS } from "../measures/gist.ts";
import { clipDrift } from "./command.ts";

Deno.test("batch embeds images, and frames spread over videos", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeVideo(join(folder, "clip.mp4"));
    const data = new Uint8Array(32 * 32 * 3).fill(90);
    await Deno.writeFile(
      join(folder, "flat.png"),
      await encodePng({ width: 32, height: 32, data }),
    );
    const output = join(folder, "out");
    const list = [
      join(folder, "clip.mp4"),
      JSON.stringify({ source: join(folder, "clip.mp4"), key: "second", from: 0.5, to: 1.5 }),
      JSON.stringify({ source: join(folder, "flat.png"), key: "flat" }),
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
      "gist",
      "--frames",
      "5",
    ];
    const { signal } = new AbortController();
    assert.equal(await clipDrift.invoke(args, { signal, env: () => undefined }), 1);
    const manifest = JSON.parse(await Deno.readTextFile(join(output, "manifest.json")));
    assert.deepEqual(manifest.failures, { NotFound: 1 });
    const clip = join(output, folder, "clip.mp4.safetensors");
    assert.deepEqual(await tensorsIn(clip), {
      embeddings: `F32 5,${GIST_LENGTHS.gist}`,
      pts: "F64 5",
    });
    using second = await SafetensorsReader.open(join(output, "second.safetensors"));
    const { data: pts } = await second.read("pts");
    assert.deepEqual([...pts].map((time) => Number(time).toFixed(2)), [
      ...["0.50", "0.75", "1.00", "1.20", "1.45"],
    ]);
    assert.deepEqual(await tensorsIn(join(output, "flat.safetensors")), {
      ...{ embeddings: `F32 1,${GIST_LENGTHS.gist}`, pts: "F64 1" },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
