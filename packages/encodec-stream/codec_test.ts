import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ArithmeticEncoder, quantizeCdf } from "./lm/arithmetic_coder.ts";
import { Session } from "@vcs/onnx/session";
import { type CodeSource, type DecodeOptions, Decoder } from "./decoder.ts";
import { type BlockRange, type CodeBlock, EcdcReader } from "./container/reader.ts";
import { EcdcWriter } from "./container/writer.ts";
import { Encoder } from "./encoder.ts";
import { EcdcError } from "./errors.ts";
import { formatHeader, parseHeader } from "./container/header.ts";
import { LanguageModel } from "./lm/language_model.ts";
import { LmReader } from "./lm/lm_reader.ts";
import { codebooksFor, type ModelName, modelSpec } from "./models.ts";
import type { OpenedModel } from "./network/model_session.ts";
import { golden, small } from "./testing/transformers.ts";
import { segmentPlace } from "./container/segments.ts";
import { syntheticAudio, syntheticCheckpoint } from "./network/synthetic.ts";

// Reference numbers: the authors' own modules in float64, on the checkpoints that synthetic.ts makes.

const open = async (model: ModelName, codebooks: number) => {
  const options = { weights: syntheticCheckpoint(model), device: "cpu" };
  const decoder = await Decoder.open(model, options);
  const encoder = await Encoder.open(model, codebooks, options);
  return {
    decoder,
    encoder,
    [Symbol.dispose]() {
      decoder[Symbol.dispose]();
      encoder[Symbol.dispose]();
    },
  };
};

/** Audio in pieces of a size. */
async function* pieces(model: ModelName, length: number, size: number) {
  const { channels } = modelSpec(model);
  const audio = syntheticAudio(model, length);
  for (let at = 0; at < length; at += size) {
    yield await Promise.resolve(Array.from(
      { length: channels },
      (_, c) => audio.subarray(c * length + at, c * length + Math.min(at + size, length)),
    ));
  }
}

async function fileOf(
  model: ModelName,
  codebooks: number,
  samples: number,
  blocks: Iterable<{ codes: Uint16Array; scale?: number | undefined }>,
): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const write = (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice()));
  const writer = new EcdcWriter({ write }, { model, codebooks, samples });
  for (const block of blocks) await writer.write(block);
  await writer.close(samples);
  return await new Blob(parts).bytes();
}

/** The decoded audio of each channel, and the error that ended it. */
async function decode(decoder: Decoder, bytes: Uint8Array, options: DecodeOptions = {}) {
  await using reader = await EcdcReader.open(bytes);
  const parts: Float32Array[][] = Array.from({ length: decoder.spec.channels }, () => []);
  let at = options.from ?? 0;
  let error: unknown;
  try {
    for await (const { start, channels } of decoder.decode(reader, options)) {
      assert.equal(start, at);
      at += channels[0]!.length;
      channels.forEach((c, i) => parts[i]!.push(c));
    }
  } catch (thrown) {
    error = thrown;
  }
  return { error, channels: parts.map((list) => Float32Array.from(list.flatMap((c) => [...c]))) };
}

function hashOf(blocks: CodeBlock[]): string {
  const codes = Uint16Array.from(blocks.flatMap((b) => [...b.codes]));
  return createHash("sha256").update(new Uint8Array(codes.buffer)).digest("hex").slice(0, 16);
}

function near(found: ArrayLike<number>, wanted: number[], tolerance = 2e-5): void {
  assert.equal(found.length, wanted.length);
  wanted.forEach((v, i) =>
    assert.ok(Math.abs(found[i]! - v) < tolerance, `${i}: ${found[i]} is not ${v}`)
  );
}

function rms(samples: Float32Array[]): number {
  const count = samples.reduce((sum, c) => sum + c.length, 0);
  return Math.sqrt(samples.reduce((sum, c) => sum + c.reduce((s, v) => s + v * v, 0), 0) / count);
}

const ramp = (frames: number, codebooks: number) =>
  Uint16Array.from(
    { length: frames * codebooks },
    (_, i) => (37 * Math.floor(i / codebooks) + 101 * (i % codebooks) + 5) % 1024,
  );

/** Not assert.deepEqual(), which takes minutes and gigabytes to tell how long arrays differ. */
function equal(found: Float32Array[], whole: Float32Array[], from: number, to: number): void {
  found.forEach((c, i) => {
    assert.equal(c.length, to - from);
    assert.equal(c.findIndex((v, at) => v !== whole[i]![from + at]), -1);
  });
}

