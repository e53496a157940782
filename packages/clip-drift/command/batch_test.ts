import assert from "node:assert/strict";
import { join } from "node:path";
import { tensorsIn, writeVideo } from "#testing/batch_media.ts";
import { SafetensorsReader } from "@vcs/transport/safetensors";
import { encodePng } from "@vcs/media/image";
import { GIST_LENGTHS } from "../measures/gist.ts";
import { findProgram, hasPrograms, needing, sharedPath, sharedTest } from "#testing/shared.ts";
import { RangeServer } from "#testing/range_server.ts";
import { clipDrift } from "./command.ts";

const { signal } = new AbortController();

async function run(...args: string[]): Promise<void> {
  assert.equal(await clipDrift.invoke(["batch", ...args], { signal, env: () => undefined }), 0);
}

/** Embeddings of an output by key. */
async function embeddingsIn(folder: string): Promise<Record<string, Float32Array>> {
  const found: Record<string, Float32Array> = {};
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".safetensors")) continue;
    using reader = await SafetensorsReader.open(join(folder, name));
    found[name] = (await reader.read("embeddings")).data as Float32Array;
  }
  return found;
}

/** Embeddings are within 1e-5: how many frames a run of the model has moves their last bits. */
function assertClose(
  found: Float32Array | undefined,
  expected: Float32Array | undefined,
  what: string,
): void {
  assert.ok(found && expected && found.length === expected.length, what);
  const worst = expected.reduce((most, v, i) => Math.max(most, Math.abs(v - found[i]!)), 0);
  assert.ok(worst <= 1e-5, `${what}: ${worst}`);
}

sharedTest("batch embeds the same, however many items fill a run of the model", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeVideo(join(folder, "clip.mp4"));
    await using server = new RangeServer(await Deno.readFile(join(folder, "clip.mp4")));
    const lines = [JSON.stringify({ source: server.url, key: "film" })];
    for (let i = 0; i < 9; i++) {
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => at * (i + 3) & 255);
      const source = join(folder, `${i}.png`);
      await Deno.writeFile(source, await encodePng({ width: 32, height: 32, data }));
      lines.push(JSON.stringify({ source, key: `picture${i}` }));
    }
    await Deno.writeTextFile(join(folder, "list"), lines.join("\n"));
    const weights = sharedPath("golden/clip/tiny_clip.open_clip.safetensors");
    const rest = ["--list", join(folder, "list"), "--weights", weights, "--device", "cpu"];
    for (const jobs of ["1", "16"]) await run(...rest, "--jobs", jobs, "-o", join(folder, jobs));
    const [alone, together] = [
      await embeddingsIn(join(folder, "1")),
      await embeddingsIn(join(folder, "16")),
    ];
    assert.equal(Object.keys(alone).length, 10);
    assert.deepEqual(Object.keys(together).sort(), Object.keys(alone).sort());
    for (const [name, vector] of Object.entries(alone)) {
      assertClose(together[name], vector, name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Films of 21 minutes, a key frame every two seconds: 16 s eighty times, listed frame by frame and by key frames. */
async function writeFilms(folder: string, names: readonly string[]): Promise<void> {
  const ffmpeg = async (...args: string[]) => {
    const all = ["-v", "error", ...args];
    const { code, stderr } = await new Deno.Command(findProgram("ffmpeg")!, { args: all }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  };
  const clip = join(folder, "clip.mp4");
  const source = "testsrc2=size=192x108:rate=25:duration=16,noise=alls=8:allf=t";
  const encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "400k", "-g", "50"];
  const whole = ["-threads", "1", "-pix_fmt", "yuv420p"];
  await ffmpeg("-f", "lavfi", "-i", source, ...encoding, ...whole, clip);
  for (const name of names) {
    await ffmpeg("-stream_loop", "79", "-i", clip, "-c", "copy", join(folder, name));
  }
}

Deno.test({
  ...needing("batch reads less than 5 % of films on a web server for 16 frames", {
    ffmpeg: hasPrograms("ffmpeg"),
  }),
  async fn(t) {
    const folder = await Deno.makeTempDir();
    try {
      const names = ["film.mp4", "film.mkv"];
      await writeFilms(folder, names);
      for (const name of names) {
        await t.step(name, async () => {
          const bytes = await Deno.readFile(join(folder, name));
          await using server = new RangeServer(bytes, name);
          const embedded = async (source: string) => {
            const output = await Deno.makeTempDir({ dir: folder });
            await Deno.writeTextFile(join(output, "list"), JSON.stringify({ source, key: "film" }));
            await run("--list", join(output, "list"), "--model", "gist", "-o", output);
            return (await embeddingsIn(output))["film.safetensors"];
          };
          const vectors = await embedded(server.url);
          const share = server.sent / bytes.length;
          assert.ok(share < 0.05, `${server.sent} of ${bytes.length} bytes`);
          assert.equal(vectors?.length, 16 * GIST_LENGTHS.gist);
          assertClose(vectors, await embedded(join(folder, name)), name);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

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
