/**
 * Parsers of what comes in pieces: streams of files, answers of cameras, handshakes, coded windows.
 *
 * @module
 */
import {
  ArithmeticDecoder,
  ArithmeticEncoder,
  quantizeCdf,
} from "../../packages/encodec-stream/lm/arithmetic_coder.ts";
import { encodeJpeg } from "@vcs/media/image";
import { encodeNpy, readNpy, streamNpy } from "@vcs/transport/npy";
import { encodeSafetensors, readSafetensors, streamSafetensors } from "@vcs/transport/safetensors";
import { tensor, tensorBytes } from "@vcs/transport/tensor";
import { readAnswer } from "../../packages/clip-drift/camera/http.ts";
import { parseMotionVectors } from "../../packages/media/decode/motion_vectors.ts";
import { JpegWalker } from "../../packages/media/formats/jpeg_walker.ts";
import { withExtraRow } from "../../packages/media/formats/extra_row.ts";
import { withoutStrayBytes } from "../../packages/media/formats/stray_bytes.ts";
import { FRAME, frameControl } from "../../packages/transport/channels/tcp/frames.ts";
import { handshake } from "../../packages/transport/channels/tcp/link.ts";
import { zmtpHandshake } from "../../packages/transport/channels/zmq/zmtp.ts";
import type { Conn } from "../../packages/transport/flow/places.ts";
import {
  decodeWindow,
  encodeWindow,
  PAYLOAD_HEADER_SIZE,
  type TokenWindow,
  type WindowVersion,
} from "../../packages/video-vq/stream/payload.ts";
import { TokenDecoder, TokenEncoder } from "../../packages/video-vq/coder/range_coder.ts";
import { packedSize } from "../../packages/video-vq/stream/tokens.ts";
import { random } from "../fuzz.ts";
import { latin1, pieces, type Target } from "./target.ts";

const stream = (bytes: Uint8Array<ArrayBuffer>) => ReadableStream.from(pieces(bytes, 7, 1, 300));

const sumOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);

/** A connection whose other end has said all that it says. */
function connection(bytes: Uint8Array): Conn {
  let at = 0;
  return {
    read(into) {
      const piece = bytes.subarray(at, at + into.length);
      into.set(piece);
      at += piece.length;
      return Promise.resolve(piece.length || null);
    },
    write: ({ length }) => Promise.resolve(length),
    close() {},
    closeWrite: () => Promise.resolve(),
  } as Partial<Conn> as Conn;
}

const hello = { id: "00000000000000aa", peerId: "0".repeat(16), received: 0, credits: 8 } as const;

function helloFrame(version: number, role: number): Uint8Array {
  const body = new Uint8Array(52);
  body.set([0x56, 0x43, 0x53, 0x54, version, role, 0, 0, 8]);
  body.fill(7, 12, 20);
  return frameControl(FRAME.hello, 0, body);
}

function zmtpGreeting(): Uint8Array<ArrayBuffer> {
  const greeting = new Uint8Array(64);
  greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 0x4e, 0x55, 0x4c, 0x4c]);
  const ready = latin1("\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL");
  return new Uint8Array([...greeting, ...ready, ...latin1("\0\x03one\x01\x03two\0\x01x")]);
}

function windows(): Uint8Array[] {
  const shape = { channels: 18, frames: 5, height: 2, width: 2 };
  const next = random(1);
  const packed = Uint8Array.from({ length: packedSize(shape) }, () => next() < 0.9 ? 0 : 1);
  const window: TokenWindow = {
    tokens: { shape, packed },
    ...{ validFrames: 17, width: 16, height: 16, frameRate: [25, 1] },
    times: Array.from({ length: 18 }, (_, i) => i / 25),
    ...{ capturedAt: 1e12, encodeSeconds: 0.1, sentAt: 1e12 },
  };
  return [1, 2].flatMap((version) => [
    encodeWindow(window, undefined, true, version as WindowVersion),
    encodeWindow(window, new TokenEncoder(), true, version as WindowVersion),
  ]);
}

const CDF = quantizeCdf(Float32Array.of(0.5, 0.25, 0.2, 0.05));

function coded(): Uint8Array {
  const encoder = new ArithmeticEncoder();
  for (let i = 0; i < 60; i++) encoder.push(i * 7 % 4, CDF);
  return encoder.finish();
}