/** Largest difference between two signals of one length. */
function difference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
}

Deno.test("encodec_48khz", async (t) => {
  const model = "encodec_48khz";
  using codec = await open(model, 4);
  const { decoder, encoder } = codec;

  await t.step("codes and audio are the reference's", async () => {
    const blocks = await Array.fromAsync(encoder.encode(pieces(model, 3333, 1000)));
    assert.equal(hashOf(blocks), "1aa71c5ac9716b95");
    near([blocks[0]!.scale!], [0.255075634], 1e-8);
    const block = { codes: blocks[0]!.codes, scale: 1 };
    const { channels } = await decode(decoder, await fileOf(model, 4, 3520, [block]));
    near(channels[0]!.slice(0, 4), [-1.249042, -0.164525, -1.337079, -1.38468]);
    near(channels[0]!.slice(1000, 1004), [0.803015, -0.420239, 1.185778, -0.222462]);
    near(channels[1]!.slice(-3), [-0.705233, 0.959931, -0.451062]);
    near([rms(channels)], [1.097531]);
  });

  await t.step("segments too short for reflect padding are the reference's", async () => {
    const ten = await fileOf(model, 4, 3200, [{ codes: ramp(10, 4), scale: 1 }]);
    const long = (await decode(decoder, ten)).channels;
    near(long[0]!.slice(0, 4), [1.12581, -0.069862, 1.038037, -0.100836]);
    near(long[0]!.slice(1600, 1603), [-0.099884, 0.004371, -0.984373]);
    near(long[1]!.slice(-3), [-1.412731, -1.323282, -1.232672]);
    near([rms(long)], [1.100865]);
    const three = await fileOf(model, 4, 960, [{ codes: ramp(3, 4), scale: 1 }]);
    const short = (await decode(decoder, three)).channels;
    near(short[0]!.slice(0, 4), [1.698041, -0.001327, 1.040025, 0.322508]);
    near(short[0]!.slice(480, 483), [-0.845025, -0.261458, 1.307728]);
    near(short[1]!.slice(-3), [-0.348214, -1.380257, -0.285404]);
    for (const length of [1, 2, 319, 500]) {
      const blocks = await Array.fromAsync(encoder.encode(pieces(model, length, length)));
      assert.equal(blocks[0]!.frames, Math.ceil(length / 320));
    }
  });

  const length = 200_000;
  const blocks = await Array.fromAsync(encoder.encode(pieces(model, length, 5000)));
  const bytes = await fileOf(model, 4, length, blocks);
  const whole = (await decode(decoder, bytes, { batch: 0 })).channels;

  await t.step("every batch size and every chunking of the input gives the same bits", async () => {
    assert.equal(whole[0]!.length, length);
    for (const batch of [1, 2, 3]) {
      equal((await decode(decoder, bytes, { batch })).channels, whole, 0, length);
    }
    const again = await Array.fromAsync(encoder.encode(pieces(model, length, 77777), { batch: 1 }));
    assert.deepEqual(again, blocks);
  });

  await t.step("decoding a part gives the same samples as decoding all", async () => {
    const edges = [0, 1, 47519, 47520, 47521, 47520 + 479, 48000, 3 * 47520 + 480, 187_654, length];
    for (const [i, from] of edges.entries()) {
      const to = edges[(i * 7 + 3) % edges.length]!;
      const { channels } = await decode(decoder, bytes, { from, to });
      equal(channels, whole, from, Math.max(from, to));
    }
  });

  await t.step(
    "each segment is decoded once, and the first audio needs only the first",
    async () => {
      await using reader = await EcdcReader.open(bytes);
      const asked: number[] = [];
      const source = {
        header: reader.header,
        units: reader.units,
        async *blocks() {
          for await (const block of reader.blocks()) {
            asked.push(block.index);
            yield block;
          }
        },
      };
      const starts: number[] = [];
      for await (const { start, channels } of decoder.decode(source, { batch: 2 })) {
        if (start === 0) assert.equal(channels[0]!.length, 47520);
        starts.push(start);
      }
      assert.deepEqual(asked, [0, 1, 2, 3, 4]);
      assert.deepEqual(starts, [0, 1, 2, 3, 4].map((k) => k * 47520));
    },
  );

  await t.step("overlaps are weighted as the authors weight them", async () => {
    const shift = (block: CodeBlock) => fileOf(model, 4, block.samples, [block]);
    const [first, second] = await Promise.all(
      blocks.slice(0, 2).map(async (b) => (await decode(decoder, await shift(b))).channels[0]!),
    );
    const wanted = Array.from(
      { length: 480 },
      (_, p) => (first![47520 + p]! * (480 - p) + second![p]! * (p + 1)) / 481,
    );
    near(whole[0]!.slice(47520, 48000), wanted, 1e-6);
  });

  await t.step("lengths that end the original with an error decode in full", async () => {
    for (const samples of [47520 + 161, 47520 + 320, 47520 * 2 + 200, 47521]) {
      const count = Math.ceil(samples / 47520);
      const list = Array.from({ length: count }, (_, k) => {
        const frames = Math.ceil(Math.min(48000, samples - k * 47520) / 320);
        return { codes: ramp(frames, 4), scale: 0.5 };
      });
      const { channels, error } = await decode(decoder, await fileOf(model, 4, samples, list));
      assert.equal(error, undefined);
      assert.equal(channels[1]!.length, samples);
      assert.ok(channels[1]!.every(Number.isFinite));
    }
  });

  await t.step("a damaged file gives everything before the damage", async () => {
    const { bytes: head, ...extent } = parseHeader(bytes);
    const cutAt = head + segmentPlace(extent, 2).offset + 100;
    const cut = await decode(decoder, bytes.subarray(0, cutAt));
    assert.ok(cut.error instanceof EcdcError && cut.error.code === "truncated");
    assert.equal(cut.channels[0]!.length, 2 * 47520 + 480);
    equal(cut.channels.map((c) => c.slice(0, 2 * 47520)), whole, 0, 2 * 47520);
    const bad = bytes.slice();
    bad.fill(0xff, head + segmentPlace(extent, 1).offset);
    const { error, channels } = await decode(decoder, bad);
    assert.ok(error instanceof EcdcError && error.code === "bad-segment", `${error}`);
    assert.equal(channels[0]!.length, 47520 + 480);
  });

  await t.step("a chunk with another number of channels is refused", async () => {
    const mono = encoder.encode(ReadableStream.from([[new Float32Array(10)]]));
    await assert.rejects(mono.next(), RangeError);
  });
});

