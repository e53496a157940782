/**
 * Deliberate faults of encodec-stream.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "model_session.ts",
    find:
      "const session = special && takes(special, feeds) ? special : await this.#generalSession();",
    put: "const session = await this.#generalSession();",
    means: "the graph for full segments is never used: speed only",
    tests: ["model_session_test.ts"],
  },
  {
    file: "model_session.ts",
    find: "if (special && await runsOnCpu(options)) {",
    put: "if (false) {",
    means: "the graph for full segments is never opened: speed only",
    tests: ["model_session_test.ts"],
  },
  {
    file: "model_session.ts",
    find: "if (openModel) return false;",
    put: "",
    means: "another ONNX Runtime gets the graph that is cut for this one's cache",
    tests: ["model_session_test.ts"],
  },
  {
    file: "model_session.ts",
    find: "return this.#general ??= this.#open();",
    put: "return this.#open();",
    means: "every call opens a session anew",
    tests: ["model_session_test.ts"],
  },
  {
    file: "model_session.ts",
    find: "for (const name of Object.keys(state)) state[name] = results[`next.${name}`]!;",
    put: "",
    means: "state is not carried from call to call",
    tests: ["codec_test.ts"],
  },
  {
    file: "ordered.ts",
    find: "if (!this.#last && this.#items.length < this.#most) void this.#read();",
    put: "if (!this.#last) void this.#read();",
    means: "a source is read ahead without end",
    tests: ["ordered_test.ts"],
  },
  {
    file: "seekable_source.ts",
    find: "forward <= Math.max(NEAR, this.#held.length)",
    put: "true",
    means: "a far seek reads everything between",
    tests: ["seekable_source_test.ts"],
  },
  {
    file: "seekable_source.ts",
    find: "if (turn !== this.#turn || this.#signal?.aborted) await opened.stream.cancel();",
    put: "",
    means: "a stream that came too late stays open",
    tests: ["seekable_source_test.ts"],
  },
  {
    file: "seekable_source.ts",
    find: "this.#end = -1;",
    put: "",
    means: "an old run reads on in a stream that ends",
    tests: ["seekable_source_test.ts"],
  },
  {
    file: "decode.ts",
    find: "to: options.to || Infinity",
    put: "to: options.to",
    means: "without -to nothing is decoded",
    tests: ["pipes_test.ts"],
  },
  {
    file: "decode.ts",
    find: "batch && Math.max(0, batch)",
    put: "batch",
    means: "a batch below 0 is refused",
    tests: ["pipes_test.ts"],
  },
  {
    file: "codec_options.ts",
    find: "device: device ?? cuda",
    put: "device",
    means: "-g is ignored",
    tests: ["codec_options_test.ts"],
  },
  {
    file: "segments.ts",
    find: "if (frames >= 1) return",
    put: "if (true) return",
    means: "a chunk may have no frames",
    tests: ["segments_test.ts"],
  },
  {
    file: "encoder.ts",
    find: "frames = Math.min(largest, Math.max(secondFrames, frames * 2));",
    put: "frames = Math.max(secondFrames, frames * 2);",
    means: "chunks of an encoded stream grow without end",
    tests: ["chunks_test.ts"],
  },
  {
    file: "decoder.ts",
    find: "(batch || LARGEST_BATCH) * secondFrames",
    put: "LARGEST_BATCH * secondFrames",
    means: "a stream's batch is not what was asked for",
    tests: ["chunks_test.ts"],
  },
  {
    file: "decoder.ts",
    find: "const most = lowLatency ? firstFrames : ",
    put: "const most = ",
    means: "low latency decodes seconds at a time",
    tests: ["chunks_test.ts"],
  },
  {
    file: "header.ts",
    find: "if (jsonBytes > maxJsonBytes) {",
    put: "if (false) {",
    means: "a header of 16 MB takes a gigabyte",
    tests: ["header_test.ts"],
  },
];