/** Parsers of what comes in pieces. */
export const PIECES: readonly Target[] = [
  {
    name: "safetensors-stream",
    seeds:
      () => [encodeSafetensors({ a: tensor("U8", [3]), b: tensor("F32", [2, 2]) }, { k: "v" })],
    words: ['"dtype":"U8"', '"shape":[', '"data_offsets":[0,', "3]", "]}}", "BOOL", "F4"],
    async read(bytes) {
      const all = await Array.fromAsync(streamSafetensors(stream(bytes)));
      const { tensors } = readSafetensors(bytes);
      const isSame = all.length === tensors.size &&
        all.every(([name, part]) => same(part, tensors.get(name)));
      if (!isSame) throw new RangeError("the stream gives something else than the file");
    },
  },
  {
    name: "npy-stream",
    seeds: () => [encodeNpy(tensor("F32", [5, 2])), encodeNpy(tensor("I64", []))],
    words: ["'descr'", "'<f4'", "'fortran_order': True", "'shape': (", ",)", "(0, 9)", "\x93NUMPY"],
    async read(bytes) {
      const parts = await Array.fromAsync(streamNpy(stream(bytes), 2));
      const whole = readNpy(bytes);
      const length = sumOf(parts.map(tensorBytes));
      if (length !== tensorBytes(whole).length) throw new RangeError("the stream is another file");
    },
  },
  {
    name: "camera-http",
    seeds: () => [
      latin1("HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\nabcd"),
      latin1(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
          "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
      ),
      latin1("ICY 200\nContent-type : multipart/x-mixed-replace;boundary=f\n\n--f\nx: y\n\n"),
      latin1("\xff\xd8\xff\xe0\0\x10JFIF"),
    ],
    words: [
      "HTTP/1.1 ",
      "ICY ",
      "\r\n\r\n",
      "\n\n",
      "\0",
      " :",
      "Content-Length:",
      "99999999999999",
      "Transfer-Encoding:chunked",
      "ffffffff\r\n",
      "0\r\n",
      "--f",
      "\t",
      "-1",
    ],
    async read(bytes) {
      const { body, status } = await readAnswer(pieces(bytes, 5, 1, 40), "http://camera/");
      const parts = await Array.fromAsync(body);
      if (sumOf(parts) > bytes.length) throw new RangeError("the body is longer than what came");
      if (!(status >= 200 && status <= 999)) throw new RangeError(`status ${status}`);
    },
  },
  {
    name: "tcp-handshake",
    seeds: () => [new Uint8Array([...helloFrame(1, 1), ...frameControl(FRAME.welcome)])],
    words: ["VCST", "\x01\x01\0\0", "secret", "busy", "\xff\xff\xff\xff", "\0\0\0\0\0\0\0\x80"],
    async read(bytes) {
      for (const end of ["connector", "listener"] as const) {
        using link = await handshake(connection(bytes), end, {
          hello: { ...hello, role: "sender" },
          ...{ secret: undefined, maxPayload: 1000, heartbeat: 1e6 },
          signal: new AbortController().signal,
        });
        if (link.peer.credits < 1) throw new RangeError("a peer without credits");
      }
    },
  },
  {
    name: "zmtp",
    seeds: () => [zmtpGreeting()],
    words: [
      "READY",
      "Socket-Type",
      "PULL",
      "\x04\x05PING",
      "\x06\0\0\0\0\0\0\0\x05",
      "\x02",
      "\xff\xff\xff\xff\xff\xff\xff\xff",
      "\x01\x00",
      "X-VCS-Credits\0\0\0\x019",
    ],
    async read(bytes) {
      using peer = await zmtpHandshake(connection(bytes), {
        ...{ type: "PUSH", credits: 8, maxMessage: 1000 },
        signal: new AbortController().signal,
      });
      for (let item = await peer.read(); item; item = await peer.read());
    },
  },
  {
    name: "coded-window",
    seeds: windows,
    words: ["\x01\x01\x11", "\x12\0", "\x05\0", "\0\x01", "\xff\xff", "\0\0\xc0\x7f", "\x02"],
    read(bytes) {
      const coder = new TokenDecoder();
      const { tokens } = decodeWindow(bytes, 0, coder, true);
      coder.decode(bytes.subarray(PAYLOAD_HEADER_SIZE), tokens.shape, false);
      if (tokens.packed.length !== packedSize(tokens.shape)) throw new RangeError("odd tokens");
    },
  },
  {
    name: "arithmetic-coder",
    seeds: () => [coded()],
    words: ["\0\0\0\0", "\xff\xff\xff\xff", "\x01", "\x80"],
    read(bytes) {
      const decoder = new ArithmeticDecoder();
      const half = bytes.length >> 1;
      decoder.feed(bytes.subarray(0, half));
      decoder.feed(bytes.subarray(half));
      for (let i = 0; i < 60; i++) {
        if (CDF[decoder.pull(CDF)] === undefined) throw new RangeError("no such symbol");
      }
      if (decoder.rest.length > bytes.length) throw new RangeError("more is left than came");
    },
  },
  {
    name: "jpeg-end",
    seeds: async () => [await encodeJpeg({ width: 9, height: 7, data: new Uint8Array(9 * 7 * 3) })],
    words: [
      "\xff\xd8",
      "\xff\xd9",
      "\xff\xda",
      "\xff\xff",
      "\xff\0",
      "\xff\xd3",
      "\xff\xe0\0\x02",
      "\xff\xe0\0\0",
      "\xff\xe0\xff\xff",
    ],
    read(bytes) {
      const whole = new JpegWalker();
      const state = whole.walk(bytes);
      const grown = new JpegWalker();
      for (let length = 0; length < bytes.length; length += 3) {
        grown.walk(bytes.subarray(0, length));
      }
      const inPieces = grown.walk(bytes);
      const isOther = state !== "more" && grown.offset !== whole.offset;
      if (inPieces !== state || isOther) {
        throw new RangeError(`${state} at ${whole.offset}, in pieces at ${grown.offset}`);
      }
      if (withoutStrayBytes(bytes).length > bytes.length) throw new RangeError("more than came");
      const { bytes: taller = bytes } = withExtraRow(bytes) ?? {};
      if (taller.length !== bytes.length) throw new RangeError("another length");
    },
  },
  {
    name: "motion-vectors",
    seeds: () => [new Uint8Array(80)],
    words: ["\0\0", "\xff\xff\xff\xff", "\x04\0"],
    read(bytes) {
      const { length, dx } = parseMotionVectors(bytes);
      if (length * 40 > bytes.length || !dx.every(Number.isFinite)) throw new RangeError("odd");
    },
  },
];

function same(one: Parameters<typeof tensorBytes>[0], other?: Parameters<typeof tensorBytes>[0]) {
  if (other === undefined || one.dtype !== other.dtype) return false;
  const [bytes, wanted] = [tensorBytes(one), tensorBytes(other)];
  return bytes.length === wanted.length && bytes.every((byte, at) => byte === wanted[at]);
}
