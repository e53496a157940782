import assert from "node:assert/strict";
import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { codesOfArray, decodeCodes, encodeCodes, readCodes, writeCodes } from "./codes.ts";
import { concat, cut, setTitles } from "./edit.ts";
import type { EcdcFields } from "./header.ts";
import { EcdcReader } from "./reader.ts";
import { segmentCount, segmentPlace } from "./segments.ts";
import { type EcdcSink, EcdcWriter } from "./writer.ts";
import { modelSpec } from "../models.ts";

/** What is written by a function. */
async function bytesOf<T>(write: (sink: EcdcSink) => Promise<T>) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const sink = { write: (b: Uint8Array) => Promise.resolve(void parts.push(new Uint8Array(b))) };
  const result = await write(sink);
  const pieces = parts.filter((part) => part.length > 0);
  return { bytes: await new Blob(pieces).bytes(), result };
}

/** A sink whose start can be rewritten, as that of a file. */
async function fileOf<T>(write: (sink: EcdcSink) => Promise<T>) {
  let bytes = new Uint8Array(0);
  const sink = {
    write: async (b: Uint8Array) =>
      void (bytes = await new Blob([bytes, new Uint8Array(b)]).bytes()),
    rewriteStart: (b: Uint8Array) => Promise.resolve(bytes.set(b)),
  };
  const result = await write(sink);
  return { bytes, result };
}

/** A file of hashed codes. */
async function someFile(fields: EcdcFields, seed = 1): Promise<Uint8Array<ArrayBuffer>> {
  const { model, samples, codebooks } = fields;
  const extent = { spec: modelSpec(model), samples, codebooks };
  const { bytes } = await bytesOf(async (sink) => {
    const writer = new EcdcWriter(sink, fields);
    for (let k = 0; k < segmentCount(extent.spec, samples); k++) {
      const { frames } = segmentPlace(extent, k);
      const codes = Uint16Array.from(
        { length: frames * codebooks },
        (_, i) => Math.imul(i + 1, 2654435761 + seed * 97 + k) >>> 22,
      );
      await writer.write({ codes, scale: (k + seed) / 8 });
    }
    await writer.close(samples);
  });
  return bytes;
}

/** Header and blocks of a file. */
async function contentOf(bytes: Uint8Array) {
  await using reader = await EcdcReader.open(bytes);
  assert.equal(reader.surplus, 0);
  return { header: reader.header, blocks: await Array.fromAsync(reader.blocks()) };
}

const STEREO = { model: "encodec_48khz", codebooks: 2, samples: 4 * 47520 + 10_000 } as const;
const MONO = { model: "encodec_24khz", codebooks: 3, samples: 200 * 320 - 50 } as const;

Deno.test("a part has the codes of the whole, from edge to edge", async () => {
  const file = await someFile({ ...STEREO, title: "All" });
  const whole = await contentOf(file);
  const part = await fileOf(async (sink) => {
    await using reader = await EcdcReader.open(file);
    return await cut(reader, sink, { from: 1.5, to: 2.2 });
  });
  assert.deepEqual(part.result, { from: 0.99, to: 2.97 });
  const { header, blocks } = await contentOf(part.bytes);
  assert.deepEqual([header.samples, header.title], [2 * 47520, "All"]);
  assert.deepEqual(blocks.map(({ scale }) => scale), [2 / 8, 3 / 8]);
  assert.deepEqual(blocks[0]!.codes, whole.blocks[1]!.codes);
  assert.deepEqual(blocks[1]!.codes, whole.blocks[2]!.codes.subarray(0, 149 * 2));
});

Deno.test("a part to the end keeps the last samples; one behind it is refused", async () => {
  const file = await someFile(STEREO);
  const tail = await fileOf(async (sink) => {
    await using reader = await EcdcReader.open(file);
    return await cut(reader, sink, { from: 4 });
  });
  assert.equal((await contentOf(tail.bytes)).header.samples, 10_000);
  const behind = fileOf(async (sink) => {
    await using reader = await EcdcReader.open(file);
    return await cut(reader, sink, { from: 100 });
  });
  await assert.rejects(behind, {
    code: "no-audio",
    message: "Cannot cut from 100 s on: found nothing there, the file ends at 4.17 s",
  });
});

Deno.test("a part of a 24 kHz file begins at any frame", async () => {
  const file = await someFile(MONO);
  const { codes: all } = (await contentOf(file)).blocks[0]!;
  const part = await fileOf(async (sink) => {
    await using reader = await EcdcReader.open(file);
    return await cut(reader, sink, { from: 0.2, to: 0.5 });
  });
  assert.deepEqual(part.result, { from: 15 * 320 / 24000, to: 38 * 320 / 24000 });
  const { header, blocks } = await contentOf(part.bytes);
  assert.equal(header.samples, 23 * 320);
  assert.deepEqual(blocks[0]!.codes, all.subarray(15 * 3, 38 * 3));
});

/** Files one after the other. */
async function joined(files: Uint8Array[]) {
  await using stack = new AsyncDisposableStack();
  const readers: EcdcReader[] = [];
  for (const file of files) readers.push(stack.use(await EcdcReader.open(file)));
  return await fileOf((sink) => concat(readers, sink));
}