Deno.test("encodec_24khz", async (t) => {
  const model = "encodec_24khz";
  using codec = await open(model, 8);
  const { decoder, encoder } = codec;

  await t.step("codes and audio are the reference's", async () => {
    const blocks = await Array.fromAsync(encoder.encode(pieces(model, 3333, 1000)));
    assert.equal(hashOf(blocks), "2f9d3f4c21973b49");
    const { channels: [y] } = await decode(decoder, await fileOf(model, 8, 3520, blocks));
    near(y!.slice(0, 4), [-0.38722, -0.188189, -0.207786, -0.090418]);
    near(y!.slice(1000, 1004), [-0.093413, -0.106648, -0.921164, -0.2105]);
    near(y!.slice(-3), [-0.524158, -0.286245, 0.087668]);
    near([rms([y!])], [0.372763]);
  });

  await t.step("streams too short for reflect padding are the reference's", async () => {
    const ten = await fileOf(model, 8, 3200, [{ codes: ramp(10, 8) }]);
    const [long] = (await decode(decoder, ten)).channels;
    near(long!.slice(0, 4), [-0.273307, -0.053222, -0.026518, -0.123427]);
    near(long!.slice(1600, 1603), [-0.191612, 0.187874, -0.431227]);
    near(long!.slice(-3), [0.347044, -0.165161, -0.067698]);
    const three = await fileOf(model, 8, 960, [{ codes: ramp(3, 8) }]);
    const [short] = (await decode(decoder, three)).channels;
    near(short!.slice(0, 4), [-0.299174, -0.088007, -0.121988, -0.030747]);
    near(short!.slice(480, 483), [-0.44256, 0.339995, -0.370046]);
    near(short!.slice(-3), [-0.587816, -0.139517, -0.015047]);
    for (const length of [1, 319, 500, 2239, 2240, 2241]) {
      const blocks = await Array.fromAsync(encoder.encode(pieces(model, length, length)));
      assert.equal(blocks.reduce((sum, b) => sum + b.frames, 0), Math.ceil(length / 320));
    }
  });

  const length = 300 * 320 - 11;
  const blocks = await Array.fromAsync(encoder.encode(pieces(model, length, 5000)));
  const bytes = await fileOf(model, 8, length, blocks);
  const whole = (await decode(decoder, bytes, { batch: 0 })).channels[0]!;

  await t.step("every chunk size gives the same audio and the same codes", async () => {
    assert.equal(whole.length, length);
    for (const options of [{ batch: 1 }, { lowLatency: true }]) {
      const { channels: [other] } = await decode(decoder, bytes, options);
      assert.ok(difference(other!, whole) < 1e-5);
      const again = await Array.fromAsync(encoder.encode(pieces(model, length, 999), options));
      assert.equal(hashOf(again), hashOf(blocks));
    }
  });

  await t.step("decoding a part gives the same samples as decoding all", async () => {
    const edges = [0, 1, 700, 2240, 3200, 24_000, 31_999, 60_001, length - 1, length];
    for (const [i, from] of edges.entries()) {
      const to = edges[(i * 3 + 4) % edges.length]!;
      const { channels: [part] } = await decode(decoder, bytes, { from, to });
      const wanted = whole.slice(from, Math.max(from, to));
      assert.ok(difference(part!, wanted) < 1e-5, `${from} to ${to}`);
    }
  });

  await t.step("a pipe, which only runs forwards, is played from anywhere", async () => {
    for (const [codebooks, from] of [[2, 31_999], [3, 50_001]] as const) {
      const samples = 298 * 320 - 11;
      const file = await fileOf(model, codebooks, samples, [{ codes: ramp(298, codebooks) }]);
      const { channels: [all] } = await decode(decoder, file);
      await using reader = await EcdcReader.open(new Blob([file.slice()]).stream());
      const blocks = await Array.fromAsync(decoder.decode(reader, { from, preroll: 100 }));
      const part = Float32Array.from(blocks.flatMap((b) => [...b.channels[0]!]));
      assert.ok(difference(part, all!.slice(from)) < 1e-5);
    }
  });

  await t.step("a short preroll is close, and a longer one closer", async () => {
    const from = 80_000;
    const errors = await Promise.all([0.1, 1].map(async (preroll) => {
      const { channels: [part] } = await decode(decoder, bytes, { from, preroll });
      return difference(part!, whole.slice(from));
    }));
    assert.ok(errors[0]! > errors[1]! && errors[1]! < 1e-4, `${errors}`);
  });

  await t.step("the first audio needs eight frames", async () => {
    await using reader = await EcdcReader.open(bytes);
    const { value } = await decoder.decode(reader, { lowLatency: true }).next();
    assert.equal(value!.channels[0]!.length, 8 * 320);
  });

  await t.step("calls double up to a second, so that twice real time keeps ahead", async () => {
    await using reader = await EcdcReader.open(bytes);
    const sizes: number[] = [];
    const source = {
      header: reader.header,
      units: reader.units,
      async *blocks(range?: BlockRange) {
        for await (const block of reader.blocks(range)) {
          sizes.push(block.frames);
          yield block;
        }
      },
    };
    await Array.fromAsync(decoder.decode(source));
    assert.deepEqual(sizes, [8, 8, 16, 32, 64, 76, 76, 20]);
  });

  await t.step("a file that is cut off gives its complete frames", async () => {
    const { error, channels } = await decode(decoder, bytes.subarray(0, bytes.length - 1001));
    assert.ok(error instanceof EcdcError && error.code === "truncated");
    const frames = Math.floor((300 * 10 - 1001) / 10);
    assert.equal(channels[0]!.length, frames * 320);
    assert.ok(difference(channels[0]!, whole.slice(0, frames * 320)) < 1e-5);
  });
});

