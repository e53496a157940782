import { PACKAGES, ROOT } from "#testing/house.ts";
import { drawScene } from "@vcs/clip-drift/internal";
import { decodeAudio, decodeImage, VideoReader, VideoWriter } from "@vcs/media";
import { encodeNpy, readNpz, readSafetensors, tensor } from "@vcs/transport";
import { freePort } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

const CLIP = join(ROOT, "apps/demo/clip.mp4");
const SPEECH = join(ROOT, "apps/demo/speech.flac");

/** Runs an example in a folder and gives what it printed. */
async function run(folder: string, name: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--frozen", join(ROOT, "examples", `${name}.ts`), ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** A test of an example, in a folder of its own. */
function example(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test(`examples/${name}.ts`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await fn(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

example("transport", async (folder) => {
  const url = `tcp://127.0.0.1:${freePort()}`;
  const [received] = await Promise.all([
    run(folder, "transport", "receive", url, "readings.npz"),
    run(folder, "transport", "send", url),
  ]);
  assert.equal(received, "readings.npz: 1000 × 3 readings\n");
  const { readings } = Object.fromEntries(
    await readNpz(await readFile(join(folder, "readings.npz"))),
  );
  assert.deepEqual(readings?.shape, [1000, 3]);
  const first = readings.data[3 * 50] as number; // of the second batch
  assert.ok(Math.abs(first - Math.sin(50 / 10)) < 0.06);
});

example("onnx", async (folder) => {
  const rows = tensor("F32", [3, 2], Float32Array.of(1, 0, 0, 2, -3, 0));
  const queries = tensor("F32", [2, 2], Float32Array.of(-1, 0.1, 0.1, 1));
  await Deno.writeFile(join(folder, "embeddings.npy"), encodeNpy(rows));
  await Deno.writeFile(join(folder, "query.npy"), encodeNpy(queries));
  const found = await run(folder, "onnx", "embeddings.npy", "query.npy");
  assert.equal(found, "query 0: row 2, cosine 0.995\nquery 1: row 1, cosine 0.995\n");
});

example("media", async (folder) => {
  await run(folder, "media", CLIP, "sheet.jpg");
  const sheet = await decodeImage(await Deno.readFile(join(folder, "sheet.jpg")));
  assert.deepEqual([sheet.width, sheet.height], [960, 408]);
  // The last tile is not left black.
  const corner = sheet.data.subarray(-3 * 960 * 10);
  assert.ok(corner.some((value) => value > 40));
});

example("encodec-stream", async (folder) => {
  await run(folder, "encodec-stream", SPEECH, "a.ecdc", "copy.wav");
  const [copy, speech] = [await decodeAudio(join(folder, "copy.wav")), await decodeAudio(SPEECH)];
  const seconds = (audio: typeof copy) => audio.channels[0]!.length / audio.sampleRate;
  assert.ok(Math.abs(seconds(copy) - seconds(speech)) < 0.001);
  assert.ok((await Deno.stat(join(folder, "a.ecdc"))).size < (await Deno.stat(SPEECH)).size / 10);
});

example("video-vq", async (folder) => {
  assert.match(
    await run(folder, "video-vq", "pack", CLIP, "file:tokens"),
    /^144 frames became 9 windows/,
  );
  await run(folder, "video-vq", "unpack", "file:tokens", "copy.mp4");
  await using copy = await VideoReader.open(join(folder, "copy.mp4"));
  assert.deepEqual([copy.info.frameCount, copy.info.width, copy.info.height], [144, 128, 128]);
});

example("patch-stream", async (folder) => {
  const printed = await run(folder, "patch-stream", CLIP, "patches.safetensors");
  assert.match(printed, /^512 of 4224 patches hold 87 % of the energy\nframe {6}0 #/);
  const file = readSafetensors(await Deno.readFile(join(folder, "patches.safetensors")));
  assert.deepEqual(file.tensors.get("patches")?.shape, [512, 3, 14, 14]);
});

example("clip-drift", async (folder) => {
  const size = { width: 320, height: 240 };
  const path = join(folder, "cut.mp4");
  {
    await using writer = await VideoWriter.open(path, { ...size, fps: 10 });
    for (let i = 0; i < 20; i++) {
      const { data } = drawScene(i < 12 ? "quay" : "hall", i / 10, size.width, size.height);
      await writer.add({ data: new Uint8Array(data) });
    }
  }
  const printed = await run(folder, "clip-drift", path);
  assert.equal(printed, "scene 1: frames 0 to 11\nscene 2: frames 12 to 19\n");
});

example("together", async (folder) => {
  const film = join(folder, "film.mp4");
  {
    await using writer = await VideoWriter.open(film, {
      ...{ width: 64, height: 48, fps: 25 },
      audio: { sampleRate: 48_000, channels: 1 },
    });
    for (let i = 0; i < 25; i++) {
      await writer.add({ data: new Uint8Array(64 * 48 * 3).fill(9 * i) });
      await writer.addAudio([new Float32Array(48_000 / 25).fill(0.1)]);
    }
  }
  const url = `tcp://127.0.0.1:${freePort()}`;
  const [received, sent] = await Promise.all([
    run(folder, "together", "receive", url, "copy.mp4"),
    run(folder, "together", "send", film, url),
  ]);
  assert.match(sent, /^sent 2 windows and [2-9] blocks of sound\n$/);
  assert.match(received, /^copy\.mp4: 1\.00 s of pictures, (0\.9\d|1\.0\d) s of sound\n$/);
});

Deno.test("there is one example a package, of at most 60 lines", async () => {
  const names = (await readdir(join(ROOT, "examples"))).filter((name) => name.endsWith(".ts"));
  const programs = names.filter((name) => !name.endsWith("_test.ts"));
  assert.deepEqual(programs.sort(), PACKAGES.map((name) => `${name}.ts`).sort());
  for (const name of programs) {
    const text = await readFile(join(ROOT, "examples", name), "utf8");
    assert.ok(text.split("\n").length <= 61, name);
    assert.ok(text.includes(`deno run -A examples/${name}`), `${name} does not say how to run it`);
    assert.ok(!text.includes("/internal"), `${name} uses what keeps no promise`);
  }
});

Deno.test("examples/compose.yaml pins its images and listens on this machine alone", async () => {
  const { services, volumes } = parse(
    await readFile(join(ROOT, "examples/compose.yaml"), "utf8"),
  ) as {
    services: Record<string, { image: string; ports: string[]; volumes?: string[] }>;
    volumes: Record<string, unknown>;
  };
  assert.deepEqual(Object.keys(services).slice(0, 2), ["nats", "redis"]);
  for (const [name, { image, ports, volumes: mounts = [] }] of Object.entries(services)) {
    assert.match(image, /^[a-z/]+:\d+\.\d+[\w.-]*$/, name);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:(\d+):\d+$/, name);
    for (const mount of mounts) assert.ok(mount.split(":")[0]! in volumes, `${name}: ${mount}`);
  }
});
