import assert from "node:assert/strict";
import { EcdcReader } from "./reader.ts";
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
  await writeSegment(new EcdcWriter(held.sink, fields));
  assert.deepEqual(held.file.bytes(), known.bytes());
  const blocks = await blocksOf(known.bytes());
  assert.deepEqual(blocks.map((b) => b.scale), [0.5, 0.25]);
  assert.deepEqual(await blocksOf(patched.bytes()), blocks);
});

Deno.test("a file whose writer was cut off gives everything written so far", async () => {
  const file = memory();
  const writer = new EcdcWriter(file, fields);
  await writer.write({ scale: 0.5, codes });
  await using reader = await EcdcReader.open(file.bytes());
  const blocks: number[] = [];
  await assert.rejects(async () => {
    for await (const block of reader.blocks()) blocks.push(block.index);
  }, { name: "EcdcError", code: "truncated" });
  assert.deepEqual(blocks, [0]);
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
  await new EcdcWriter(held.sink, fields).close(0);
  assert.deepEqual(await blocksOf(held.file.bytes()), []);
});