Deno.test("an aborted signal ends decoding at the model's next call", async () => {
  for (const model of ["encodec_24khz", "encodec_48khz"] as const) {
    using codec = await open(model, 2);
    const frames = model === "encodec_24khz" ? 4 * 75 : 150;
    const blocks = Array.from({ length: 4 }, () => ({ codes: ramp(frames, 2), scale: 1 }));
    const bytes = await fileOf(model, 2, 4 * 47520, blocks);
    await using reader = await EcdcReader.open(bytes);
    const abort = new AbortController();
    const decoding = codec.decoder.decode(reader, { batch: 1, signal: abort.signal });
    await decoding.next();
    abort.abort(new Error("enough"));
    await assert.rejects(Array.fromAsync(decoding), { message: "enough" });
  }
});

for (const model of ["encodec_24khz", "encodec_48khz"] as const) {
  for (const half of ["features", "audio"]) {
    Deno.test(`${model}: an aborted signal ends the call that makes ${half}`, async () => {
      const abort = new AbortController();
      const openModel = async (graph: Uint8Array<ArrayBuffer>): Promise<OpenedModel> => {
        const session = await Session.open(graph, { device: "cpu" });
        const isHalf = session.outputs.some(({ name }) => name === half);
        return {
          inputs: session.inputs,
          close: () => session.close(),
          async run(feeds, options) {
            if (isHalf) abort.abort(new Error("enough"));
            const results = await session.run(feeds, options);
            return isHalf ? assert.fail("it ran to its end") : results;
          },
        };
      };
      const spec = small(model);
      const { source: weights } = await golden(model);
      using decoder = await Decoder.open(spec, { weights, openModel });
      const block = { index: 0, start: 0, samples: 800, frames: 100, scale: 1 };
      const blocks = [{ ...block, codes: new Uint16Array(100 * spec.codebooks) }];
      const header = { spec, samples: 800, codebooks: spec.codebooks } as CodeSource["header"];
      const source = { header, units: 1, blocks: () => ReadableStream.from(blocks) };
      const decoding = decoder.decode(source, { signal: abort.signal });
      await assert.rejects(Array.fromAsync(decoding), { message: "enough" });
    });
  }
}

