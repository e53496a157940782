/** Readers of tensors, checkpoints, messages and words. */
import { parseDevice } from "@vcs/onnx/devices";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { decodeMessage, encodeMessage, message } from "@vcs/transport/message";
import { encodeNpy, NpyReader, readNpy, streamNpy } from "@vcs/transport/npy";
import { encodeNpz, NpzReader, readNpz } from "@vcs/transport/npz";
import {
  encodeSafetensors,
  readSafetensors,
  SafetensorsReader,
  streamSafetensors,
} from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { checkpointFile, op } from "../../packages/onnx/testdata/checkpoint_cases.ts";
import {
  drain,
  LONG_HEADER,
  once,
  type Reader,
  safetensorsHeader,
  smallTensors,
  streamOf,
  text,
} from "./reader.ts";

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

/** Checkpoints that are small, and large once they are read. */
export const BOMBS = {
  dictionaries: once(() => bomb("}", 3_900_000)),
  objects: () => bomb(`${op.global("argparse", "Namespace")})\x81`, 300_000),
  memos: () => bomb("N\x94", 1_900_000),
  lists: () => bomb("](N)\x85e", 900_000),
  "ways through a tree": () => branches(24),
} as const;

/** An npy file whose header claims a shape. */
function npy(shape: string): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) +
    "\n";
  return new Uint8Array([0x93, ...text("NUMPY\x01\0"), header.length, 0, ...text(header)]);
}

const BEYOND_ALL = { "more than there can be": () => npy("9007199254740991, 2") };
const LARGE_NPY = once(() => encodeNpy(tensor("U8", [48, 1 << 20])));
const LARGE_NPZ = once(() => encodeNpz({ a: tensor("U8", [100 << 20]) }, { compress: true }));

const ZEROS = {
  zeros: once(async () =>
    await encodeNpz(
      new Map(["a", "b", "c"].map((name) => [name, tensor("U8", [360 << 20])])),
      { compress: true },
    )
  ),
};

/** A message whose envelope claims a length, and says so again behind it. */
function claiming(length: number): Uint8Array<ArrayBuffer> {
  const bytes = encodeMessage(message(new Uint8Array(1 << 20), {}));
  new DataView(bytes.buffer).setUint32(40, length, true);
  return bytes;
}

/** Readers of this kind. */
export const READERS: readonly Reader[] = [
  {
    name: "openCheckpoint",
    read: async (bytes) => {
      using _ = await openCheckpoint(bytes);
    },
    budget: 128,
    hostile: BOMBS,
    isApart: true,
    honest: () => encodeSafetensors(smallTensors(20_000)),
    out: 0,
  },
  {
    name: "readSafetensors",
    read: (bytes) => readSafetensors(bytes),
    budget: 128,
    hostile: {
      "more than 16 MiB": LONG_HEADER,
      axes: () =>
        safetensorsHeader(
          '{"x":{"dtype":"U8","data_offsets":[0,0],"shape":[0',
          () => ",0",
          "]}}",
          16 << 20,
        ),
      texts: () =>
        safetensorsHeader('{"__metadata__":{', (i) => `"${i.toString(36)}":"",`, "}}", 15 << 20),
    },
    isApart: true,
    honest: () => encodeSafetensors(smallTensors(50_000)),
    out: 15,
  },
  {
    name: "SafetensorsReader",
    read: (bytes) => SafetensorsReader.open(bytes),
    budget: 128,
    hostile: { "more than 16 MiB": LONG_HEADER },
    honest: () => encodeSafetensors(smallTensors(50_000)),
    out: 15,
  },
  {
    name: "streamSafetensors",
    read: (bytes) => drain(streamSafetensors(streamOf(bytes))),
    budget: 128,
    hostile: { "more than 16 MiB": LONG_HEADER },
    honest: () =>
      encodeSafetensors(
        new Map(Array.from({ length: 100 }, (_, i) => [`${i}`, tensor("U8", [1 << 20])])),
      ),
    out: 1,
  },
  { name: "readNpz", read: (bytes) => readNpz(bytes), hostile: ZEROS, honest: LARGE_NPZ, out: 100 },
  {
    name: "NpzReader",
    read: async (_, path) => {
      using reader = await NpzReader.open(path, { maxBytes: 200 << 20 });
      for (const name of reader.names) await reader.read(name);
    },
    hostile: ZEROS,
    honest: LARGE_NPZ,
    out: 100,
  },
  {
    name: "NpzReader, info of an array",
    group: "little",
    read: async (_, path) => {
      using reader = await NpzReader.open(path);
      await reader.info(reader.names[0]!);
    },
    hostile: ZEROS,
    ends: /^read$/,
    honest: LARGE_NPZ,
    out: 0,
  },
  {
    name: "readNpy",
    group: "little",
    read: readNpy,
    hostile: BEYOND_ALL,
    honest: LARGE_NPY,
    out: 0,
  },
  {
    name: "NpyReader",
    group: "little",
    read: async (_, path) => {
      using reader = await NpyReader.open(path);
      await reader.read();
    },
    hostile: BEYOND_ALL,
    honest: LARGE_NPY,
    out: 48,
  },
  {
    name: "streamNpy",
    group: "little",
    read: (bytes) => drain(streamNpy(streamOf(bytes), 1)),
    hostile: { ...BEYOND_ALL, "rows of terabytes": () => npy("1000, 1000000000000") },
    ends: /^(limit|truncated)$/,
    honest: LARGE_NPY,
    out: 1,
  },
  {
    name: "decodeMessage",
    group: "little",
    read: (bytes) => decodeMessage(bytes),
    hostile: { "four gigabytes": () => claiming(0xffff_ffff) },
    honest: () => encodeMessage(message(new Uint8Array(64 << 20), {})),
    out: 0,
  },
  {
    name: "parseDevice",
    group: "little",
    read: (bytes) => parseDevice(new TextDecoder().decode(bytes)),
    hostile: { "a long word": () => text("cuda:".padEnd(1 << 20, "1")) },
    ends: /^RangeError$/,
    honest: () => text("cuda:12"),
    out: 0,
  },
];
