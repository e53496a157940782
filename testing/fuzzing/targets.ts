/**
 * Every parser of bytes that strangers may have made. `corpus_test.ts` reads their corpora, and
 * `deno task fuzz` searches for more.
 *
 * @module
 */
import { EcdcReader, EcdcWriter } from "@vcs/encodec-stream/ecdc";
import { decodeImage, encodeJpeg, encodePng } from "@vcs/media/image";
import { MjpegReader } from "@vcs/media/mjpeg";
import { encodeWav, openWav } from "@vcs/media/wav";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { decodeMessage, encodeMessage, message } from "@vcs/transport/message";
import { encodeNpy, readNpy } from "@vcs/transport/npy";
import { encodeNpz, readNpz } from "@vcs/transport/npz";
import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { openByteSource, ZipReader } from "@vcs/transport/portable";
import { createHash } from "node:crypto";
import { Authenticator } from "../../packages/clip-drift/camera/auth.ts";
import {
  FRAME,
  frameControl,
  frameMessage,
  FrameReader,
  HEADER_SIZE,
} from "../../packages/transport/channels/tcp/frames.ts";
import { parseStrictJson } from "../../packages/transport/formats/strict_json.ts";
import { tarFiles } from "../../packages/transport/parts/tar.ts";
import { decodeFrame } from "../../packages/transport/site/frames.ts";
import { messageWindow } from "../../packages/video-vq/stream/window_message.ts";
import { goodMessage } from "../../packages/video-vq/testing/hostile.ts";
import { tarBytes } from "../tarball.ts";
import { KEPT } from "./targets_kept.ts";
import { PIECES } from "./targets_pieces.ts";
import { SPOKEN } from "./targets_spoken.ts";
import { latin1, type Part, pieces, type Target } from "./target.ts";

const sha256 = (bytes: ArrayBufferView) =>
  createHash("sha256").update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .digest("hex");

function partsOf(tensors: Iterable<readonly [string, Tensor]>): Part[] {
  return [...tensors].map(([name, { dtype, shape, data }]) =>
    [name, dtype, shape, sha256(data)] as const
  ).sort(([a], [b]) => a < b ? -1 : 1);
}

/** Files beside the tests of packages. */
function files(...paths: string[]): Promise<Uint8Array[]> {
  return Promise.all(
    paths.map((path) => Deno.readFile(new URL(`../../packages/${path}`, import.meta.url))),
  );
}

const some = {
  a: tensor("F32", [2, 3], new Float32Array([1, 2, 3, 4, 5, 6])),
  b: tensor("I64", []),
};

const picture = { width: 9, height: 7, data: new Uint8Array(9 * 7 * 3).map((_, i) => i * 5) };

