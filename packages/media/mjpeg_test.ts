import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mutations, random } from "#testing/fuzz.ts";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { encodeJpeg } from "./image.ts";
import { type MjpegFrame, mjpegFrames, MjpegReader } from "./mjpeg.ts";
import { JpegWalker } from "./formats/jpeg_walker.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

function join(...parts: (Uint8Array | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => [...(typeof part === "string" ? ascii(part) : part)]),
  );
}

/** A JPEG in structure only, with a thumbnail in EXIF and stuffing, restarts and `--` in the scan. */
function jpeg(seed: number, size = 200): Uint8Array {
  const next = random(seed);
  const thumbnail = [0xff, 0xd8, 0xff, 0xda, 0, 2, 5, 0xff, 0xd9];
  const scan: number[] = [];
  while (scan.length < size) {
    const byte = Math.floor(next() * 256);
    scan.push(byte);
    if (byte === 0xff) scan.push([0, 0xd0, 0xd7][Math.floor(next() * 3)]!);
  }
  return Uint8Array.from([
    ...[0xff, 0xd8, 0xff, 0xe1, 0, 2 + thumbnail.length, ...thumbnail],
    ...[0xff, 0xff, 0xc4, 0, 3, 9, 0xff, 0xda, 0, 4, 1, 1],
    ...scan,
    ...[13, 10, 45, 45, 1, 0xff, 0xc4, 0, 2, 0xff, 0xda, 0, 2, 3, 0xff, 0xd9],
  ]);
}

const A = jpeg(1);
const B = jpeg(2, 3000);
const C = jpeg(3, 50);
const LENGTH = (n: number) => `Content-Length: ${n}`;

/** What different servers write for the frames A, B and C. */
const STYLES: Record<string, Uint8Array> = {
  "Flask, delimiter before": join(
    ...[A, B, C].flatMap((x) => [
      `--frame\r\nContent-Type: image/jpeg\r\n${LENGTH(x.length)}\r\n\r\n`,
      x,
      "\r\n",
    ]),
  ),
  "mjpg-streamer, delimiter after": join(
    "--boundarydonotcross\r\n",
    ...[A, B, C].flatMap((x) => [
      `Content-Type: image/jpeg\r\n${LENGTH(x.length)}\r\nX-Timestamp: 12.500000\r\n\r\n`,
      x,
      "\r\n--boundarydonotcross\r\n",
    ]),
  ),
  "ESP32, no first delimiter": join(
    ...[A, B, C].flatMap((x, i) => [
      i === 0 ? "" : "\r\n--123456789000000000000987654321\r\n",
      `Content-Type: image/jpeg\r\n${LENGTH(x.length)}\r\n\r\n`,
      x,
    ]),
  ),
  "Motion, padded length": join(
    ...[A, B, C].flatMap((x) => [
      `--BoundaryString\r\nContent-type: image/jpeg\r\nContent-Length:${
        String(x.length).padStart(9)
      }\r\n\r\n`,
      x,
      "\r\n",
    ]),
  ),
  "no lengths, line feeds only": join(
    ...[A, B, C].flatMap((x) => ["--x\nContent-Type: image/jpeg\n\n", x, "\n"]),
  ),
  "separators with dashes at both ends": join(
    ...[A, B, C].flatMap((x) => ["--x--\r\nContent-Type: image/jpeg\r\n\r\n", x, "\r\n"]),
  ),
  "delimiters and no headers": join(...[A, B, C].flatMap((x) => ["--b\r\n\r\n", x, "\r\n"])),
  "WebcamXP blobs": join(
    ...[A, B, C].flatMap((x) => ["mjpeg 000000012345".padEnd(50, "\0"), x]),
  ),
  "other parts between": join(
    ...[A, B, C].flatMap((x) => [
      `--f\r\nContent-Type: audio/basic\r\n${LENGTH(9)}\r\n\r\n`,
      Uint8Array.of(1, 2, 0xff, 0xd8, 0xff, 6, 10, 8, 9),
      `\r\n--f\r\nContent-Type: image/jpeg\r\n${LENGTH(x.length)}\r\n\r\n`,
      x,
      "\r\n",
    ]),
  ),
  "wrong lengths": join(
    ...[A, B, C].flatMap((x, i) => [
      `--frame\r\nContent-Type: image/jpeg\r\n${LENGTH([1, 9_999_999, 70][i]!)}\r\n\r\n`,
      x,
      "\r\n",
    ]),
  ),
  "JPEGs one after the other": join(A, B, C),
  "joined in the middle of a frame": join(
    Uint8Array.of(9, 10, 45, 45, 0xff, 0xd9, 13, 10),
    ...[A, B, C].flatMap((x) => [
      "--frame\r\nContent-Type: image/jpeg\r\n\r\n",
      x,
      "\r\n",
    ]),
  ),
  "a frame cut off by the next part": join(
    "--frame\r\nContent-Type: image/jpeg\r\n\r\n",
    B.subarray(0, 700),
    ...[A, B, C].flatMap((x) => [
      "\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n",
      x,
    ]),
  ),
  "a head that never ends": join(
    "x".repeat(5000),
    "\r\n",
    "--f\r\n",
    "Content-Junk: 1\r\n".repeat(100),
    ...[A, B, C].flatMap((x) => ["\r\n--f\r\nContent-Type: image/jpeg\r\n\r\n", x]),
  ),
};

