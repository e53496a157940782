/** Readers of patch-stream and clip-drift. */
import {
  loadRunEmbeddings,
  openLabels,
  openSource,
  parseRule,
  readRun,
  readRunEmbeddings,
} from "@vcs/clip-drift";
import { readSource } from "@vcs/media";
import { decodeOnly, openFrames } from "@vcs/patch-stream/decode_only";
import { encodeNpz } from "@vcs/transport/npz";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { gzipSync } from "node:zlib";
import eyes from "../../packages/clip-drift/testdata/eyes.json" with { type: "json" };
import vocabulary from "../../packages/clip-drift/testdata/tokenizer.json" with { type: "json" };
import { RANDOM_MERGES, randomClip } from "../../packages/clip-drift/testdata/random_clip.ts";
import { tensorsOf } from "../formula_weights.ts";
import { mjpeg8k, vp8 } from "./media_files.ts";
import { drain, type Reader, text } from "./reader.ts";
import { BOMBS } from "./tensors.ts";

const HUGE_VIDEO = { "a large video": () => vp8(16_383, 16_383, 20) };

/** A folder with a file of given bytes, and its removal. */
async function folderWith(name: string, bytes: Uint8Array) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/${name}`;
  await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeFile(path, bytes);
  const remove = () => Deno.remove(folder, { recursive: true });
  return { folder, path, [Symbol.asyncDispose]: remove };
}

const batch = (bytes: Uint8Array) => folderWith("embeddings/batch_000001.npz", bytes);
const embeddings = (frames: number) =>
  encodeNpz({
    embeddings: tensor("F32", [frames, 512]),
    timestamps: tensor("F64", [frames]),
    frame_indices: tensor("I64", [frames]),
  }, { compress: true });

/** Embeddings whose directory claims gigabytes. */
async function claiming(): Promise<Uint8Array> {
  const bytes = await embeddings(1);
  const at = new TextDecoder("latin1").decode(bytes).indexOf("PK\x01\x02");
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at + 24, 0x7fff_ffff, true);
  return bytes;
}
const HUGE_BATCH = { "gigabytes claimed": claiming };

/** Labels by weights and what the tokenizer is made of, which lie beside each other. */
async function labels(
  weights: Uint8Array,
  tokens: Uint8Array,
  name = "merges.txt",
): Promise<void> {
  await using made = await folderWith("model.safetensors", weights);
  await Deno.writeFile(`${made.folder}/${name}`, tokens);
  const info = { model: "ViT-B-32", pretrained: made.path, device: "cpu", loaded: true };
  await openLabels(["abcd"], { ...info, weights: made.path, embeddingDim: 32, imageSize: 224 });
}

/** Readers of this kind. */
export const READERS: readonly Reader[] = [
  {
    name: "decodeOnly",
    read: (_, path) => decodeOnly({ videoPath: path, sequenceLength: 2 }),
    hostile: HUGE_VIDEO,
    honest: () => mjpeg8k(2),
    out: 200,
  },
  {
    name: "openFrames",
    async read(_, path) {
      await using frames = await openFrames({ videoPath: path, sequenceLength: 2 });
      await drain(frames);
    },
    hostile: HUGE_VIDEO,
    honest: () => mjpeg8k(2),
    out: 100,
  },
  {
    name: "readSource",
    group: "little",
    read: async (_, path) => await drain(await readSource(path)),
    hostile: { "much of nothing": () => new Uint8Array(32 << 20) },
    ends: /^read$/,
    honest: () => new Uint8Array(32 << 20),
    out: 0,
  },
  {
    name: "openSource, of clip-drift",
    group: "little",
    read: (_, path) => drain(openSource(path).frames()),
    hostile: HUGE_VIDEO,
    honest: () => mjpeg8k(8),
    out: 1,
  },
  {
    name: "loadRunEmbeddings",
    group: "little",
    async read(bytes) {
      await using run = await batch(bytes);
      await loadRunEmbeddings(run.folder);
    },
    hostile: HUGE_BATCH,
    ends: /^(limit|format)$/,
    honest: () => embeddings(20_000),
    out: 40,
  },
  {
    name: "readRunEmbeddings",
    group: "little",
    async read(bytes) {
      await using run = await batch(bytes);
      await drain(readRunEmbeddings(run.folder));
    },
    hostile: HUGE_BATCH,
    ends: /^(limit|format)$/,
    honest: () => embeddings(20_000),
    out: 40,
  },
  {
    name: "readRun",
    async read(bytes) {
      await using run = await folderWith("drift.csv", bytes);
      await Deno.copyFile(run.path, `${run.folder}/events.jsonl`);
      await readRun(run.folder);
    },
    hostile: {
      "a line without an end": () => new Uint8Array(32 << 20).fill(44),
      "too many events": () => new Uint8Array(65 << 20).fill(10),
    },
    ends: /^(read|bad-run)$/,
    isApart: true,
    honest: () => text("1700000000.25,123,0.987654,0.012346\n".repeat(100_000)),
    out: 8,
  },
  {
    name: "openLabels, merges",
    read: (bytes) => labels(encodeSafetensors(randomClip()), bytes),
    hostile: {
      "lines of nothing": () => gzipSync(new Uint8Array(16 << 20).fill(10)),
      "a bomb": () => gzipSync(new Uint8Array(500 << 20)),
      "many lines": () => text("a b\n".repeat(5 << 20)),
    },
    ends: /^(SyntaxError|no-weights)$/,
    isApart: true,
    honest: () => text(RANDOM_MERGES),
    out: 0,
  },
  {
    name: "openLabels, vocabulary",
    read: (bytes) =>
      labels(encodeSafetensors(tensorsOf(eyes.siglip.shapes)), bytes, "tokenizer.json"),
    budget: 128,
    hostile: {
      "lists in lists": () => text("[".repeat(3 << 20)),
      "lists": () => text(`[${"[],".repeat(1_000_000)}[]]`),
      "many bytes": () => new Uint8Array(64 << 20).fill(32),
    },
    ends: /^(SyntaxError|no-weights)$/,
    isApart: true,
    honest: () => text(JSON.stringify(vocabulary)),
    out: 0,
  },
  {
    name: "openLabels, weights",
    read: (bytes) => labels(bytes, text(RANDOM_MERGES)),
    budget: 128,
    hostile: { dictionaries: BOMBS.dictionaries },
    isApart: true,
    honest: () => encodeSafetensors(randomClip()),
    out: 0,
  },
  {
    name: "parseRule",
    group: "little",
    read: (bytes) => parseRule(new TextDecoder().decode(bytes)),
    hostile: { "many clauses": () => text("drift > 1" + " for 1s".repeat(20_000)) },
    ends: /^(read|SyntaxError)$/,
    honest: () => text("moved: reference > 0.3 for 2s cooldown 60s clear 0.5"),
    out: 0,
  },
];
