import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { mutations } from "#testing/fuzz.ts";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { packCodes } from "./bits.ts";
import { type CodeBlock, EcdcReader } from "./reader.ts";
import { EcdcError } from "../errors.ts";
import { formatHeader } from "./header.ts";
import { streamOf } from "@vcs/transport/portable";
import { batches } from "@vcs/transport/portable";

interface Golden {
  file: string;
  expect: "read" | "error";
  why: string;
  alsoAccept?: string[];
  complete_segments?: number;
  complete_frames?: number;
  segments?: { samples: number; frames: number; scale: number | null; codes_sha256: string }[];
}

/** All blocks up to the end or the first error. */
async function readAll(bytes: Uint8Array | ReadableStream<Uint8Array>, chunk = 1e6) {
  const blocks: CodeBlock[] = [];
  try {
    await using reader = await EcdcReader.open(bytes);
    for await (const block of reader.blocks({ chunk })) blocks.push(block);
  } catch (error) {
    return { blocks, error };
  }
  return { blocks };
}

function summary(block: CodeBlock) {
  const { samples, frames, codes } = block;
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  const hash = createHash("sha256").update(bytes).digest("hex");
  return { samples, frames, scale: block.scale ?? null, codes_sha256: hash };
}

sharedTest("every container golden is read or refused as its manifest says", async (t) => {
  const folder = sharedPath("golden/ecdc/");
  const { files } = JSON.parse(readFileSync(`${folder}MANIFEST.json`, "utf8")) as {
    files: Golden[];
  };
  assert.ok(files.length > 90);
  for (const golden of files) {
    await t.step(`${golden.file}: ${golden.why}`, async () => {
      const { blocks, error } = await readAll(readFileSync(folder + golden.file));
      const wanted = golden.segments?.map(({ samples, frames, scale, codes_sha256 }) => ({
        samples,
        frames,
        scale,
        codes_sha256,
      }));
      if (golden.expect === "read") {
        assert.equal(error, undefined);
        assert.deepEqual(blocks.map(summary), wanted);
        return;
      }
      assert.ok(error instanceof EcdcError, `${error}`);
      if (wanted && wanted.length > 0) assert.deepEqual(blocks.map(summary), wanted);
      if (golden.complete_segments !== undefined) {
        // Frames of an unfinished 24 kHz stream are delivered too; they make no segment.
        const segments = blocks.filter((b) => b.scale !== undefined);
        assert.equal(segments.length, golden.complete_segments);
      }
      if (golden.complete_frames !== undefined) {
        assert.equal(blocks.reduce((sum, b) => sum + b.frames, 0), golden.complete_frames);
      }
      const key = golden.file.startsWith("missing_") ? golden.file.slice(8, -5) : undefined;
      if (key) assert.match(error.message, new RegExp(`"${key}"`));
    });
  }
});

interface Expected {
  version: number;
  meta: { m: string; al: number; nc: number; lm: boolean };
  segments: { scale: number | null; T: number; codes: number[][] }[];
}

/** Packs what was read again; a real file must come out byte for byte. */
async function repack(bytes: Uint8Array): Promise<Uint8Array> {
  await using reader = await EcdcReader.open(bytes);
  const parts: Uint8Array<ArrayBuffer>[] = [formatHeader(reader.header)];
  for await (const block of reader.blocks({ chunk: 1e6 })) {
    if (block.scale !== undefined) {
      const scale = new Uint8Array(4);
      new DataView(scale.buffer).setFloat32(0, block.scale);
      parts.push(scale);
    }
    parts.push(packCodes(block.codes));
  }
  return await new Blob(parts).bytes();
}

sharedTest("real files parse as expected and pack again byte for byte", async (t) => {
  const folder = sharedPath("data/ecdc/");
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".expected.json"));
  assert.ok(names.length >= 7);
  for (const name of names) {
    await t.step(name, async () => {
      const bytes = readFileSync(folder + name.replace(".expected.json", ""));
      const expected = JSON.parse(readFileSync(folder + name, "utf8")) as Expected;
      await using reader = await EcdcReader.open(bytes);
      const { version, model, samples, codebooks } = reader.header;
      const { m, al, nc } = expected.meta;
      assert.deepEqual([version, model, samples, codebooks], [expected.version, m, al, nc]);
      assert.equal(reader.surplus, 0);
      const blocks = await Array.fromAsync(reader.blocks({ chunk: 1e6 }));
      assert.deepEqual(
        blocks.map((b) => ({ scale: b.scale ?? null, T: b.frames, codes: byCodebook(b, nc) })),
        expected.segments.map(({ scale, T, codes }) => ({ scale, T, codes })),
      );
      assert.ok(Buffer.from(bytes).equals(await repack(bytes)));
    });
  }
});