/** Readers of files. */
const FILES: readonly Target[] = [
  {
    name: "safetensors",
    reference: "safetensors",
    seeds: async () => [
      encodeSafetensors(some, { k: "v" }),
      ...await files("transport/testdata/python.safetensors"),
    ],
    words: [
      '"__metadata__"',
      '"dtype":"F32"',
      '"shape":[',
      '"data_offsets":[0,',
      "2.0",
      "-0",
      "1e3",
      "BF16",
      "F4",
      '"',
      "\\u0000",
      "{",
      "]}}",
    ],
    read: (bytes) => partsOf(readSafetensors(bytes).tensors),
  },
  {
    name: "npy",
    reference: "npy",
    seeds: async () => [
      encodeNpy(some.a),
      ...await files(
        ...["big_endian", "bool", "c64", "f16", "fortran", "i64_scalar", "u16_empty"].map((
          name,
        ) => `transport/testdata/numpy_${name}.npy`),
      ),
    ],
    words: [
      "'descr'",
      "'<f4'",
      "'>i8'",
      "'|b1'",
      "'fortran_order': True",
      "'shape': (",
      ",)",
      "3L",
      "\x93NUMPY",
      "[('a', '<f4')]",
      "'|O'",
    ],
    read: (bytes) => partsOf([["", readNpy(bytes)]]),
  },
  {
    name: "npz",
    reference: "npz",
    seeds: async () => [
      await encodeNpz(some),
      ...await files(
        "transport/testdata/numpy_stored.npz",
        "transport/testdata/numpy_deflated.npz",
      ),
    ],
    words: [
      "PK\x01\x02",
      "PK\x03\x04",
      "PK\x05\x06",
      "PK\x06\x06",
      "PK\x06\x07",
      "\x08\0",
      ".npy",
      "a.npy",
    ],
    read: async (bytes) => partsOf(await readNpz(bytes)),
  },
  {
    name: "zip",
    reference: "zip",
    seeds: async () => [await encodeNpz({ a: some.b }), await encodeNpz(some, { compress: true })],
    words: [
      "PK\x01\x02",
      "PK\x03\x04",
      "PK\x05\x06",
      "PK\x06\x06",
      "PK\x06\x07",
      "\x01\0\x18\0",
      "\x08\0",
      "../x",
    ],
    async read(bytes) {
      const zip = await ZipReader.open(await openByteSource(bytes));
      const parts: Part[] = [];
      for (const [name, entry] of zip.entries) {
        if (entry.size > 1e6) continue;
        parts.push([name, "", [entry.size], sha256(await zip.read(entry))]);
      }
      return parts.sort(([a], [b]) => a < b ? -1 : 1);
    },
  },
  {
    name: "checkpoint",
    reference: "torch",
    seeds: () =>
      files(
        ...["torch_legacy.pt", "torch_no_crc.pt", "torch_protocol4.pt", "torchscript.pt"].map((
          name,
        ) => `onnx/testdata/${name}`),
      ),
    words: [
      "ctorch\nFloatStorage\n",
      "ctorch._utils\n_rebuild_tensor_v2\n",
      "ccollections\nOrderedDict\n",
      "cos\nsystem\n",
      "X\x05\0\0\0",
      "(",
      "t",
      "R",
      "Q",
      "q\0",
      "h\0",
      "\x80\x02",
      "\x8a\x08",
      "u.",
      "PK\x06\x06",
    ],
    async read(bytes) {
      using checkpoint = await openCheckpoint(bytes);
      // PyTorch's loader of weights does not read those.
      const isComparable = checkpoint.format !== "torchscript";
      const all: [string, Tensor][] = [];
      for (const name of checkpoint.names) all.push([name, await checkpoint.read(name)]);
      return isComparable ? partsOf(all) : undefined;
    },
  },
  {
    name: "ecdc",
    async seeds() {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      const write = (bytes: Uint8Array) => Promise.resolve(void parts.push(new Uint8Array(bytes)));
      const writer = new EcdcWriter({ write }, {
        model: "encodec_24khz",
        codebooks: 2,
        title: "a",
      });
      await writer.write({ codes: Uint16Array.of(1, 2, 3, 4) });
      await writer.close(640);
      return [await new Blob(parts).bytes()];
    },
    words: [
      "ECDC",
      '"m":"encodec_48khz"',
      '"al":',
      '"nc":32',
      '"lm":true',
      "1e999",
      "-1",
      "NaN",
      "[[",
      "\xc0",
      "\xc1",
    ],
    async read(bytes) {
      await using reader = await EcdcReader.open(bytes);
      for await (const _ of reader.blocks({ chunk: 1000 }));
    },
  },
  {
    name: "wav",
    seeds: () => [
      encodeWav([Float32Array.of(0, 0.5, -0.5)], { sampleRate: 8000 }),
      encodeWav([Float32Array.of(0), Float32Array.of(1)], { sampleRate: 48000, format: "f32" }),
    ],
    words: ["RIFF", "RF64", "WAVE", "fmt ", "data", "ds64", "LIST", "\xfe\xff", "\x12\0\0\0"],
    async read(bytes) {
      const { chunks } = await openWav(ReadableStream.from(pieces(bytes)));
      for await (const _ of chunks);
    },
  },
  {
    name: "image",
    reference: "image",
    seeds: async () => [await encodePng(picture), await encodeJpeg(picture)],
    words: [
      "\xff\xc0",
      "\xff\xc4",
      "\xff\xd8",
      "\xff\xd9",
      "\xff\xda",
      "IHDR",
      "IDAT",
      "PLTE",
      "IEND",
      "GIF89a",
      "RIFF",
      "WEBPVP8 ",
    ],
    async read(bytes): Promise<Part[]> {
      const { width, height } = await decodeImage(bytes, { maxPixels: 1e6 });
      return [["", "", [width, height], ""]];
    },
  },
];

function messageFrame(encoded: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + encoded.length);
  bytes.set(encoded, HEADER_SIZE);
  return frameMessage(bytes.subarray(HEADER_SIZE), 1);
}

