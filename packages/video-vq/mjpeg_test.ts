import { encodeJpeg } from "@vcs/media/image";
import assert from "node:assert/strict";
import { mutations, random } from "#testing/fuzz.ts";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { jpegsOf } from "./mjpeg.ts";

const pictures = await Promise.all(Array.from({ length: 3 }, (_, i) => {
  const data = Uint8Array.from({ length: 24 * 16 * 3 }, (_, at) => at * (i + 3));
  return encodeJpeg({ width: 24, height: 16, data });
}));

/** A stream of bytes in chunks. */
function chunks(bytes: Uint8Array, size: () => number): ReadableStream<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = size();
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return ReadableStream.from(parts);
}

const join = (parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

Deno.test("mjpeg: multipart and bare streams give the same pictures, however they are cut", async () => {
  const head = new TextEncoder().encode("--frame\r\nContent-Type: image/jpeg\r\n\r\n");
  const next = random(1);
  for (const parts of [pictures, pictures.flatMap((picture) => [head, picture])]) {
    for (const most of [1, 7, 1000]) {
      const stream = chunks(join(parts), () => 1 + Math.floor(next() * most));
      assert.deepEqual(await Array.fromAsync(jpegsOf(stream)), pictures);
    }
  }
});

Deno.test("mjpeg: a stream joined in the middle of a picture begins with the next one", async () => {
  const bytes = join([pictures[0]!.subarray(100), pictures[1]!, pictures[2]!]);
  const found = await Array.fromAsync(jpegsOf(chunks(bytes, () => 64)));
  assert.deepEqual(found, pictures.slice(1));
});

Deno.test("mjpeg: damaged streams end, and give what starts and ends as a picture", async () => {
  for (const bad of mutations(join(pictures), 300)) {
    for await (const jpeg of jpegsOf(chunks(bad, () => 97))) {
      assert.deepEqual([...jpeg.subarray(0, 2), ...jpeg.subarray(-2)], [0xff, 0xd8, 0xff, 0xd9]);
    }
  }
});

sharedTest("mjpeg: a real webcam's 167 pictures and a camera that was joined late", async () => {
  const webcam = await Deno.readFile(
    sharedPath("data/mjpeg/webcam_startup_exposure_160x120.mjpeg"),
  );
  assert.equal((await Array.fromAsync(jpegsOf(chunks(webcam, () => 4096)))).length, 167);
  const axis = await Deno.readFile(sharedPath("data/mjpeg/axis_multipart_3parts.mjpg"));
  const found = await Array.fromAsync(jpegsOf(chunks(axis, () => 1500)));
  assert.deepEqual(found[0], await Deno.readFile(sharedPath("data/mjpeg/axis_firstframe.jpg")));
  assert.equal(found.length, 3);
});
