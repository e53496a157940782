import assert from "node:assert/strict";
import { decodeImage, encodeJpeg, encodePng } from "@vcs/media/image";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { parseRule } from "./alerts.ts";
import { serveCamera } from "./camera/camera_server.ts";
import type { Encoder } from "./encoder.ts";
import { openEncoder } from "./encoder.ts";
import { ClipDriftError } from "./errors.ts";
import { fileFrame, openSource, type Source, type SourceFrame } from "./source.ts";
import { drawScene, sceneFrames } from "./camera/scene.ts";
import { type Regions, watch } from "./watch.ts";

/** An encoder whose embedding is the colour of the first pixel. */
function fakeEncoder(): Encoder {
  const info = { model: "fake", pretrained: "none", device: "cpu", loaded: true };
  const encode = ({ data }: { data: Uint8Array }) =>
    Promise.resolve(Float32Array.from(data.subarray(0, 3)));
  return {
    info: { ...info, embeddingDim: 3, imageSize: 1 },
    encode,
    encodeBatch: (images) => Promise.all(images.map(encode)),
    [Symbol.dispose]() {},
  };
}

/** A source of colours, one in a tenth of a second; undefined is a frame that is broken. */
function colours(list: readonly (readonly number[] | undefined)[]): Source {
  const frame = (colour: readonly number[] | undefined, i: number): SourceFrame => ({
    timestamp: i / 10,
    bytes: Uint8Array.from(colour ?? [i]),
    image: () =>
      colour === undefined
        ? Promise.reject(new ClipDriftError("bad-image", "broken"))
        : Promise.resolve({ width: 2, height: 1, data: Uint8Array.of(...colour, 255, 255, 255) }),
    jpeg: () => Promise.resolve(Uint8Array.from(colour ?? [])),
  });
  return { name: "colours", live: false, frames: () => ReadableStream.from(list.map(frame)) };
}

const [RED, BLUE] = [[200, 0, 0], [0, 0, 200]] as const;

Deno.test("watch() measures, raises alerts, and marks repeated frames", async () => {
  const source = colours([RED, RED, BLUE, BLUE]);
  const rules = [parseRule("cut: drift > 0.5")];
  const frames = await Array.fromAsync(watch(source, fakeEncoder(), { rules }));
  assert.deepEqual(frames.map(({ row }) => row.drift), [0, 0, 1, 0]);
  assert.deepEqual(frames.map(({ duplicate }) => duplicate), [false, true, false, true]);
  assert.deepEqual(frames.map(({ alerts }) => alerts.length), [0, 0, 1, 0]);
  assert.equal(frames[3]!.total.count, 3);
});

Deno.test("watch() counts a broken frame and gives it no row", async () => {
  const bad: number[] = [];
  const options = { onBadFrame: (index: number) => bad.push(index) };
  const source = colours([RED, undefined, RED]);
  const frames = await Array.fromAsync(watch(source, fakeEncoder(), options));
  assert.deepEqual(frames.map(({ index }) => index), [0, 2]);
  assert.deepEqual(bad, [1]);
});

Deno.test("watch() compares with the frame of the number that was asked for", async () => {
  const source = colours([RED, undefined, RED, BLUE, RED]);
  const drift = { referenceFrames: 1, referenceFrom: 3 };
  const frames = await Array.fromAsync(watch(source, fakeEncoder(), { drift }));
  assert.deepEqual(frames.map(({ row }) => row.reference), [undefined, undefined, 0, 1]);
});

Deno.test("watch() takes a frame of one colour for one without content, and measures none of it", async () => {
  const white = [255, 255, 255];
  const source = colours([white, white, RED, white, RED]);
  const rules = [parseRule("any: reference > 0"), parseRule("cut: drift > 0")];
  const drift = { referenceFrames: 1 };
  const frames = await Array.fromAsync(watch(source, fakeEncoder(), { drift, rules }));
  const contents = frames.map(({ hasContent, row }) => [hasContent, row.similarity, row.reference]);
  assert.deepEqual(contents, [
    ...[[false, 1, undefined], [false, 1, undefined], [true, 1, 0]],
    ...[[false, 1, undefined], [true, 1, 0]],
  ]);
  assert.ok(frames.every(({ alerts }) => alerts.length === 0));
});

