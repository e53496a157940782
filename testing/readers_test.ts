/** Readers of files: hostile input and large honest input, by the memory that they take. */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { encodePng } from "@vcs/media/image";
import { encodeNpz } from "@vcs/transport/npz";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { checkpointFile, op } from "../packages/onnx/testdata/checkpoint_cases.ts";
import { HAS_PEAKS, peakOf } from "./peak_memory.ts";

type File = () => Uint8Array | Promise<Uint8Array>;

/** A reader, and files of both kinds. */
interface Reader {
  /** The module below packages, and what is done with `bytes`. */
  readonly module: string;
  readonly call: string;
  /** Megabytes that the reader's budget allows it. */
  readonly budget: number;
  /** Files that must end with `limit`. */
  readonly hostile: Readonly<Record<string, File>>;
  /** A large file that must be read, and the megabytes that come out of it. */
  readonly honest: File;
  readonly out: number;
}

const text = (value: string) => new TextEncoder().encode(value);

/** A safetensors file whose header says one thing over and over, about to a length. */
function header(start: string, each: (i: number) => string, end: string, length: number) {
  const parts = [start];
  let size = 0;
  while (size < length) size += parts.at(parts.push(each(parts.length)) - 1)!.length;
  const json = text(parts.join("").replace(/,$/, "") + end);
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** An archive whose pickle says one thing over and over, and is small for that. */
function bomb(code: string, count: number): Promise<Uint8Array> {
  return checkpointFile(code.repeat(count), {}, true);
}

/** Lists of one list twice, over and over: a few bytes with millions of ways through. */
function branches(depth: number): Promise<Uint8Array> {
  const level = (inner: string) => `${inner}q\x010](h\x01h\x01e`;
  let tree = op.list(op.text("x".repeat(20)));
  for (let i = 0; i < depth; i++) tree = level(tree);
  return checkpointFile(tree);
}

function tensors(count: number): Map<string, Tensor> {
  const one = tensor("U8", [1]);
  return new Map(Array.from({ length: count }, (_, i) => [`layers.${i}.attention.weight`, one]));
}

/** An .ecdc header that is one long list of lists. */
function ecdc(length: number): Uint8Array {
  const bytes = text(
    `ECDC\0\0\0\0\0{"m":"encodec_24khz","al":0,"nc":2,"lm":false,"t":[`.padEnd(length, "[],"),
  );
  new DataView(bytes.buffer).setUint32(5, bytes.length - 9);
  return bytes;
}

/** A PNG of one pixel whose header claims another size. */
async function png(width: number, height: number): Promise<Uint8Array> {
  const bytes = await encodePng({ width: 1, height: 1, data: new Uint8Array(3) });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(16, width);
  view.setUint32(20, height);
  view.setUint32(29, crc32(bytes.subarray(12, 29)));
  return bytes;
}

const DAMAGED = [
  "{}",
  "{ acceptDamaged: true }",
];

const READERS: readonly Reader[] = [
  {
    ...{ module: "onnx/checkpoint.ts", call: "openCheckpoint(bytes)", budget: 128 },
    hostile: {
      dictionaries: () => bomb("}", 3_900_000),
      objects: () => bomb(`${op.global("argparse", "Namespace")})\x81`, 300_000),
      memos: () => bomb("N\x94", 1_900_000),
      lists: () => bomb("](N)\x85e", 900_000),
      "ways through a tree": () => branches(24),
    },
    honest: () => encodeSafetensors(tensors(20_000)),
    out: 0,
  },
  {
    ...{ module: "transport/safetensors.ts", call: "readSafetensors(bytes)", budget: 128 },
    hostile: {
      "more than 16 MiB": () => header("{", (i) => `"${i}":{},`, "}", 17 << 20),
      axes: () =>
        header('{"x":{"dtype":"U8","data_offsets":[0,0],"shape":[0', () => ",0", "]}}", 16 << 20),
      texts: () => header('{"__metadata__":{', (i) => `"${i.toString(36)}":"",`, "}}", 15 << 20),
    },
    honest: () => encodeSafetensors(tensors(100_000)),
    out: 30,
  },
  {
    ...{ module: "transport/npz.ts", call: "readNpz(bytes)", budget: 0 },
    hostile: {
      zeros: async () =>
        await encodeNpz(
          new Map(["a", "b", "c"].map((name) => [name, tensor("U8", [360 << 20])])),
          { compress: true },
        ),
    },
    honest: () => encodeNpz({ a: tensor("U8", [100 << 20]) }, { compress: true }),
    out: 100,
  },
  {
    ...{ module: "encodec-stream/ecdc.ts", call: "parseHeader(bytes)", budget: 64 },
    hostile: { "16 MB of lists": () => ecdc(16_000_000) },
    honest: () => {
      const title = "x".repeat(900_000);
      const bytes = text(
        `ECDC\0\0\0\0\0{"m":"encodec_24khz","al":0,"nc":2,"lm":false,"n":"${title}"}`,
      );
      new DataView(bytes.buffer).setUint32(5, bytes.length - 9);
      return bytes;
    },
    out: 1,
  },
  ...DAMAGED.map((options) => ({
    ...{ module: "media/image.ts", call: `decodeImage(bytes, ${options})`, budget: 0, out: 72 },
    hostile: {
      "a high picture": () => png(6, 8_388_614),
      "a large picture": () => png(9000, 9000),
    },
    honest: () => encodePng({ width: 6000, height: 4000, data: new Uint8Array(72_000_000) }),
  })),
];

for (const { module, call, budget, hostile, honest, out } of READERS) {
  const name = /^\w+/.exec(call)![0];
  const script = `import { ${name} } from "${new URL(`../packages/${module}`, import.meta.url)}";
    export default (bytes) => ${call};`;
  const reader = `data:text/javascript,${encodeURIComponent(script)}`;
  Deno.test({
    name: `memory of ${call}`,
    ignore: !HAS_PEAKS,
    async fn(t) {
      for (const [what, make] of Object.entries(hostile)) {
        await t.step(what, async () => {
          const { megabytes, outcome } = await peakOf(reader, await make());
          assert.equal(outcome, "limit");
          const most = 64 + budget;
          assert.ok(megabytes < most, `${megabytes} MB for nothing, at most ${most} are allowed`);
        });
      }
      await t.step("an honest file", async () => {
        const file = await honest();
        const { megabytes, outcome } = await peakOf(reader, file);
        assert.equal(outcome, "read");
        const most = 64 + 4 * (file.length / 2 ** 20 + out);
        assert.ok(megabytes < most, `${megabytes} MB, at most ${most} are allowed`);
      });
    },
  });
}