Deno.test("joined files have the segments of each, the first ones in full", async () => {
  const first = await someFile({ ...STEREO, samples: 2 * 47520, title: "One" });
  const second = await someFile(STEREO, 5);
  const { bytes, result } = await joined([first, second, first].slice(0, 2));
  const { header, blocks } = await contentOf(bytes);
  assert.deepEqual([header.samples, header.title], [2 * 47520 + STEREO.samples, "One"]);
  assert.equal(result, header.duration);
  assert.deepEqual(blocks.map(({ scale }) => scale! * 8), [1, 2, 5, 6, 7, 8, 9]);
  const own = (await contentOf(first)).blocks[1]!.codes;
  assert.deepEqual(blocks[1]!.codes, Uint16Array.of(...own, ...own.subarray(-2)));
  assert.deepEqual(
    blocks.slice(2).map((b) => b.codes),
    (await contentOf(second)).blocks.map((b) => b.codes),
  );
});

Deno.test("joined 24 kHz files go on at whole frames", async () => {
  const [first, second] = [await someFile(MONO), await someFile(MONO, 2)];
  const { bytes } = await joined([first, second]);
  const { header, blocks } = await contentOf(bytes);
  assert.equal(header.samples, 400 * 320 - 50);
  const own = async (file: Uint8Array) =>
    (await contentOf(file)).blocks.flatMap(({ codes }) => [...codes]);
  assert.deepEqual(
    blocks.flatMap(({ codes }) => [...codes]),
    [...await own(first), ...await own(second)],
  );
});

Deno.test("what cannot be joined is refused", async () => {
  const stereo = await someFile(STEREO);
  const fits = await someFile({ ...STEREO, samples: 47520 });
  await assert.rejects(joined([stereo, fits]), /ends at 4\.17 s, inside .* such as 3\.96 s/);
  await assert.rejects(
    joined([fits, await someFile(MONO)]),
    /found encodec_24khz with 3 codebooks/,
  );
  await assert.rejects(joined([]), { name: "RangeError", message: /found none/ });
});

Deno.test("titles change, and nothing else", async () => {
  const file = await someFile({ ...STEREO, title: "Old", source: "here" });
  const { bytes } = await bytesOf(async (sink) => {
    await using reader = await EcdcReader.open(file);
    await setTitles(reader, sink, { title: "Neu ü", source: "" });
  });
  const [before, after] = [await contentOf(file), await contentOf(bytes)];
  assert.deepEqual([after.header.title, after.header.source], ["Neu ü", undefined]);
  assert.deepEqual(after.blocks, before.blocks);
});

for (const fields of [{ ...STEREO, title: "T" }, { ...MONO, sampleRate: 22050 }]) {
  Deno.test(`${fields.model}: codes go to arrays and back, byte for byte`, async () => {
    const file = await someFile(fields);
    await using reader = await EcdcReader.open(file);
    const codes = await readCodes(reader);
    const bytes = encodeCodes(codes);
    const back = await bytesOf((sink) => writeCodes(decodeCodes(bytes), sink));
    assert.deepEqual(back.bytes, file);
    const { tensors } = readSafetensors(bytes);
    assert.equal(tensors.has("scales"), fields.model === "encodec_48khz");
  });
}

Deno.test("the first axis is the codebook, the second the frame", async () => {
  await using reader = await EcdcReader.open(await someFile(STEREO));
  const { codes, scales } = await readCodes(reader);
  assert.deepEqual(codes.shape, [2, 4 * 150 + 32]);
  const blocks = await Array.fromAsync(reader.blocks());
  assert.equal(codes.data[150], blocks[1]!.codes[0]);
  assert.equal(codes.data[632], blocks[0]!.codes[1]);
  assert.deepEqual([...scales!.data], blocks.map(({ scale }) => scale));
});

Deno.test("an array alone is enough for a stream, of any whole numbers", async () => {
  const array = tensor("I64", [1, 2, 3], BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n));
  const { bytes } = await bytesOf((sink) => writeCodes(codesOfArray(array, "encodec_24khz"), sink));
  const { header, blocks } = await contentOf(bytes);
  assert.deepEqual([header.samples, header.codebooks], [960, 2]);
  assert.deepEqual([...blocks[0]!.codes], [1, 4, 2, 5, 3, 6]);
  assert.throws(() => codesOfArray(array, "encodec_48khz"), /of a model that is one stream/);
});

Deno.test("codes that do not fit their header are refused", async () => {
  await using reader = await EcdcReader.open(await someFile(STEREO));
  const good = await readCodes(reader);
  const { codes, fields } = good;
  const faulty = [
    { ...good, fields: { ...fields, samples: 5 } },
    { ...good, scales: undefined },
    { ...good, codes: { ...codes, data: codes.data.with(7, 1024) } },
    { ...good, codes: { ...codes, shape: [632, 2] } },
  ];
  for (const bad of faulty) {
    await assert.rejects(bytesOf((sink) => writeCodes(bad, sink)), { code: "unsupported" });
  }
  assert.throws(() => decodeCodes(encodeSafetensors({ codes })), /metadata ecdc/);
  const damaged = encodeSafetensors({ codes }, { ecdc: "RUND*w==" });
  assert.throws(() => decodeCodes(damaged), { code: "bad-header", message: /no base64/ });
});
