import assert from "node:assert/strict";
import { UNKNOWN_LENGTH } from "./header.ts";
import { EcdcReader } from "./reader.ts";
import { fileSink } from "./sinks.ts";
import { type EcdcSink, EcdcWriter } from "./writer.ts";

/** Bytes in memory that can be overwritten at the start, as a file can. */
function memory(): EcdcSink & { bytes(): Uint8Array; writes: number } {
  const all: number[] = [];
  const sink = {
    writes: 0,
    bytes: () => Uint8Array.from(all),
    write(bytes: Uint8Array) {
      sink.writes++;
      all.push(...bytes);
      return Promise.resolve();
    },
    rewriteStart(bytes: Uint8Array) {
      bytes.forEach((byte, i) => all[i] = byte);
      return Promise.resolve();
    },
  };
  return sink;
}

/** The same without a way back, as a pipe is. */
function pipe() {
  const sink = memory();
  return { sink: { write: sink.write.bind(sink) }, file: sink };
}

const codes = Uint16Array.from({ length: 150 * 8 }, (_, i) => (i * 37) % 1024);
const fields = { model: "encodec_48khz", codebooks: 8 } as const;

async function writeSegment(writer: EcdcWriter) {
  await writer.write({ scale: 0.5, codes });
  await writer.write({ scale: 0.25, codes: codes.subarray(0, 2 * 8) });
  await writer.close(48000);
}

async function blocksOf(bytes: Uint8Array) {
  await using reader = await EcdcReader.open(bytes);
  assert.equal(reader.surplus, 0);
  return await Array.fromAsync(reader.blocks());
}

Deno.test("a file is the same audio with the length known ahead, patched or held back", async () => {
  const known = memory();
  await writeSegment(new EcdcWriter(known, { ...fields, samples: 48000 }));
  const patched = memory();
  await writeSegment(new EcdcWriter(patched, fields));
  const held = pipe();
  await writeSegment(new EcdcWriter({ ...held.sink, patient: true }, fields));
  assert.deepEqual(held.file.bytes(), known.bytes());
  const blocks = await blocksOf(known.bytes());
  assert.deepEqual(blocks.map((b) => b.scale), [0.5, 0.25]);
  assert.deepEqual(await blocksOf(patched.bytes()), blocks);
});

Deno.test("a file whose writer was cut off gives everything written so far", async () => {
  const file = memory();
  const writer = new EcdcWriter(file, fields);
  await writer.write({ scale: 0.5, codes });
  await writer.write({ scale: 0.25, codes });
  const bytes = file.bytes();
  await using reader = await EcdcReader.open(bytes.subarray(0, bytes.length - 1));
  const blocks = await Array.fromAsync(reader.blocks());
  assert.deepEqual(blocks.map((b) => [b.index, b.frames]), [[0, 150], [1, 149]]);
});

Deno.test("a pipe gets every segment at once, and its last one ends with the bytes", async () => {
  for (const codebooks of [2, 4, 8]) {
    for (const frames of [1, 2, 77, 149]) {
      const live = pipe();
      const writer = new EcdcWriter(live.sink, { ...fields, codebooks });
      const start = codes.subarray(0, 150 * codebooks);
      await writer.write({ scale: 0.5, codes: start });
      const size = live.file.bytes().length;
      assert.ok(size > 4 + Math.ceil(1500 * codebooks / 8));
      await writer.write({ scale: 0.25, codes: codes.subarray(0, frames * codebooks) });
      await writer.close(47520 + frames * 320 - 7);
      await using reader = await EcdcReader.open(live.file.bytes());
      assert.equal(reader.header.samples, UNKNOWN_LENGTH);
      assert.equal(reader.surplus, undefined);
      const blocks = await Array.fromAsync(reader.blocks());
      assert.deepEqual(
        blocks.map((b) => [b.frames, b.samples, b.codes.length / codebooks]),
        [[150, 48000, 150], [frames, frames * 320, frames]],
      );
      assert.deepEqual(blocks[1]!.codes, codes.slice(0, frames * codebooks));
    }
  }
});

Deno.test("a last segment that would look like part of the one before it is dropped", async () => {
  const live = pipe();
  const writer = new EcdcWriter(live.sink, { ...fields, codebooks: 4 });
  for (const frames of [150, 149, 1]) {
    await writer.write({ scale: 0.5, codes: codes.subarray(0, frames * 4) });
  }
  await writer.close(2 * 47520 + 9);
  await using reader = await EcdcReader.open(live.file.bytes());
  const blocks = await Array.fromAsync(reader.blocks());
  assert.deepEqual(blocks.map((b) => b.frames), [150, 149]);
});

Deno.test("24 kHz codes in a pipe end with its bytes", async () => {
  for (const codebooks of [1, 2, 3, 8]) {
    const live = pipe();
    const writer = new EcdcWriter(live.sink, { model: "encodec_24khz", codebooks });
    const sent = codes.slice(0, 101 * codebooks);
    await writer.write({ codes: sent });
    await writer.close(101 * 320 - 5);
    await using reader = await EcdcReader.open(live.file.bytes());
    const blocks = await Array.fromAsync(reader.blocks());
    assert.deepEqual(blocks.flatMap((b) => [...b.codes]), [...sent]);
    assert.deepEqual(blocks.map((b) => b.samples), [76 * 320, 25 * 320]);
  }
});

Deno.test("24 kHz codes share bytes across blocks", async () => {
  const file = memory();
  const writer = new EcdcWriter(file, { model: "encodec_24khz", codebooks: 1 });
  for (let t = 0; t < 9; t++) await writer.write({ codes: codes.subarray(t, t + 1) });
  await writer.close(9 * 320 - 5);
  await using reader = await EcdcReader.open(file.bytes());
  assert.equal(reader.surplus, 0);
  const [block] = await Array.fromAsync(reader.blocks());
  assert.deepEqual(block?.codes, codes.slice(0, 9));
});

Deno.test("a scale that readers refuse is not written", async () => {
  for (const scale of [NaN, Infinity, 2e4, 0, -1, 1e-50]) {
    const file = memory();
    const writer = new EcdcWriter(file, fields);
    await writer.write({ scale: 1e-8, codes });
    const length = file.bytes().length;
    await assert.rejects(writer.write({ scale, codes }), {
      name: "EcdcError",
      code: "bad-segment",
      message: /^Cannot write segment 1: found a scale of/,
    });
    assert.equal(file.bytes().length, length);
  }
});

Deno.test("a broken promise about the length is refused", async () => {
  const writer = new EcdcWriter(memory(), { ...fields, samples: 10 });
  await assert.rejects(writer.close(11), RangeError);
});

Deno.test("no samples make a valid empty file", async () => {
  const held = pipe();
  await new EcdcWriter({ ...held.sink, patient: true }, fields).close(0);
  assert.deepEqual(await blocksOf(held.file.bytes()), []);
});

Deno.test("what cannot be written is told with the file's name", async () => {
  const folder = await Deno.makeTempDir();
  const sink = await fileSink(`${folder}/full.ecdc`);
  await sink[Symbol.asyncDispose]();
  await assert.rejects(sink.write(Uint8Array.of(1)), { message: /^Cannot write .*full\.ecdc: ./ });
  await Deno.remove(folder, { recursive: true });
});