function read(bytes: Uint8Array, sizes: () => number, reader = new MjpegReader()): MjpegFrame[] {
  const frames: MjpegFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizes();
    frames.push(...reader.push(bytes.subarray(at, at + size)));
    at += size;
  }
  frames.push(...reader.end());
  return frames;
}

for (const [style, bytes] of Object.entries(STYLES)) {
  Deno.test(`MjpegReader reads ${style}, in chunks of any size`, () => {
    for (const size of [1, 2, 7, 1460, bytes.length]) {
      const frames = read(bytes, () => size);
      assert.deepEqual(frames.map((frame) => frame.data), [A, B, C], `chunks of ${size}`);
    }
  });
}

Deno.test("MjpegReader gives the camera's clock", () => {
  const frames = read(STYLES["mjpg-streamer, delimiter after"]!, () => 100);
  assert.deepEqual(frames.map((frame) => frame.timestamp), [12.5, 12.5, 12.5]);
});

Deno.test("MjpegReader keeps the clock of a part after a frame that was cut off", () => {
  const parts = [A, B.subarray(0, 700), C].flatMap((x, i) => [
    `--f\r\nContent-Type: image/jpeg\r\nX-Timestamp: ${i}\r\n\r\n`,
    ...[x, "\r\n"],
  ]);
  for (const size of [1, 1460]) {
    const reader = new MjpegReader();
    const frames = read(join(...parts), () => size, reader);
    assert.deepEqual(frames, [{ data: A, timestamp: 0 }, { data: C, timestamp: 2 }]);
    assert.equal(reader.stats.truncated, 1);
  }
});

Deno.test("MjpegReader gives a frame with its last byte, not with the next part", () => {
  for (const length of ["", `${LENGTH(A.length)}\r\n`]) {
    const reader = new MjpegReader();
    const frames = [...reader.push(join(`--f\r\nContent-Type: image/jpeg\r\n${length}\r\n`, A))];
    assert.equal(frames.length, 1);
  }
});

Deno.test("MjpegReader keeps bytes after the frame that the length covers", () => {
  const body = join(A, Uint8Array.of(0, 0, 7));
  const stream = join(`--f\r\nContent-Type: image/jpeg\r\n${LENGTH(body.length)}\r\n\r\n`, body);
  assert.deepEqual(read(stream, () => 3)[0]!.data, body);
});

Deno.test("MjpegReader counts what it drops", () => {
  const reader = new MjpegReader();
  read(STYLES["wrong lengths"]!, () => 50, reader);
  assert.equal(reader.stats.lengthErrors, 3);
  const cut = new MjpegReader();
  assert.equal(read(B.subarray(0, 900), () => 50, cut).length, 0);
  assert.deepEqual([cut.stats.truncated, cut.stats.frames], [1, 0]);
  const other = new MjpegReader();
  read(STYLES["other parts between"]!, () => 50, other);
  assert.equal(other.stats.otherParts, 3);
});

Deno.test("MjpegReader gives the same frames of damaged bytes however they are cut", () => {
  const next = random(7);
  for (const style of Object.values(STYLES)) {
    for (const bytes of mutations(style, 30, 11)) {
      const whole = read(bytes, () => bytes.length + 1);
      const pieces = read(bytes, () => 1 + Math.floor(next() * 40));
      assert.deepEqual(pieces, whole);
      for (const frame of whole) assert.ok(frame.data.length <= bytes.length);
    }
  }
});

Deno.test("MjpegReader holds no more than a frame of an endless stream", () => {
  const reader = new MjpegReader();
  const chunk = STYLES["Flask, delimiter before"]!;
  let frames = 0;
  for (let i = 0; i < 3000; i++) frames += [...reader.push(chunk)].length;
  assert.equal(frames, 9000);
});

const encoded = await Promise.all(Array.from({ length: 3 }, (_, i) => {
  const data = Uint8Array.from({ length: 24 * 16 * 3 }, (_, at) => at * (i + 3));
  return encodeJpeg({ width: 24, height: 16, data });
}));

/** The frames of a stream whose chunks have these sizes. */
async function framesOf(bytes: Uint8Array, size: () => number): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = size();
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  const frames = await Array.fromAsync(mjpegFrames(ReadableStream.from(parts)));
  return frames.map((frame) => frame.data);
}

