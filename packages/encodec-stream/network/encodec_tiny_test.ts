import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { encodeWav } from "@vcs/media/wav";
import { type Checkpoint, openCheckpoint } from "@vcs/onnx/checkpoint";
import { readSafetensors } from "@vcs/transport/safetensors";
import { availableModel } from "./catalog.ts";
import { Decoder } from "../decoder.ts";
import { type CodeBlock, EcdcReader } from "../container/reader.ts";
import { EcdcWriter } from "../container/writer.ts";
import { Encoder } from "../encoder.ts";
import { formatHeader } from "../container/header.ts";
import { CODEC_MODELS } from "./catalog.ts";
import { codebooksFor, modelSpec, TINY_MODEL } from "../models.ts";
import { PARTS_HERE } from "#testing/parts_here.ts";

const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const weights = () => openCheckpoint(pathOf(`../weights/${TINY_MODEL}.safetensors`));

/** A sound with the codes and the audio that the trained PyTorch network makes of it. */
function golden() {
  const { tensors } = readSafetensors(
    Deno.readFileSync(pathOf("../testdata/encodec_tiny.safetensors")),
  );
  return {
    audio: tensors.get("audio")!.data as Float32Array,
    codes: Array.from(tensors.get("codes")!.data as Int32Array),
    decoded: tensors.get("decoded")!.data as Float32Array,
  };
}

async function* pieces(audio: Float32Array, size: number) {
  for (let at = 0; at < audio.length; at += size) {
    yield await Promise.resolve([audio.subarray(at, at + size)]);
  }
}

const codesOf = (blocks: readonly CodeBlock[]) => blocks.flatMap((b) => Array.from(b.codes));

async function fileOf(blocks: readonly CodeBlock[], codebooks: number) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const write = (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice()));
  const samples = blocks.reduce((sum, b) => sum + b.samples, 0);
  const writer = new EcdcWriter({ write }, { model: TINY_MODEL, codebooks, samples });
  for (const block of blocks) await writer.write(block);
  await writer.close(samples);
  return await new Blob(parts).bytes();
}

async function decoded(decoder: Decoder, bytes: Uint8Array, from = 0) {
  await using reader = await EcdcReader.open(bytes);
  assert.equal(reader.header.model, TINY_MODEL);
  const blocks = await Array.fromAsync(decoder.decode(reader, { from }));
  return blocks.flatMap(({ channels }) => Array.from(channels[0]!));
}

function furthest(found: readonly number[], wanted: Float32Array): number {
  assert.equal(found.length, wanted.length);
  return found.reduce((worst, v, i) => Math.max(worst, Math.abs(v - wanted[i]!)), 0);
}

async function withModel(
  codebooks: number,
  use: (encoder: Encoder, decoder: Decoder) => Promise<void>,
) {
  using checkpoint: Checkpoint = await weights();
  const options = { weights: checkpoint, device: "cpu" };
  using encoder = await Encoder.open(TINY_MODEL, codebooks, options);
  using decoder = await Decoder.open(TINY_MODEL, options);
  await use(encoder, decoder);
}

Deno.test("encodec-tiny: codes and audio are those of the trained PyTorch network", async () => {
  const { audio, codes, decoded: wanted } = golden();
  await withModel(8, async (encoder, decoder) => {
    const blocks = await Array.fromAsync(encoder.encode(pieces(audio, audio.length)));
    assert.deepEqual(codesOf(blocks), codes);
    const found = await decoded(decoder, await fileOf(blocks, 8));
    assert.ok(furthest(found, wanted.subarray(0, audio.length)) < 1e-4);
  });
});

Deno.test("encodec-tiny: a stream gives what the whole gives, from any place", async () => {
  const { audio, codes, decoded: wanted } = golden();
  await withModel(8, async (encoder, decoder) => {
    for (const size of [1000, 7777]) {
      const settings = { lowLatency: size === 1000 };
      const blocks = await Array.fromAsync(encoder.encode(pieces(audio, size), settings));
      assert.deepEqual(codesOf(blocks), codes);
      const found = await decoded(decoder, await fileOf(blocks, 8), 5000);
      assert.ok(furthest(found, wanted.subarray(5000, audio.length)) < 1e-4);
    }
  });
});