function byCodebook({ codes, frames }: CodeBlock, nc: number): number[][] {
  return Array.from(
    { length: nc },
    (_, k) => Array.from({ length: frames }, (_, t) => codes[t * nc + k]!),
  );
}

sharedTest("a truncated real file gives its complete frames, then says so", async () => {
  const { blocks, error } = await readAll(readFileSync(sharedPath("data/ecdc/jfk_truncated.ecdc")));
  assert.ok(error instanceof EcdcError && error.code === "truncated");
  assert.equal(blocks[0]?.frames, Math.floor((700 - 67) * 8 / 20));
});

const codesOf = (count: number) =>
  Uint16Array.from({ length: count }, (_, i) => (i * 37 + 5) % 1024);

Deno.test("24 kHz frames read the same from any start and in any chunk", async () => {
  for (const codebooks of [1, 2, 3, 8]) {
    const codes = codesOf(50 * codebooks);
    const samples = 50 * 320 - 7;
    const file = await new Blob([
      formatHeader({ model: "encodec_24khz", samples, codebooks }),
      packCodes(codes),
    ]).bytes();
    for (
      const [from, to, chunk] of [[0, 50, 4], [3, 50, 8], [5, 6, 1], [49, 50, 76], [50, 50, 4], [
        49,
        49,
        4,
      ]]
    ) {
      await using reader = await EcdcReader.open(file);
      const blocks = await Array.fromAsync(reader.blocks({ from: from!, to: to!, chunk: chunk! }));
      const read = blocks.flatMap((b) => [...b.codes]);
      assert.deepEqual(read, [...codes.subarray(from! * codebooks, to! * codebooks)]);
      if (to === 50 && from! < 50) {
        const last = blocks.at(-1)!;
        assert.equal(last.start + last.samples, samples);
      }
    }
  }
});

Deno.test("24 kHz blocks have the sizes that are asked for, and at least a frame", async () => {
  const header = formatHeader({ model: "encodec_24khz", samples: 40 * 320, codebooks: 2 });
  const file = await new Blob([header, packCodes(codesOf(80))]).bytes();
  const sizes = async (chunk: number | ((frame: number) => number)) => {
    await using reader = await EcdcReader.open(file);
    return (await Array.fromAsync(reader.blocks({ chunk }))).map((b) => b.frames);
  };
  assert.deepEqual(await sizes(15), [16, 16, 8]);
  assert.deepEqual(await sizes((frame) => frame || 4), [4, 4, 8, 16, 8]);
  for (const none of [0, -4, NaN]) {
    await assert.rejects(sizes(none), RangeError);
    await assert.rejects(sizes(() => none), RangeError);
  }
});

/** A 48 kHz file whose codes are the numbers of their segments. */
async function numberedFile(segments: number): Promise<Uint8Array> {
  const samples = segments * 47520;
  const parts = [formatHeader({ model: "encodec_48khz", samples, codebooks: 16 })];
  for (let k = 0; k < segments; k++) {
    const frames = k === segments - 1 ? 149 : 150;
    parts.push(Uint8Array.of(0x3f, 0x80, 0, 0), packCodes(new Uint16Array(frames * 16).fill(k)));
  }
  return await new Blob(parts).bytes();
}

async function stereoFile(samples: number, codebooks: number, version: 0 | 193) {
  const header = formatHeader({ model: "encodec_48khz", samples, codebooks, version });
  const parts: Uint8Array<ArrayBuffer>[] = [header];
  await using plan = await EcdcReader.open(header);
  for (let k = 0; k < plan.units; k++) {
    const frames = Math.ceil(Math.min(48000, samples - k * 47520) / 320);
    const packed = packCodes(codesOf(frames * codebooks));
    const lost = version === 193 && k < plan.units - 1 &&
      packed.length * 8 > frames * codebooks * 10;
    parts.push(Uint8Array.of(0x3f, 0x80, 0, k), lost ? packed.slice(0, -1) : packed);
  }
  return await new Blob(parts).bytes();
}

