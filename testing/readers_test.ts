/** Readers of files: hostile input and large honest input, by the memory that they take. */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { encodePng } from "@vcs/media/image";
import { encodeNpy } from "@vcs/transport/npy";
import { encodeNpz } from "@vcs/transport/npz";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { checkpointFile, op } from "../packages/onnx/testdata/checkpoint_cases.ts";
import { PACKAGES, readText } from "./house.ts";
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

/** An npy file whose header claims a shape. */
function npy(shape: string): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) +
    "\n";
  return new Uint8Array([0x93, ...text("NUMPY\x01\0"), header.length, 0, ...text(header)]);
}

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
    ...{ module: "transport/npy.ts", call: "readNpy(bytes)", budget: 0 },
    hostile: { "more than there can be": () => npy("9007199254740991, 2") },
    honest: () => encodeNpy(tensor("U8", [100 << 20])),
    out: 0,
  },
  {
    ...{ module: "transport/safetensors.ts", call: "SafetensorsReader.open(bytes)", budget: 128 },
    hostile: { "more than 16 MiB": () => header("{", (i) => `"${i}":{},`, "}", 17 << 20) },
    honest: () => encodeSafetensors(tensors(100_000)),
    out: 30,
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

/** Where the bounds of other readers, decoders and receivers are tested. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  // A view of its bytes; and what is received is bounded before it is allocated.
  decodeMessage: "transport/message_test.ts",
  openReceiver: "transport/channels/tcp/link_test.ts",
  // These read what the ones above read, a part at a time.
  NpyReader: "transport/npy_test.ts",
  NpzReader: "transport/npz_test.ts",
  streamNpy: "transport/npy_test.ts",
  streamSafetensors: "transport/safetensors_test.ts",
  openWav: "media/wav_test.ts",
  MjpegReader: "media/mjpeg_test.ts",
  // FFmpeg's own memory; frames and samples come one at a time.
  VideoReader: "media/video_reader_test.ts",
  decodeAudio: "media/audio_test.ts",
  openAudio: "media/audio_test.ts",
  openLive: "media/live/live_frames_test.ts",
  readSource: "media/decode/read_source_test.ts",
  decodeOnly: "patch-stream/config_test.ts",
  openFrames: "patch-stream/patch_stream_all_test.ts",
  // Segments of a length that the model knows, after a header that is bounded above.
  EcdcReader: "encodec-stream/container/reader_test.ts",
  Decoder: "encodec-stream/codec_test.ts",
  decodeCodes: "encodec-stream/container/edit_test.ts",
  readCodes: "encodec-stream/container/edit_test.ts",
  // Windows are held against the decoder before anything is made of them.
  VideoReceiver: "video-vq/receive_hostile_test.ts",
  TokenDecoder: "video-vq/stream/payload_test.ts",
  decodeWindow: "video-vq/stream/payload_test.ts",
  openDecoder: "video-vq/tiny/tokenizer_test.ts",
  openSource: "video-vq/frames/sources_test.ts",
  FilmReceiver: "together/film/film_receiver_test.ts",
  openFilm: "together/film/film_source_test.ts",
  // Files that this computer wrote, or words of the command line.
  loadRunEmbeddings: "clip-drift/runs/writer_test.ts",
  readRun: "clip-drift/runs/writer_test.ts",
  readRunEmbeddings: "clip-drift/runs/writer_test.ts",
  openLabels: "clip-drift/encoder_test.ts",
  parseRule: "clip-drift/alerts_test.ts",
  parseDevice: "onnx/devices_test.ts",
};

/** Names that belong to what reads bytes of others. */
const READS =
  /^(read|parse|decode|stream|load)[A-Z]|^open(?!Sender$|Encoder$|SoundEncoder$|Output$)|(Reader|Receiver|Decoder)$/;

/** What a package's public modules export that reads. */
async function readersOf(name: string): Promise<string[]> {
  const config = JSON.parse(await readText(`packages/${name}/deno.json`));
  const paths = Object.values<string>(config.exports).filter((p) => !/internal|portable/.test(p));
  const names = await Promise.all(paths.map(async (path) => {
    const module: object = await import(`../packages/${name}/${path}`);
    return Object.keys(module).filter((exported) => READS.test(exported));
  }));
  return [...new Set(names.flat())];
}

Deno.test("every reader, decoder and receiver that is exported has a place in these lists", async () => {
  const here = new Set(READERS.map(({ call }) => /^\w+/.exec(call)![0]));
  const exported = (await Promise.all(PACKAGES.map(readersOf))).flat();
  const unknown = exported.filter((name) => !here.has(name) && !Object.hasOwn(ELSEWHERE, name));
  assert.deepEqual(unknown, [], "add them to READERS");
  const gone = [...here, ...Object.keys(ELSEWHERE)].filter((name) => !exported.includes(name));
  assert.deepEqual(gone, []);
  for (const [name, test] of Object.entries(ELSEWHERE)) {
    assert.match(await readText(`packages/${test}`), new RegExp(`\\b${name}\\b`), test);
  }
});