Deno.test("encodec-tiny: every bandwidth encodes and decodes, the more the closer", async () => {
  const { audio } = golden();
  const spec = modelSpec(TINY_MODEL);
  const errors: number[] = [];
  for (const bandwidth of spec.bandwidths) {
    const books = codebooksFor(spec, bandwidth);
    await withModel(books, async (encoder, decoder) => {
      const blocks = await Array.fromAsync(encoder.encode(pieces(audio, 4000)));
      const found = await decoded(decoder, await fileOf(blocks, books));
      errors.push(found.reduce((sum, v, i) => sum + (v - audio[i]!) ** 2, 0));
    });
  }
  assert.ok(errors[0]! > errors[1]! && errors[1]! > errors[2]!, `${errors}`);
});

Deno.test("encodec-tiny: the weights are those that the specification lists, and small", async () => {
  using checkpoint = await weights();
  const shapes = await CODEC_MODELS.find(TINY_MODEL)!.tensors!();
  assert.deepEqual([...shapes.keys()].sort(), [...checkpoint.names].sort());
  for (const [name, shape] of shapes) assert.deepEqual(checkpoint.info(name).shape, shape, name);
  assert.equal(checkpoint.metadata.get("name"), TINY_MODEL);
  const { local, right } = await CODEC_MODELS.verify(TINY_MODEL);
  assert.deepEqual([local.owner, right], ["package", true]);
  assert.ok((await Deno.stat(pathOf(`../weights/${TINY_MODEL}.safetensors`))).size <= 4_000_000);
});

Deno.test("Encoder.open() takes what is on this machine", async () => {
  using encoder = await Encoder.open();
  assert.equal(encoder.spec.name, await availableModel("encodec_24khz"));
});

/** Runs the command where no official weights are and none may be fetched. */
async function run(folder: string, args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", pathOf("../mod.ts"), ...args],
    env: { ...PARTS_HERE, NO_COLOR: "1", VCS_CACHE: folder, TORCH_HOME: folder, VCS_OFFLINE: "1" },
  }).output();
  return { code, stdout, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("the command uses encodec-tiny where no official weights are, and says so", async (t) => {
  const folder = await Deno.makeTempDir();
  const { audio } = golden();
  const song = `${folder}/song.wav`;
  const file = `${folder}/song.ecdc`;
  await Deno.writeFile(
    song,
    encodeWav([audio as Float32Array<ArrayBuffer>], { sampleRate: 24000 }),
  );

  await t.step("encoding names the model in one line and in the header", async () => {
    const { code, stderr } = await run(folder, ["-b", "3", "--input", song, "-e", file]);
    assert.equal(code, 0, stderr);
    const notes = stderr.split("\n").filter((line) => line.includes(TINY_MODEL));
    assert.equal(notes.length, 1, stderr);
    assert.match(notes[0]!, /encodec_48khz is not on this machine/);
    await using reader = await EcdcReader.open(file);
    const { model, codebooks, rate } = reader.header;
    assert.deepEqual([model, codebooks, rate], [TINY_MODEL, 4, 24000]);
  });

  await t.step("decoding needs nothing else", async () => {
    const { code, stdout, stderr } = await run(folder, ["-d", file]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.length, audio.length * 2 * 4);
  });

  await t.step("more than its highest bitrate becomes that", async () => {
    const { code, stderr } = await run(folder, ["--input", song, "-e", file]);
    assert.equal(code, 0, stderr);
    await using reader = await EcdcReader.open(file);
    const { codebooks, rate, bitrate } = reader.header;
    assert.deepEqual([codebooks, rate, bitrate], [8, 24000, 6]);
  });

  await t.step("files of the published models still want their own weights", async () => {
    const header = { model: "encodec_24khz", samples: 320, codebooks: 2 } as const;
    await Deno.writeFile(file, await new Blob([formatHeader(header), new Uint8Array(3)]).bytes());
    const { code, stderr } = await run(folder, ["-d", file]);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot find encodec_24khz on this machine/);
    assert.equal(
      (await run(folder, ["--model", "encodec_24khz", "--input", song, "-e", file])).code,
      1,
    );
  });

  await Deno.remove(folder, { recursive: true });
});
