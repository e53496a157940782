/**
 * Parsers of what lies on a disk or is written by a person: journals, runs, outputs of batches, lists,
 * rules, notes, and the parts of larger formats that have parsers of their own.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  formatJson,
  type Json,
  parseJson,
  PythonNumber,
} from "../../packages/encodec-stream/container/python_json.ts";
import { decodeCodes, encodeCodes } from "../../packages/encodec-stream/container/codes.ts";
import { encodeMessage, message } from "@vcs/transport/message";
import { encodeNpz } from "@vcs/transport/npz";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { parseRule } from "../../packages/clip-drift/alerts.ts";
import { ClipTokenizer } from "../../packages/clip-drift/clip/tokenizer.ts";
import { loadRunEmbeddings, readRun } from "../../packages/clip-drift/runs/reader.ts";
import { readRunOverview } from "../../packages/clip-drift/runs/overview.ts";
import { neededLibraries } from "../../packages/onnx/cuda/elf.ts";
import { readPickle } from "../../packages/onnx/torch/pickle.ts";
import { PickleGlobal } from "../../packages/onnx/torch/pickle_values.ts";
import { listItems } from "../../packages/transport/batch/items.ts";
import { FILE_FORMATS } from "../../packages/transport/channels/file_formats.ts";
import { field } from "../../packages/transport/s3/requests.ts";
import { WindowJournal } from "../../packages/video-vq/stream/journal.ts";
import { latin1, pieces, type Target } from "./target.ts";

let made: string | undefined;

/** The folder of this process, in memory where there is such a place. */
function ownFolder(): string {
  if (made !== undefined) return made;
  const memory = Deno.build.os === "linux" && existsSync("/dev/shm") ? { dir: "/dev/shm" } : {};
  const folder = made = Deno.makeTempDirSync(memory);
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return folder;
}

