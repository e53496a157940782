/**
 * Parsers of what cameras' streams, model servers, senders and other processes' watches say, and of
 * small files that people hand on.
 *
 * @module
 */
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { decodeMessage, encodeMessage, type Message, message } from "@vcs/transport/message";
import { tensor } from "@vcs/transport/tensor";
import { Mirror } from "../../packages/clip-drift/fleet/mirror.ts";
import { parseRegions } from "../../packages/clip-drift/measures/regions.ts";
import { Hub } from "../../packages/clip-drift/page/hub.ts";
import { prometheus } from "../../packages/clip-drift/page/prometheus.ts";
import { UnigramTokenizer } from "../../packages/clip-drift/vit/unigram.ts";
import { blockMessage, messageBlock } from "../../packages/encodec-stream/live/block_message.ts";
import { hasTornSlice } from "../../packages/media/formats/ffv1_slices.ts";
import { readCues } from "../../packages/media/remote/matroska_cues.ts";
import { listingBoxes } from "../../packages/media/remote/mp4_boxes.ts";
import { holdsIdr } from "../../packages/media/formats/h264_start.ts";
import { claimedSize, kindForFfmpeg } from "../../packages/media/formats/image_kinds.ts";
import {
  encodeRun,
  readFault,
  readMetadata,
  readRun,
} from "../../packages/onnx/served/protocol.ts";
import { unwrapped, wrapped } from "../../packages/together/film/tracks.ts";
import { ClientStream } from "../../packages/transport/site/client_stream.ts";
import { latin1, type Target } from "./target.ts";

const encoder = new TextEncoder();

/** A packet of FFV1 whose four slices have their checksums: 8 by 8 black pixels. */
const FFV1 =
  "fc1580ff8000000500d8632f9a3dde80ff800000050076d17d719c1c93ff8000000500315b395f10bf3d" +
  "ff8000000500431d03f2";

const SIDES = {
  inputs: [{ name: "x", dtype: "F32", shape: ["n", 2] }],
  outputs: [{ name: "y", dtype: "F32", shape: [1, 2] }, { name: "z", dtype: "I64", shape: ["n"] }],
} as const;

/** An answer behind the length of its JSON, each on its line. */
function runAnswer(): Uint8Array {
  const outputs = [{ name: "y", dtype: "F32", shape: [1, 2] }, {
    name: "z",
    dtype: "I64",
    shape: [1],
  }];
  const feeds = { y: tensor("F32", [1, 2]), z: tensor("I64", [1]) };
  const { jsonLength, body } = encodeRun({ inputs: outputs, outputs: [] } as never, feeds, []);
  const json = new TextDecoder().decode(body.subarray(0, jsonLength)).replace(
    '{"inputs"',
    '{"outputs"',
  ).replace(',"outputs":[]}', "}");
  const rest = body.subarray(jsonLength);
  return new Uint8Array([...encoder.encode(`${json.length}\n${json}`), ...rest]);
}

async function block(): Promise<Uint8Array> {
  const codes = Uint16Array.of(1, 2, 3, 4);
  const part = { codes, frames: 2, samples: 640, index: 0, start: 0 } as never;
  const header = { model: "encodec_24khz", codebooks: 2, sampleRate: 24_000 } as const;
  const times = { capturedAt: 1e12, encodeSeconds: 0.1, sentAt: 1e12 };
  const fields = { streamId: "0".repeat(16), sequence: 0, afterDrop: false };
  return encodeMessage(await blockMessage(part, header, times, fields));
}

function mirrored(state: unknown): Message {
  const bytes = encoder.encode(JSON.stringify(state));
  const tensors = {
    state: tensor("U8", [bytes.length], bytes),
    jpeg: tensor("U8", [3], Uint8Array.of(0xff, 0xd8, 0xff)),
  };
  return message(encodeSafetensors(tensors), { format: "safetensors" });
}

const film = (end: boolean, sequence: number) =>
  wrapped({
    track: end ? "sound" : "video",
    hasSound: true,
    message: message(Uint8Array.of(1, 2), { sequence, end }),
  });