Deno.test("batches of nothing are refused by both models", async () => {
  for (const model of ["encodec_24khz", "encodec_48khz"] as const) {
    using codec = await open(model, 2);
    for (const batch of [0, -1, NaN, 1.5]) {
      assert.throws(() => codec.encoder.encode(pieces(model, 960, 960), { batch }), RangeError);
    }
    const bytes = await fileOf(model, 2, 320, [{ codes: ramp(1, 2), scale: 1 }]);
    for (const options of [{ batch: -1 }, { batch: 1.5 }, { preroll: -1 }, { preroll: NaN }]) {
      const { error } = await decode(codec.decoder, bytes, options);
      assert.ok(error instanceof RangeError, `${error}`);
    }
  }
});

Deno.test("every trained bandwidth encodes and decodes", async () => {
  for (const model of ["encodec_24khz", "encodec_48khz"] as const) {
    const spec = modelSpec(model);
    const options = { weights: syntheticCheckpoint(model), device: "cpu" };
    using decoder = await Decoder.open(model, options);
    const all = await Array.fromAsync(spec.bandwidths, async (bandwidth) => {
      const codebooks = codebooksFor(spec, bandwidth);
      using encoder = await Encoder.open(model, codebooks, options);
      const blocks = await Array.fromAsync(encoder.encode(pieces(model, 960, 960)));
      const { channels } = await decode(decoder, await fileOf(model, codebooks, 960, blocks));
      assert.ok(channels[0]!.length === 960 && channels[0]!.every(Number.isFinite));
      return { codebooks, codes: blocks[0]!.codes };
    });
    // Later codebooks refine what the ones before them chose.
    const most = all.at(-1)!;
    for (const { codebooks, codes } of all) {
      const first = (list: Uint16Array, k: number) => list.subarray(k, k + codebooks);
      assert.deepEqual(first(codes, codebooks), first(most.codes, most.codebooks));
    }
  }
});

Deno.test("a checkpoint of another model is refused by the name of a tensor", async () => {
  const weights = syntheticCheckpoint("encodec_24khz");
  await assert.rejects(
    Decoder.open("encodec_48khz", { weights, device: "cpu" }),
    { name: "OnnxError", code: "weights-mismatch" },
  );
});

/** The first values and the most likely code of each codebook, for three frames. */
const LM_GOLDENS: Record<"encodec_24khz" | "encodec_48khz", [number[], number[]][]> = {
  encodec_24khz: [
    [[0.000281, 0.00008282, 0.00060658, 0.00077105], [121, 429, 852, 249]],
    [[0.00028199, 0.0000476, 0.00047508, 0.00036593], [797, 429, 464, 249]],
    [[0.0001987, 0.00007533, 0.00121274, 0.00026812], [81, 317, 487, 249]],
  ],
  encodec_48khz: [
    [[0.00149139, 0.00629453, 0.00035447, 0.00018532], [24, 88, 824, 652]],
    [[0.00025492, 0.00609816, 0.00034989, 0.00054678], [7, 452, 183, 687]],
    [[0.00007832, 0.00094252, 0.00028249, 0.00074747], [300, 908, 183, 708]],
  ],
};