Deno.test("watch() says when a stream freezes and when it moves again", async () => {
  const source = colours([...Array<readonly number[]>(30).fill(RED), BLUE]);
  const frames = await Array.fromAsync(watch(source, fakeEncoder(), { frozenAfter: 1 }));
  const changes = frames.filter(({ frozen }) => frozen !== undefined);
  assert.deepEqual(changes.map(({ index, frozen }) => [index, frozen]), [[10, true], [30, false]]);
});

Deno.test("watch() takes no more frames per second than maxFps", async () => {
  const source = colours(Array.from({ length: 50 }, (_, i) => [i, 1, 1]));
  const frames = await Array.fromAsync(watch(source, fakeEncoder(), { maxFps: 2 }));
  assert.ok(frames.length >= 9 && frames.length <= 11, `${frames.length} frames in 5 s`);
});

/** MJPEG with the camera's clock of each frame; one of them is cut in the middle. */
async function recording(times: readonly number[], cut = -1): Promise<string> {
  const frame = sceneFrames({ width: 64, height: 48 });
  const parts = await Promise.all(times.map(async (time, i) => {
    const jpeg = new Uint8Array(await frame(i));
    const bytes = i === cut ? jpeg.subarray(0, jpeg.length >> 1) : jpeg;
    return ["--f\r\nContent-Type: image/jpeg\r\n", `X-Timestamp: ${time}\r\n\r\n`, bytes, "\r\n"];
  }));
  const path = await Deno.makeTempFile({ suffix: ".mjpg" });
  await Deno.writeFile(path, await new Blob(parts.flat()).bytes());
  return path;
}

Deno.test("watch() goes on after half a frame, and when the clock is set back", async () => {
  const times = Array.from({ length: 30 }, (_, i) => 1000 + i / 10 - (i < 15 ? 0 : 500));
  const path = await recording(times, 10);
  const watched = async (maxFps: number) =>
    await Array.fromAsync(watch(openSource(path), fakeEncoder(), { maxFps }));
  const all = await watched(Infinity);
  assert.deepEqual(all.map(({ timestamp }) => timestamp), times.toSpliced(10, 1));
  const few = await watched(5);
  assert.ok(few.length >= 13 && few.length <= 17, `${few.length} frames at 5 fps`);
  await Deno.remove(path);
});

Deno.test("half a picture that is ended is left out, and bytes too many before an end are not", async () => {
  const frame = sceneFrames({ width: 64, height: 48 });
  const jpegs = await Promise.all([0, 1, 2, 3].map(async (i) => new Uint8Array(await frame(i))));
  const [first, half, more, last] = jpegs;
  const end = Uint8Array.of(0xff, 0xd9);
  const pictures = [
    first!,
    ...[half!.subarray(0, half!.length >> 1), end],
    ...[more!.subarray(0, -2), Uint8Array.of(1, 2, 3, 4), end, last!],
  ];
  const path = await Deno.makeTempFile({ suffix: ".mjpeg" });
  await Deno.writeFile(path, await new Blob(pictures.map((part) => part.slice())).bytes());
  const bad: string[] = [];
  const onBadFrame = (index: number, { message }: Error) => bad.push(`${index} ${message}`);
  const frames = await Array.fromAsync(watch(openSource(path), fakeEncoder(), { onBadFrame }));
  await Deno.remove(path);
  assert.equal(frames.length, 3);
  assert.equal(bad.length, 1, bad.join());
  assert.match(bad[0]!, /premature end of data/i);
});

Deno.test("a camera that begins in the dark has no reference before there is content", async () => {
  const scene = sceneFrames({ width: 64, height: 48 });
  const black = await encodeJpeg({ width: 64, height: 48, data: new Uint8Array(64 * 48 * 3) });
  const jpegs = await Promise.all(
    Array.from({ length: 60 }, (_, i) => i < 30 ? black : scene(i)),
  );
  const source = {
    ...{ name: "dark at first", live: false },
    frames: async function* () {
      yield* jpegs.map((jpeg, i) => fileFrame(jpeg, i));
    },
  };
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const rules = [parseRule("moved: reference > 0.3 for 2s")];
  const frames = await Array.fromAsync(watch(source, encoder, { rules }));
  assert.deepEqual(frames.flatMap(({ alerts }) => alerts), []);
  assert.ok(frames.slice(0, 30).every(({ row }) => row.similarity === 1));
  assert.ok(frames.at(-1)!.row.reference! < 0.3);
});