/** Readers of what peers send. */
const PEERS: readonly Target[] = [
  {
    name: "message",
    seeds: () => [
      encodeMessage(message(Uint8Array.of(1, 2, 3), { sequence: 7, end: true })),
      encodeMessage(message(new Uint8Array(0))),
    ],
    words: ["VCSM", "\x01", "\xff\xff\xff\xff\xff\xff\xff\x7f", "\0\0\0\0\0\0\0\x80"],
    read: (bytes) => void encodeMessage(decodeMessage(bytes)),
  },
  {
    name: "window",
    seeds:
      () => [encodeMessage(goodMessage(1)), encodeMessage(goodMessage(2, { side: 1, end: true }))],
    words: ["VCSM", "\x12\0", "\x05\0", "\xff\xff\xff\xff", "\0\0\xc0\x7f"],
    read: (bytes) => void messageWindow(decodeMessage(bytes)),
  },
  {
    name: "tcp-frames",
    seeds: () => [
      new Uint8Array([...frameControl(FRAME.accept, 7), ...frameControl(FRAME.bye)]),
      messageFrame(encodeMessage(message(new Uint8Array(9)))),
    ],
    words: ["VCSM", "\0\0\0\0", "\xff\xff\xff\xff"],
    async read(bytes) {
      let at = 0;
      const read = (into: Uint8Array) => {
        const piece = bytes.subarray(at, at + into.length);
        into.set(piece);
        at += piece.length;
        return Promise.resolve(piece.length || null);
      };
      const frames = new FrameReader({ read }, 1000);
      while (await frames.next());
    },
  },
  {
    name: "websocket",
    seeds: () => [
      latin1("\x81\x82\x01\x02\x03\x04ab"),
      latin1("\x88\x82\0\0\0\0\x03\xe8"),
      latin1("\x89\x80\0\0\0\0"),
    ],
    words: ["\x81", "\x82\xfe\0\x7e", "\x82\xff\0\0\0\0\0\x01\0\0", "\xfe", "\x09"],
    read(bytes) {
      for (let rest: Uint8Array = bytes, frame; (frame = decodeFrame(rest));) {
        rest = rest.subarray(frame.size);
      }
    },
  },
  {
    name: "mjpeg",
    seeds: async () => {
      const jpeg = await encodeJpeg(picture);
      const head = latin1(
        `--f\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`,
      );
      return [await new Blob([head, jpeg, "\r\n", head, jpeg, "\r\n--f--\r\n"]).bytes()];
    },
    words: [
      "--f\r\n",
      "Content-Length: 99999999999\r\n",
      "content-length:-1\r\n",
      "\r\n\r\n",
      "\xff\xd8\xff",
      "\xff\xd9",
      "\xff\xda",
    ],
    read(bytes) {
      const reader = new MjpegReader();
      const size = [...reader.push(bytes), ...reader.end()]
        .reduce((sum, { data }) => sum + data.length, 0);
      if (size > bytes.length) throw new RangeError("frames are longer than what came");
    },
  },
  {
    name: "challenge",
    seeds: () => [
      latin1(
        'Digest realm="a \\" b", nonce="n", qop="auth,auth-int", algorithm=MD5-sess, Basic realm=x',
      ),
    ],
    words: [
      'realm="',
      "nonce=",
      "stale=true",
      "algorithm=SHA-256",
      "qop=",
      "Basic",
      "Digest ",
      "\\",
      ",,",
    ],
    read(bytes) {
      const auth = new Authenticator({ user: "u", password: "p" });
      auth.challenge(new TextDecoder("latin1").decode(bytes));
      if (/[\r\n]/.test(auth.header("GET", "/") ?? "")) throw new RangeError("two lines");
    },
  },
  {
    name: "tar",
    seeds: () => [
      tarBytes([{ path: "package/a.js", content: "one" }, {
        path: "x",
        type: "x",
        content: "18 path=package/b\n",
      }, { path: "package/b", content: "two" }]),
    ],
    words: [
      "package/",
      "../",
      "/etc/x",
      "ustar\x0000",
      "0000777\0",
      "99 path=",
      "\x80\0\0\0\0\0\0\0",
    ],
    async read(bytes) {
      for await (const { path } of tarFiles(ReadableStream.from(pieces(bytes)), "x")) {
        if (/^\/|\\|:|(^|\/)\.\.(\/|$)/.test(path)) throw new RangeError(`${path} leads out`);
      }
    },
  },
  {
    name: "json",
    seeds:
      () => [latin1('{"a":[1,-2.5e3,true,null,"x\\u00e9\\n"],"b":{"c":{}}}'), latin1("[[[[]]]]")],
    words: [
      '"a":',
      "\\ud83d",
      "\\ude00",
      "1e999",
      "-0",
      "[",
      "{",
      "}",
      ",",
      "\\x",
      "\u0000",
      "01",
      ".5",
    ],
    read: (bytes) =>
      void parseStrictJson(new TextDecoder().decode(bytes), {
        maxDepth: 20,
        what: "x",
        maxKeys: 100,
      }),
  },
];

/** All targets. */
export const TARGETS: readonly Target[] = [...FILES, ...PEERS, ...PIECES, ...KEPT, ...SPOKEN];