Deno.test("the language models give the reference's probabilities", async () => {
  for (const model of ["encodec_24khz", "encodec_48khz"] as const) {
    const weights = syntheticCheckpoint(model, "language-model");
    using lm = await LanguageModel.open(model, 4, { weights });
    const run = lm.start();
    for (const [t, [first, likely]] of LM_GOLDENS[model].entries()) {
      const probabilities = await run.next(t === 0 ? undefined : ramp(t, 4).subarray(-4));
      near(probabilities[0]!.slice(0, 4), first, 1e-7);
      assert.deepEqual(probabilities.map((p) => p.indexOf(Math.max(...p))), likely);
    }
    // Attention forgets frames after 3.5 s; past that point the state stops growing.
    if (model === "encodec_24khz") { for (let t = 3; t < 300; t++) await run.next([1, 2, 3, 4]); }
  }
});

/** Codes as an entropy-coded file. */
async function lmFile(model: ModelName, lm: LanguageModel, samples: number, list: Uint16Array[]) {
  const header = new TextDecoder().decode(formatHeader({ model, samples, codebooks: 2 }))
    .replace('"lm": false', '"lm": true ');
  const parts: BlobPart[] = [header];
  for (const codes of list) {
    const coder = new ArithmeticEncoder();
    const run = lm.start();
    for (let t = 0; t < codes.length; t += 2) {
      const before = t === 0 ? undefined : codes.subarray(t - 2, t);
      (await run.next(before)).forEach((p, k) => coder.push(codes[t + k]!, quantizeCdf(p)));
    }
    if (modelSpec(model).segmentation) parts.push(Uint8Array.of(0x3f, 0, 0, 0));
    parts.push(coder.finish());
  }
  return await new Blob(parts).bytes();
}

Deno.test("an entropy-coded file comes back where the probabilities are the encoder's", async () => {
  const model = "encodec_48khz";
  const weights = syntheticCheckpoint(model, "language-model");
  using lm = await LanguageModel.open(model, 2, { weights });
  const codes = [ramp(150, 2), ramp(2, 2)];
  const bytes = await lmFile(model, lm, 47520 + 640, codes);
  await using reader = await EcdcReader.open(bytes);
  assert.throws(() => reader.blocks(), { code: "unsupported" });
  const source = new LmReader(reader, lm);
  const blocks = await Array.fromAsync(source.blocks());
  assert.deepEqual(blocks.map((b) => b.codes), codes);
  assert.deepEqual(await Array.fromAsync(source.blocks({ from: 1 })), [blocks[1]]);
  const damaged = bytes.slice();
  damaged[200]! ^= 1;
  await using other = await EcdcReader.open(damaged);
  await assert.rejects(
    Array.fromAsync(new LmReader(other, lm).blocks()),
    (error) => error instanceof EcdcError && /desynchronised|truncated/.test(error.code),
  );
});

Deno.test("an entropy-coded stream decodes as it arrives, and from any frame", async () => {
  const model = "encodec_24khz";
  const weights = syntheticCheckpoint(model, "language-model");
  using lm = await LanguageModel.open(model, 2, { weights });
  using decoder = await Decoder.open(model, {
    weights: syntheticCheckpoint(model),
    device: "cpu",
  });
  const samples = 100 * 320 - 5;
  const codes = ramp(100, 2);
  const bytes = await lmFile(model, lm, samples, [codes]);
  const play = async (source: Uint8Array | ReadableStream<Uint8Array>, from = 0) => {
    await using reader = await EcdcReader.open(source);
    const blocks = await Array.fromAsync(decoder.decode(new LmReader(reader, lm), { from }));
    return Float32Array.from(blocks.flatMap((b) => [...b.channels[0]!]));
  };
  const [plain] = (await decode(decoder, await fileOf(model, 2, samples, [{ codes }]))).channels;
  assert.deepEqual(await play(new Blob([bytes]).stream()), plain);
  assert.ok(difference(await play(bytes, 20_000), plain!.slice(20_000)) < 1e-5);
  await using reader = await EcdcReader.open(bytes);
  const source = new LmReader(reader, lm);
  for (const [from, to] of [[0, 8], [8, 90], [90, 100], [3, 5]] as const) {
    const read = (await Array.fromAsync(source.blocks({ from, to }))).flatMap((b) => [...b.codes]);
    assert.deepEqual(read, [...codes.subarray(from * 2, to * 2)]);
  }
});