Deno.test("openSource() never mixes two clocks in one file", async () => {
  const path = await recording([1000, 1000.1, 1000.2]);
  const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
  const without = text.replace("X-Timestamp: 1000.1\r\n", "");
  await Deno.writeFile(path, Uint8Array.from(without, (c) => c.charCodeAt(0)));
  const frames = await Array.fromAsync(openSource(path, { fps: 5 }).frames());
  assert.deepEqual(frames.map(({ timestamp }) => timestamp), [1000, 1000.2, 1000.2]);
  await Deno.remove(path);
});

Deno.test("watch() passes on an encoder's own failure", async () => {
  const encoder = { ...fakeEncoder(), encode: () => Promise.reject(new Error("no memory")) };
  await assert.rejects(Array.fromAsync(watch(colours([RED]), encoder)), { message: "no memory" });
});

Deno.test("a slow encoder sees frames that are new, and the rest are counted", async () => {
  // Grey levels show the index of a frame, modulo 64.
  const jpegs = await Promise.all(Array.from({ length: 64 }, (_, i) => {
    const data = new Uint8Array(16 * 16 * 3).fill(4 * i);
    return encodeJpeg({ width: 16, height: 16, data });
  }));
  await using server = await serveCamera({ frame: (i) => jpegs[i % 64]!, fps: 60 });
  const stop = new AbortController();
  let dropped = 0;
  let seen = 0;
  let oldest = 0;
  const encoder = fakeEncoder();
  const encode: typeof encoder.encode = async (image) => {
    oldest = Math.max(oldest, (server.index - Math.round(image.data[0]! / 4) + 64) % 64);
    for (const least = dropped + 6; dropped < least;) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return await encoder.encode(image);
  };
  const source = openSource(server.url, { onDrop: () => dropped++ });
  for await (const _ of watch(source, { ...encoder, encode }, { signal: stop.signal })) {
    if (++seen === 8) stop.abort();
  }
  assert.ok(dropped > 3 * seen, `${dropped} dropped`);
  // A queue would be some fifty frames behind by now.
  assert.ok(oldest < 12, `a frame was ${oldest} frames old`);
});