/** Works with the bytes as files of these names. */
function asFiles<T>(
  bytes: Uint8Array,
  names: readonly string[],
  read: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = ownFolder();
  for (const name of names) {
    const path = `${folder}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeFileSync(path, bytes);
  }
  return read(folder);
}

const embeddings = (name: string) =>
  encodeNpz({
    [name]: tensor("F32", [2, 3]),
    timestamps: tensor("F64", [2]),
    frame_indices: tensor("I64", [2]),
  });

/** A library for 64 bits that needs another one. */
function library(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(400);
  const view = new DataView(bytes.buffer);
  const words = (at: number, ...values: number[]) =>
    values.forEach((value, i) => view.setBigUint64(at + 8 * i, BigInt(value), true));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  view.setUint32(64, 1, true);
  words(72, 0, 0, 0, 400, 400);
  view.setUint32(120, 2, true);
  words(128, 200, 200, 200, 80, 80);
  words(200, 1, 1, 5, 300, 10, 20, 0, 0);
  bytes.set(latin1("\0libx.so.1\0"), 300);
  return bytes;
}

/** Orders texts by their characters, as Python does. */
function byCharacters(a: string, b: string): number {
  const [one, other] = [[...a], [...b]];
  const at = one.findIndex((character, i) => character !== other[i]);
  if (at < 0 || other[at] === undefined) return one.length - other.length;
  return one[at]!.codePointAt(0)! - other[at].codePointAt(0)!;
}

/** Objects as sorted lists: an object here has keys like `1` first. */
function listed(value: Json): Json {
  if (Array.isArray(value)) return value.map(listed);
  if (typeof value !== "object" || value === null || value instanceof PythonNumber) return value;
  const entries = Object.entries(value).sort(([a], [b]) => byCharacters(a, b));
  return entries.map(([key, inner]) => [key, listed(inner)]);
}

/** Parsers of what is kept. */
export const KEPT: readonly Target[] = [
  {
    name: "python-json",
    reference: "json",
    throws: ["SyntaxError", "TypeError"],
    seeds: () => [
      latin1('{"m":"a\\u00e9\\n","al":1.5e-7,"x":[1,-0,1E5,true,null],"1":{"__proto__":2}}'),
    ],
    words: [
      '"__proto__":',
      "\\ud83d",
      "\\ude00",
      "1e999",
      "-0.0",
      "1e-7",
      "1e16",
      "123456789012345678901",
      "[",
      "{",
      "}",
      ",",
      "\\x",
      "01",
      ".5",
      "NaN",
      '"1":',
      "\x7f",
      "0.1",
    ],
    read(bytes) {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      const written = new TextEncoder().encode(formatJson(listed(parseJson(text))));
      const sha256 = createHash("sha256").update(written).digest("hex");
      return [["", "", [written.length], sha256]];
    },
  },
  {
    name: "codes",
    seeds: () => [encodeCodes({
      fields: { model: "encodec_24khz", samples: 640, codebooks: 2 },
      codes: tensor("I32", [1, 2, 2]),
      scales: undefined,
    })],
    words: ['"ecdc":"', '"codes"', '"scales"', '"shape":[', "I64", "F32", "RUNEQw", "1,2,2"],
    read: (bytes) => void decodeCodes(bytes),
  },
  {
    name: "pickle",
    seeds: () => [
      latin1("\x80\x02}q\0(X\x01\0\0\0aq\x01K\x01X\x01\0\0\0b](K\x02G?\xf0\0\0\0\0\0\0eu."),
      latin1("(dp0\nS'a'\np1\nI1\nsVb\np2\n(lp3\nL5L\naF1.5\nas."),
      latin1("\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R."),
      latin1("ctorch\nx\n(K\x01QtR}X\x01\0\0\0kNsb."),
    ],
    words: [
      "\x80\x05",
      "\x8a\xff",
      "\x8b\xff\xff\xff\x7f",
      "h\0",
      "j\0\0\0\0",
      "q\xff",
      "(",
      "\x85",
      "\x86",
      "R",
      "\x81",
      "b",
      "s",
      "u",
      "e",
      "a",
      "Q",
      "P1\n",
      "ctorch\nx\n",
      "i",
      "o",
      "\x8c\xff",
      "B\xff\xff\xff\x7f",
      "\x92",
      "\x8f",
      "\x91",
      "\x90",
      ".",
    ],
    read(bytes) {
      readPickle(bytes, {
        global: (name) => new PickleGlobal(name),
        construct: () => new Map(),
        persistent: (id) => [id],
      });
    },
  },
  {
    name: "spool-file",
    seeds: () => [
      FILE_FORMATS["safetensors"]!.write(message(Uint8Array.of(1, 2, 3), { sequence: 7 })),
      FILE_FORMATS["safetensors"]!.write(
        message(encodeSafetensors({ a: tensor("U8", [2]) }), { format: "safetensors" }),
      ),
    ],
    words: [
      '"vcs.crc32":"',
      '"vcs.sequence":"',
      '"vcs.pts":"',
      '"vcs.format":"bytes"',
      "NaN",
      "-1",
      "1e99",
    ],
    read(bytes) {
      const read = FILE_FORMATS["safetensors"]!.read!;
      encodeMessage(read(bytes, { sequence: 3, end: false }));
    },
  },
  {
    name: "journal",
    seeds: () => [
      new Uint8Array([1, 2].flatMap((n) => [
        ...encodeMessage(message(new Uint8Array(5 * n), { sequence: n })),
      ])),
    ],
    words: ["VCSM", "\0\0\0\0", "\xff\xff\xff\xff", "VCS"],
    read: (bytes) =>
      asFiles(bytes, ["journal"], async (folder) => {
        for await (const _ of WindowJournal.read(`${folder}/journal`));
      }),
  },
  {
    name: "run-folder",
    seeds: () => [
      latin1("timestamp,frame_idx,similarity,drift\r\n1.5,0,0.9,0.1\r\n1.6,1,0.8,0.2\r\n"),
      latin1("timestamp,frames,drift,cut\r\n1.5,16,0.9,\r\n1.6,3,0.8,0.2\r\n".repeat(2)),
      latin1('{"type":"failed","time":1}\n{"a":[]}\n'),
    ],
    words: ["\r\n", ",", "NaN", "1e999", "-1", '{"a":', "null", "Infinity", "0x10"],
    async read(bytes) {
      const frames = ["drift.csv", "events.jsonl", "config.json", "summary.json", "metrics.csv"];
      const names = frames.map((name) => `run/${name}`);
      await asFiles(bytes, [...names, "week/peaks_16.csv"], async (folder) => {
        const { drift } = await readRun(`${folder}/run`);
        const { frames } = await readRunOverview(`${folder}/run`, 10);
        if (frames !== drift.length) throw new RangeError(`${frames} and ${drift.length} frames`);
        const { frames: told } = await readRunOverview(`${folder}/week`, 10);
        if (!Number.isSafeInteger(told) || told < 0) throw new RangeError(`${told} frames`);
      });
    },
  },
  {
    name: "run-embeddings",
    seeds: async () => [await embeddings("embeddings")],
    words: [
      "embeddings",
      "timestamps",
      "frame_indices",
      "'<f4'",
      "(2, 3)",
      "(0, 0)",
      "'<i8'",
      "PK\x01\x02",
    ],
    read: (bytes) =>
      asFiles(bytes, ["0", "1"].map((n) => `other/embeddings/batch_${n}.npz`), async (folder) => {
        const { embeddings, timestamps } = await loadRunEmbeddings(`${folder}/other`);
        if (embeddings.shape[0] === undefined || !timestamps) throw new RangeError("nothing");
      }),
  },
  {
    name: "item-list",
    throws: ["UsageError"],
    seeds: () => [
      latin1('a.wav\n{"source":"b.wav","key":"k","from":1}\nhttp://x/y\n'),
      latin1("s3://b/k\n"),
    ],
    words: [
      '{"source":"',
      '"key":"../x"',
      '"from":',
      "\0",
      "\r",
      "//",
      "..",
      "http://",
      "%zz",
      "\n",
      "/",
    ],
    async read(bytes) {
      const options = {
        include: ["*"],
        lists: ["-"],
        stdin: ReadableStream.from(pieces(bytes, 9)),
      };
      for await (const { key } of listItems([], options)) {
        if (key === "" || key.split("/").includes("..")) throw new RangeError(`key ${key}`);
      }
    },
  },
  {
    name: "rule",
    throws: ["SyntaxError"],
    seeds: () => [
      latin1("moved: reference > 0.3 for 2s cooldown 60s clear 0.5"),
      latin1("drift > 8mad"),
    ],
    words: [" > ", "for ", "cooldown ", "clear ", "mad", "1e999", "-1", "h", "ms", ":"],
    read(bytes) {
      const { threshold } = parseRule(new TextDecoder().decode(bytes));
      if (!Number.isFinite(threshold)) throw new RangeError(`threshold ${threshold}`);
    },
  },
  {
    name: "merges",
    throws: ["SyntaxError"],
    seeds: () => [latin1("#version: 0.2\ni n\nt h\nth e</w>\n")],
    words: ["\x1f\x8b\x08", "\n", " ", "</w>", "\xc4\xa0", "\r\n"],
    read(bytes) {
      const ids = new ClipTokenizer(bytes).encode("the inn, 12");
      if (![...ids].every(Number.isInteger)) throw new RangeError("odd tokens");
    },
  },
  {
    name: "elf",
    throws: ["RangeError"],
    seeds: () => [library()],
    words: [
      "\x7fELF\x02\x01",
      "\x01\0\0\0\0\0\0\0",
      "\xff\xff\xff\xff\xff\xff\xff\x7f",
      "\x05\0",
      "\x0a",
    ],
    read: (bytes) =>
      asFiles(bytes, ["libx.so"], async (folder) => {
        await neededLibraries(`${folder}/libx.so`);
      }),
  },
  {
    name: "s3-answer",
    seeds: () => [latin1("<Error><Code>NoSuchKey</Code><Message>a &lt; b &#39;</Message></Error>")],
    words: ["<Code>", "</Code>", "&amp;", "&#34;", "&", "<", ">"],
    read(bytes) {
      const xml = new TextDecoder().decode(bytes);
      for (const name of ["Code", "Message"]) {
        if ((field(xml, name)?.length ?? 0) > xml.length) throw new RangeError("more than came");
      }
    },
  },
];