Deno.test("mjpegFrames() gives an encoder's frames, with parts and without, however they are cut", async () => {
  const next = random(1);
  const head = "--frame\r\nContent-Type: image/jpeg\r\n\r\n";
  for (const parts of [encoded, encoded.flatMap((jpeg) => [head, jpeg])]) {
    for (const most of [1, 7, 1000]) {
      const size = () => 1 + Math.floor(next() * most);
      assert.deepEqual(await framesOf(join(...parts), size), encoded);
    }
  }
});

Deno.test("mjpegFrames() of a stream joined in the middle of a frame begins with the next one", async () => {
  const bytes = join(encoded[0]!.subarray(100), encoded[1]!, encoded[2]!);
  assert.deepEqual(await framesOf(bytes, () => 64), encoded.slice(1));
});

Deno.test("mjpegFrames() of damaged JPEGs gives what starts and ends as a frame", async () => {
  for (const bad of mutations(join(...encoded), 300)) {
    for (const jpeg of await framesOf(bad, () => 97)) {
      assert.deepEqual([...jpeg.subarray(0, 2), ...jpeg.subarray(-2)], [0xff, 0xd8, 0xff, 0xd9]);
    }
  }
});

interface Truth {
  frames?: number;
  complete_parts_with_header?: number;
}

sharedTest("mjpegFrames() gives the frames of every capture", async (t) => {
  const folder = sharedPath("data/mjpeg/");
  const truth = JSON.parse(await Deno.readTextFile(`${folder}TRUTH.json`)) as Record<string, Truth>;
  for (const [name, expected] of Object.entries(truth)) {
    await t.step(name, async () => {
      const file = await Deno.open(folder + name);
      const reader = new MjpegReader();
      const frames = await Array.fromAsync(mjpegFrames(file.readable, reader));
      // The capture that was joined late has one whole frame before its first header.
      const count = expected.frames ?? expected.complete_parts_with_header! + 1;
      assert.equal(frames.length, count);
      assert.equal(reader.stats.truncated, 0);
      assert.ok(frames.every((frame) => new JpegWalker().walk(frame.data) === "end"));
    });
  }
});

sharedTest("mjpegFrames() gives a camera's frames byte for byte", async () => {
  const folder = sharedPath("data/mjpeg/");
  const names = ["axis_firstframe.jpg", "axis_secondframe.jpg"];
  const jpegs = await Promise.all(names.map((name) => Deno.readFile(folder + name)));
  for (const name of ["axis_multipart_3parts.mjpg", "axis_multipart_midstream_join.mjpg"]) {
    const bytes = await Deno.readFile(folder + name);
    const frames = read(bytes, () => 1460).map((frame) => frame.data);
    assert.deepEqual(frames[0], jpegs[0]);
    assert.ok(frames.some((frame) => Buffer.compare(frame, jpegs[1]!) === 0));
  }
});

sharedTest("mjpegFrames() gives a real webcam's 167 frames, and 3 of a camera", async () => {
  const webcam = "data/mjpeg/webcam_startup_exposure_160x120.mjpeg";
  const axis = "data/mjpeg/axis_multipart_3parts.mjpg";
  const count = async (path: string, size: number) =>
    (await framesOf(await Deno.readFile(sharedPath(path)), () => size)).length;
  assert.deepEqual([await count(webcam, 4096), await count(axis, 1500)], [167, 3]);
});

Deno.test("MjpegReader drops a frame of more than 32 MiB as soon as it is that long", () => {
  const reader = new MjpegReader();
  const push = (bytes: Uint8Array) => [...reader.push(bytes)];
  const mebibyte = new Uint8Array(2 ** 20);
  assert.deepEqual(push(Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2)), []);
  for (let n = 0; n < 31; n++) push(mebibyte);
  assert.equal(reader.stats.truncated, 0);
  push(mebibyte);
  assert.equal(reader.stats.truncated, 1);
  assert.deepEqual(push(join("\n--x\nContent-Type: image/jpeg\n\n", A)).map(({ data }) => data), [
    A,
  ]);
});

Deno.test("MjpegReader keeps at most a kilobyte of a line without an end", () => {
  const reader = new MjpegReader();
  const text = (length: number) => [...reader.push(ascii("a".repeat(length)))];
  text(1024);
  assert.equal(reader.stats.strayBytes, 0);
  text(5000);
  // All but two bytes, which may begin a frame.
  assert.equal(reader.stats.strayBytes, 6022);
});

Deno.test("MjpegReader keeps at most 64 lines of headers", () => {
  const timestampBehind = (lines: number) => {
    const filler = Array.from({ length: lines - 1 }, (_, n) => `x${n}: y\n`).join("");
    const head = `--x\nX-Timestamp: 5\n${filler}\n`;
    return [...new MjpegReader().push(join(head, A))].map(({ timestamp }) => timestamp);
  };
  assert.deepEqual(timestampBehind(63), [5]);
  assert.deepEqual(timestampBehind(80), [undefined]);
});