Deno.test("openSource() reads a folder in the order of its numbers", async () => {
  const folder = await Deno.makeTempDir();
  const frame = (level: number) => ({
    width: 2,
    height: 1,
    data: new Uint8Array(6).fill(level),
  });
  await Deno.writeFile(`${folder}/f10.png`, await encodePng(frame(100)));
  await Deno.writeFile(`${folder}/f9.jpg`, await encodeJpeg(frame(90)));
  await Deno.writeTextFile(`${folder}/notes.txt`, "no frame");
  const frames = await Array.fromAsync(openSource(folder).frames());
  const images = await Promise.all(frames.map((frame) => frame.image()));
  assert.deepEqual(images.map(({ data }) => data[0]), [90, 100]);
  const jpeg = await frames[1]!.jpeg();
  assert.equal((await decodeImage(jpeg)).format, "jpeg");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("openSource() says what an empty folder and a missing file are", async () => {
  const folder = await Deno.makeTempDir();
  const frames = (path: string) => Array.fromAsync(openSource(path).frames());
  await assert.rejects(frames(folder), { code: "bad-image", message: /found no \.jpg/ });
  await assert.rejects(frames(`${folder}/none.mp4`), Deno.errors.NotFound);
  await Deno.remove(folder);
});

Deno.test("openSource() hides the password in its name", () => {
  assert.equal(openSource("http://a:b@cam/x").name, "http://cam/x");
});

Deno.test("fileFrame() says that bytes are not an image", async () => {
  await assert.rejects(fileFrame(Uint8Array.of(0xff, 0xd8, 1), 0).image(), { code: "bad-image" });
});

Deno.test("the two made-up scenes differ, and each stays itself while it moves", async () => {
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const folderless: Source = {
    name: "scene",
    live: false,
    frames: async function* () {
      const frame = sceneFrames({ fps: 5, cut: 2, width: 160, height: 120 });
      for (let i = 0; i < 20; i++) yield fileFrame(await frame(i), i / 5);
    },
  };
  const rules = [parseRule("scene: drift > 0.4")];
  const frames = await Array.fromAsync(watch(folderless, encoder, { rules }));
  assert.deepEqual(frames.filter(({ alerts }) => alerts.length > 0).map(({ index }) => index), [
    10,
  ]);
  assert.equal(drawScene("hall", 0, 4, 3).data.length, 36);
});

sharedTest("gist raises one alert at the cut, and none on the still scene", async () => {
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const rules = [parseRule("scene: drift > 0.4")];
  const alerts = async (name: string) => {
    const source = openSource(sharedPath(`data/mjpeg/${name}`));
    const frames = await Array.fromAsync(watch(source, encoder, { rules }));
    return frames.filter((frame) => frame.alerts.length > 0).map(({ index }) => index);
  };
  assert.deepEqual(await alerts("drift_cut_car_to_basketball.mjpg"), [40]);
  assert.deepEqual(await alerts("nodrift_bottle_static.mjpg"), []);
  assert.deepEqual(await alerts("webcam_startup_exposure_160x120.mjpeg"), []);
});

sharedTest("openSource() reads the frames of a video", async () => {
  const source = openSource(sharedPath("data/video/car_mjpeg.avi"));
  const frames = await Array.fromAsync(source.frames());
  assert.equal(frames.length, 80);
  const step = frames[10]!.timestamp - frames[9]!.timestamp;
  assert.ok(Math.abs(step - 0.08) < 1e-6);
  const { width, height } = await frames[0]!.image();
  assert.deepEqual([width, height], [384, 216]);
});

sharedTest("JPEGs decode or fail as they should", async (t) => {
  const broken = new Set([
    "jd_b5369bcbddca7135a5708c5237ad64e4.jpg",
    "jd_c3018ebe53d0046eecb58858ca869a99.jpg",
    "jd_empty.jpg",
    "jd_max_size.jpg",
    "jd_missing-sos.jpg",
    "jd_null_height.jpg",
    "pil_truncated_jpeg.jpg",
  ]);
  for await (const { name } of Deno.readDir(sharedPath("data/jpeg"))) {
    if (!name.endsWith(".jpg")) continue;
    await t.step(name, async () => {
      const frame = fileFrame(await Deno.readFile(sharedPath(`data/jpeg/${name}`)), 0);
      if (broken.has(name)) await assert.rejects(frame.image(), { code: "bad-image" });
      else assert.ok((await frame.image()).data.length > 0);
    });
  }
});

Deno.test("watch() shows the model and the measures only what counts of a picture", async () => {
  const sizes: number[][] = [];
  const encoder = {
    info: { model: "none" },
    encode: (image: { width: number; height: number }) => {
      sizes.push([image.width, image.height]);
      return Promise.resolve(Float32Array.of(1, 0));
    },
  } as unknown as Encoder;
  const data = new Uint8Array(3 * 64 * 32).map((_, i) => Math.floor(i / 3) % 64 < 32 ? 0 : i);
  const frame = { timestamp: 0, image: () => Promise.resolve({ width: 64, height: 32, data }) };
  const source = { name: "made", live: false, frames: () => ReadableStream.from([frame]) };
  const half = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]] as const;
  const dark = async (regions: Regions) => {
    const rows = await Array.fromAsync(watch(source as unknown as Source, encoder, { regions }));
    return rows.map(({ row, hasContent }) => [row.dark, hasContent]);
  };
  assert.deepEqual(await dark({ roi: [half], mask: [] }), [[1, false]]);
  assert.deepEqual(await dark({ roi: [], mask: [half] }), [[0, true]]);
  assert.deepEqual(sizes, [[32, 32], [32, 32]]);
});