Deno.test("48 kHz segments read the same alone and in sequence, also in files short by one byte", async () => {
  for (
    const [samples, codebooks, version] of [[200000, 4, 0], [142660, 2, 193], [
      47620,
      2,
      193,
    ]] as const
  ) {
    const file = await stereoFile(samples, codebooks, version);
    const { blocks } = await readAll(file);
    for (let k = 0; k < blocks.length; k++) {
      for (const source of [file, new Blob([file]).stream()]) {
        await using reader = await EcdcReader.open(source);
        const alone = await Array.fromAsync(reader.blocks({ from: k, to: k + 1 }));
        assert.deepEqual(alone, [blocks[k]]);
      }
    }
  }
});

Deno.test("a reader is used again while what read ahead for an older loop still waits", async () => {
  const file = await numberedFile(60);
  for (let round = 0; round < 10; round++) {
    let at = 0;
    const slow = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (at >= file.length) return controller.close();
        controller.enqueue(file.slice(at, at += 1000));
      },
    });
    await using reader = await EcdcReader.open(slow);
    for await (const _ of batches(reader.blocks(), { most: 8, least: 1 }, () => 0)) break;
    const from = 30 + round;
    const blocks = await Array.fromAsync(reader.blocks({ from, to: from + 3 }));
    assert.deepEqual(blocks.map((b) => b.codes[0]), [from, from + 1, from + 2]);
  }
});

Deno.test("of two loops over one reader, the older one fails", async () => {
  await using reader = await EcdcReader.open(await numberedFile(5));
  const old = reader.blocks();
  assert.equal((await old.next()).value!.codes[0], 0);
  const blocks = await Array.fromAsync(reader.blocks({ from: 1 }));
  assert.deepEqual(blocks.map((b) => b.codes[0]), [1, 2, 3, 4]);
  await assert.rejects(old.next(), TypeError);
});

Deno.test("an older loop takes nothing of a newer one's, at the end of a file short by one byte", async () => {
  const file = await stereoFile(142660, 2, 193);
  await using reader = await EcdcReader.open(file);
  const [old, newer] = [reader.blocks(), reader.blocks()];
  for (const _ of [0, 1]) await old.next();
  const first = (await newer.next()).value!;
  await assert.rejects(old.next(), TypeError);
  const rest = await Array.fromAsync(newer);
  assert.deepEqual([first, ...rest], (await readAll(file)).blocks);
});

Deno.test("a stream in tiny chunks reads as the whole does", async () => {
  const file = await stereoFile(100000, 8, 0);
  const pieces = ReadableStream.from(file.values().map((byte) => Uint8Array.of(byte)));
  assert.deepEqual((await readAll(pieces)).blocks, (await readAll(file)).blocks);
});

Deno.test("damaged bytes end in blocks or a typed error, in bounded time", async () => {
  for (const good of [await stereoFile(100000, 2, 193), await stereoFile(3000, 16, 0)]) {
    for (const bad of mutations(good, 1500)) {
      const { error } = await readAll(bad);
      if (error !== undefined) assert.ok(error instanceof EcdcError, `${error}`);
    }
  }
});

Deno.test("errors say how much a file holds, also after a seek beyond it", async () => {
  const codes = Uint16Array.from({ length: 300 }, (_, i) => i);
  for (
    const [model, samples, from, wanted] of [
      ["encodec_48khz", 48000 * 3600, 3600, "after 3 complete segments"],
      ["encodec_24khz", 24000 * 3600, 75 * 3000, "after 450 complete frames"],
    ] as const
  ) {
    const scale = model === "encodec_48khz" ? [0x3f, 0, 0, 0] : [];
    const segment = [...scale, ...packCodes(codes)];
    const file = await new Blob([
      formatHeader({ model, samples, codebooks: 2 }),
      Uint8Array.from([...segment, ...segment, ...segment]),
    ]).bytes();
    await using reader = await EcdcReader.open(file);
    assert.equal(reader.heldSeconds, model === "encodec_48khz" ? 2.97 : 6);
    const message = new RegExp(`the file ends ${wanted}, its header promises 36`);
    await assert.rejects(reader.blocks({ from }).next(), { code: "truncated", message });
    await using piped = await EcdcReader.open(streamOf([file]) as ReadableStream<Uint8Array>);
    await assert.rejects(piped.blocks({ from }).next(), /the file ends before (segment|frame) \d+/);
  }
});
