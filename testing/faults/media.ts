/**
 * Deliberate faults of media.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "list_order.ts",
    find: "if (left === 0) this.#held.delete(frame.index);",
    put: "",
    means: "delivered frames are not released",
    tests: ["list_order_test.ts"],
  },
  {
    file: "event_loop.ts",
    find: "await new Promise<void>((resolve) => setImmediate(resolve));",
    put: "",
    means: "other work starves",
    tests: ["event_loop_test.ts"],
  },
  {
    file: "list_order.ts",
    find: "(batch.size < size || batch.has(list[at]!))",
    put: "true",
    means: "a list in any order is held in memory as a whole",
    tests: ["list_order_test.ts"],
  },
  {
    file: "video_reader.ts",
    find: "await this.#single?.[Symbol.asyncDispose]();",
    put: "",
    means: "decoders of single frames pile up",
    tests: ["decoders_test.ts"],
  },
  {
    file: "frame_cursor.ts",
    find: "&& this.#held.size < MAX_HELD",
    put: "",
    means: "a cursor holds pictures without end while one is missing",
    tests: ["frame_cursor_test.ts"],
  },
  {
    file: "frame_cursor.ts",
    find: "if (frame !== undefined && this.#index.frames[frame]!.keyframe) this.#damaged = false;",
    put: "",
    means: "damage never ends",
    tests: ["frame_cursor_test.ts"],
  },
  {
    file: "frame_supply.ts",
    find: "this.#cursors.delete(cursor);",
    put: "",
    means: "decoders that have ended are kept",
    tests: ["decoders_test.ts"],
  },
  {
    file: "mjpeg.ts",
    find: "if (bytes.length > MAX_FRAME) return this.#truncated(bytes.length);",
    put: "",
    means: "a picture without an end fills the memory",
    tests: ["mjpeg_test.ts"],
  },
  {
    file: "mjpeg.ts",
    find: "if (bytes.length > MAX_HEADER_LINE) {",
    put: "if (false) {",
    means: "a line without an end fills the memory",
    tests: ["mjpeg_test.ts"],
  },
  {
    file: "mjpeg.ts",
    find: "this.#headerLines++ > MAX_HEADER_LINES",
    put: "false",
    means: "headers without an end fill the memory",
    tests: ["mjpeg_test.ts"],
  },
  {
    file: "mjpeg.ts",
    find: "this.stats.lengthErrors++;",
    put: "",
    means: "wrong lengths are not counted",
    tests: ["mjpeg_test.ts"],
  },
  {
    file: "mjpeg.ts",
    find: "this.stats.otherParts++;",
    put: "",
    means: "other parts are not counted",
    tests: ["mjpeg_test.ts"],
  },
  {
    file: "index_cache.ts",
    find: "if (this.#entries.size <= capacity) break;",
    put: "if (this.#entries.size <= capacity + 1) break;",
    means: "a cache keeps one entry more than its capacity",
    tests: ["index_cache_test.ts"],
  },
  {
    file: "index_cache.ts",
    find: "this.#entries.delete(key);\n    this.#entries.set(key, value);\n    return value;",
    put: "return value;",
    means: "a cache forgets what is used most",
    tests: ["index_cache_test.ts"],
  },
  {
    file: "backend_ffmpeg.ts",
    find: "this.#suspects = Math.max(0, this.#suspects - 1);",
    put: "",
    means: "after one complaint all pictures count as damaged",
    tests: ["announcements_test.ts"],
  },
  {
    file: "backend_node_av.ts",
    find: "&& ++failures < MAX_FAILURES",
    put: "",
    means: "a decoder that fails for ever is asked for ever",
    tests: ["decoders_test.ts"],
  },
  {
    file: "pcm.ts",
    find: "Math.max(-1, Math.min(1, value))",
    put: "value",
    means: "loud samples wrap around",
    tests: ["audio_test.ts", "wav_test.ts"],
  },
  {
    file: "resampler.ts",
    find: "Math.max(from / to, to / from) <= MAX_FACTOR",
    put: "true",
    means: "a resampler's table may have any size",
    tests: ["resampler_test.ts"],
  },
];