/** Parsers of what others say. */
export const SPOKEN: readonly Target[] = [
  {
    name: "ffv1-slices",
    seeds: () => [Uint8Array.fromHex(FFV1)],
    words: ["\0\0\x05", "\xff\xff\xff", "\0\0\0\0\0", "\x80\xff\x80"],
    read(bytes) {
      const isTorn = hasTornSlice(bytes);
      const half = new Uint8Array([...bytes, ...bytes]);
      if (!isTorn && bytes.length > 0 && hasTornSlice(half)) throw new RangeError("whole twice");
    },
  },
  {
    name: "h264-start",
    seeds: () => [
      latin1("\0\0\0\x01\x09\x10\0\0\x01\x65\x07"),
      latin1("\0\0\0\x02\x06\x01\0\0\0\x03\x65\x01\x02"),
    ],
    words: ["\0\0\x01", "\0\0\0\x01", "\x65", "\x41", "\0\0\0\0", "\xff\xff\xff\xff", "\0\0\x03"],
    read: (bytes) => void holdsIdr(bytes),
  },
  {
    name: "matroska-cues",
    seeds: () => [
      latin1(
        "\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff" +
          "\x15I\xa9f\x87*\xd7\xb1\x83\x0fB@" +
          "\x16T\xaek\x8e\xae\x8c\xd7\x81\x01\x83\x81\x01#\xe3\x83\x82\x27\x10" +
          "\x1cS\xbbk\x8a\xbb\x88\xb3\x81\x05\xb7\x83\xf7\x81\x01",
      ),
      latin1(
        "\x1aE\xdf\xa3\x80\x18S\x80g\xff\x11M\x9bt\x8fM\xbb\x8cS\xab\x84\x1cS\xbbk" +
          "S\xac\x82\0\x18\x1fC\xb6u\x80\x1cS\xbbk\x80",
      ),
    ],
    words: [
      "\xbb",
      "\xb7",
      "\xae",
      "\x1cS\xbbk",
      "M\xbb",
      "S\xac",
      "\x01\xff\xff\xff\xff\xff\xff\xff",
    ],
    async read(bytes) {
      const part = (start: number, length: number) => {
        if (length > 2 ** 27) throw new RangeError("a part longer than any list");
        return Promise.resolve(bytes.subarray(start, start + length));
      };
      for (const times of (await readCues(part))?.times.values() ?? []) {
        if (times.some((time) => !(time >= 0))) throw new RangeError("a time before the film");
      }
    },
  },
  {
    name: "mp4-boxes",
    seeds: () => [
      latin1("\0\0\0\x08ftyp\0\0\0\x0amoovab\0\0\0\x09mdat1"),
      latin1("\0\0\0\x08ftyp\0\0\0\x01mdat\0\0\0\0\0\0\0\x11a\0\0\0\x08moov"),
    ],
    words: ["moov", "mdat", "free", "moof", "uuid", "\0\0\0\0", "\0\0\0\x01", "\xff\xff\xff\xff"],
    async read(bytes) {
      const part = (start: number, length: number) =>
        Promise.resolve(bytes.subarray(start, start + length));
      for (const { start, end } of await listingBoxes(part, bytes.length) ?? []) {
        if (!(start < end && end <= bytes.length)) throw new RangeError("a box outside the file");
      }
    },
  },
  {
    name: "image-kinds",
    seeds: () => [
      latin1("BM" + "\0".repeat(8) + "\x36\0\0\0" + "\x28\0\0\0\x08\0\0\0\x08\0\0\0\x01\0\x18\0"),
      latin1("P6\n# made\n3 2\n255\n" + "a".repeat(18)),
      latin1("\0\0\x02" + "\0".repeat(9) + "\x02\0\x02\0\x18\0" + "a".repeat(12)),
    ],
    words: [
      "BM",
      "P6",
      "P5 ",
      "#",
      "\n",
      "99999999999",
      "-1",
      "\xff\xff\xff\xff",
      "\xff\x4f\xff\x51",
    ],
    read(bytes) {
      const kind = kindForFfmpeg(bytes);
      const size = kind && claimedSize(bytes, kind);
      const isOdd = size && !size.every((side) => side >= 0);
      if (isOdd) throw new RangeError(`${size}`);
    },
  },
  {
    name: "model-server",
    seeds: () => [
      runAnswer(),
      encoder.encode('0\n{"inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],"outputs":[]}'),
      encoder.encode('12\n{"error":"busy"}'),
    ],
    words: [
      '"outputs":[',
      '"binary_data_size":',
      '"datatype":"FP16"',
      '"shape":[',
      '"name":"__proto__"',
      '"parameters":{',
      "1e99",
      "-1",
      "null",
      "]}",
    ],
    read(bytes) {
      const line = bytes.indexOf(10);
      const header = new TextDecoder().decode(bytes.subarray(0, Math.max(0, line)));
      const body = bytes.subarray(line + 1);
      readFault(body);
      const jsons = [() => readMetadata(body), () => readRun(header, body, SIDES.outputs)];
      const failures = jsons.flatMap((read) => {
        try {
          read();
          return [];
        } catch (error) {
          return [error];
        }
      });
      // One body is either of them at most.
      const wrong = failures.find((error) => !/^OnnxError/.test(String(error)));
      if (wrong) throw wrong;
      if (failures.length === jsons.length && readFault(body) === undefined) throw failures[1];
    },
  },
  {
    name: "live-block",
    seeds: async () => [await block()],
    words: [
      "VCSM",
      "ECDC",
      '"m":"encodec_48khz"',
      '"nc":32',
      "\0\0\xc0\x7f",
      "\xff\xff\xff\xff",
      "1e999",
    ],
    read: async (bytes) => void await messageBlock(decodeMessage(bytes)),
  },
  {
    name: "film-track",
    seeds: () => [encodeMessage(film(false, 0)), encodeMessage(film(true, 2 ** 40))],
    words: ["VCSM", "\x01\x03", "\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff"],
    read(bytes) {
      const track = unwrapped(decodeMessage(bytes));
      if (track) encodeMessage(wrapped(track));
    },
  },
  {
    name: "mirror",
    seeds: () => [
      encodeMessage(
        mirrored({ type: "cameras", cameras: [{ id: 0, name: "door", status: "live" }] }),
      ),
      encodeMessage(mirrored({ type: "frame", view: { id: 0, drift: 1 }, point: [1, 2, null, 3] })),
      encodeMessage(mirrored({ type: "note", camera: 0, note: { type: "a", time: 1, text: "b" } })),
    ],
    words: [
      '"type":"cameras"',
      '"id":0',
      '"name":"__proto__"',
      '"measures":{"drift":1e999}',
      '"status":',
      '"point":[',
      "null",
      "{}",
      "\\u0000",
    ],
    read(bytes) {
      const taken = decodeMessage(bytes);
      const hub = new Hub(10);
      const mirror = new Mirror(hub);
      const { streamId } = taken;
      mirror.take({ ...mirrored({ type: "cameras", cameras: [{ id: 0, name: "a" }] }), streamId });
      mirror.take(taken);
      // What was taken is shown.
      prometheus(hub);
      JSON.stringify(hub.feeds.map(({ view, points, notes }) => ({ view, points, notes })));
    },
  },
  {
    name: "regions",
    seeds: () => [
      encoder.encode(
        '{"cameras":{"door":{"roi":[[[0,0],[1,0],[1,1]]],"mask":[[[0.1,0.1],[0.2,0.1],[0.2,0.2]]]}}}',
      ),
    ],
    words: ['"roi":[', '"mask":[', "[0,0]", "2", "-1", "1e999", "null", '"__proto__"', "[]", "]]]"],
    throws: ["SyntaxError"],
    read: (bytes) => void parseRegions(new TextDecoder().decode(bytes)),
  },
  {
    name: "unigram",
    seeds: () => [
      encoder.encode(JSON.stringify({
        model: {
          type: "Unigram",
          unk_id: 0,
          vocab: [["<unk>", 0], ["</s>", 0], ["\u2581a", -1], ["b", -2]],
        },
      })),
    ],
    words: ['"type":"Unigram"', '"unk_id":', '["a",-1]', '["",0]', "</s>", "1e999", "null", "[]"],
    // As documented.
    throws: ["SyntaxError"],
    read(bytes) {
      const tokenizer = new UnigramTokenizer(bytes);
      const ids = tokenizer.encode("a bab é 😀 " + "ab".repeat(40));
      const isOdd = ids.length !== 64 || ids.some((id) => !(id < tokenizer.vocabulary));
      if (isOdd) throw new RangeError(`${ids}`);
    },
  },
  {
    name: "client-stream",
    seeds: () => [
      latin1("\x82\x82\0\0\0\0hi\x89\x82\0\0\0\0yo"),
      latin1("\x02\xfe\0\x03\x01\x02\x03\x04abc"),
    ],
    words: ["\x82\xfe\xff\xff", "\x82\xff\0\0\0\0\0\0", "\x88\x80", "\x89\xfd", "\x80", "\x01"],
    throws: ["FrameError"],
    read(bytes) {
      const stream = new ClientStream();
      let came = 0;
      for (const byte of bytes) {
        for (const { payload } of stream.take(Uint8Array.of(byte))) came += payload.length;
      }
      if (came > bytes.length) throw new RangeError("more than came");
    },
  },
];
