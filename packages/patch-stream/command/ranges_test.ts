import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RangeServer } from "#testing/range_server.ts";
import { needing } from "#testing/shared.ts";
import { VideoWriter } from "@vcs/media/video_writer";
import { decodeOnly, patchStream, type PatchStreamConfig } from "@vcs/patch-stream";
import { S3Bucket } from "../../transport/s3/bucket.ts";
import { BUCKET, MOTO, startMoto } from "../../transport/testing/moto.ts";

/** A film of 400 noisy frames with many key frames. */
async function writeFilm(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const [width, height] = [192, 128];
  const data = new Uint8Array(3 * width * height);
  const options = { width, height, fps: 20, keyframeInterval: 20 };
  const writer = await VideoWriter.open(path, options);
  let seed = 1;
  for (let i = 0; i < 400; i++) {
    for (let at = 0; at < data.length; at++) data[at] = (seed = seed * 48271 % 2147483647) & 127;
    await writer.add({ data });
  }
  await writer.close();
  return await Deno.readFile(path);
}

/** The patches of a film, and what was read of it. */
async function patchesOf(videoPath: string, config: Partial<PatchStreamConfig> = {}) {
  const sizes = { sequenceLength: 4, kKeep: 12 };
  using session = await patchStream({ ...sizes, ...config, videoPath });
  const { patches, scores, sampledFrameIds, received } = session.collect();
  return { patches: patches.data.slice(), scores: scores.data.slice(), sampledFrameIds, received };
}

Deno.test("of a film elsewhere the sampled frames are read", async (t) => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "film.mp4");
  const bytes = await writeFilm(path);
  await using server = new RangeServer(bytes);
  const { received: none, ...here } = await patchesOf(path);
  assert.equal(none, undefined);
  try {
    await t.step("in process", async () => {
      const { received, ...there } = await patchesOf(server.url);
      assert.deepEqual(there, here);
      assert.equal(received?.bytes, server.sent);
      assert.ok(server.sent < bytes.length / 2, `${server.sent} of ${bytes.length}`);
      const decoded = await decodeOnly({ videoPath: server.url, sequenceLength: 4 });
      assert.equal(decoded.received?.whole, undefined);
    });
    await t.step("all of it where all of it is looked at", async () => {
      for (const config of [{ energy: "codec" }, { uniformStrategy: "stream" }] as const) {
        const { received } = await patchesOf(server.url, config);
        assert.deepEqual([received?.bytes, received?.whole], [
          bytes.length,
          "all of it was asked for",
        ]);
      }
    });
    await t.step("by the command, which says so", async () => {
      const line = `  read \\d+ of ${bytes.length} bytes \\(\\d+\\.\\d %\\) in \\d+ requests\n`;
      const output = ["-o", join(folder, "film.safetensors")];
      assert.match((await run([server.url, ...output])).stderr, new RegExp(line));
    });
    const counted = join(folder, "film.mkv");
    const matroska = await writeFilm(counted);
    await t.step("of Matroska, too, which lists key frames", async () => {
      await using server = new RangeServer(matroska, "film.mkv");
      const { received, ...there } = await patchesOf(server.url);
      const { received: _, ...here } = await patchesOf(counted);
      assert.deepEqual(there, here);
      assert.deepEqual([received?.bytes, received?.whole], [server.sent, undefined]);
      assert.ok(server.sent < matroska.length / 2, `${server.sent} of ${matroska.length}`);
    });
    await t.step({
      ...needing("by batch, of a bucket", MOTO),
      fn: async () => {
        await using service = await startMoto();
        const endpoint = `http://127.0.0.1:${service.port}`;
        const bucket = new S3Bucket(BUCKET, { endpoint, env: service.env });
        await bucket.put("films/film.mp4", bytes);
        await bucket.put("films/film.mkv", matroska);
        const env = { ...Object.fromEntries(service.env), AWS_ENDPOINT_URL: endpoint };
        const args = ["batch", `s3://${BUCKET}/films/`, server.url, "-o", join(folder, "out")];
        const { stderr, code } = await run(args, env);
        assert.equal(code, 0, stderr);
        const [, read, of] = /read (\d+) of (\d+) bytes \(.* %\) over the network/.exec(stderr)!;
        assert.equal(Number(of), 2 * bytes.length + matroska.length);
        assert.ok(Number(read) < bytes.length + matroska.length / 2, stderr);
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function run(args: string[], env: Record<string, string> = {}) {
  const program = fileURLToPath(new URL("../mod.ts", import.meta.url));
  const sizes = ["--sequence-length", "4", "--k-keep", "12"];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, ...args, ...sizes],
    env,
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
