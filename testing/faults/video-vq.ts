/**
 * Deliberate faults of video-vq.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "receive_video.ts",
    find: "if (sequence !== this.#order.next) this.#seams.forget();",
    put: "",
    means: "a picture is carried over a window that was lost",
    tests: ["receive_seams_test.ts"],
  },
  {
    file: "receive_video.ts",
    find: "this.#coder.forget();\n    this.#seams.forget();",
    put: "this.#coder.forget();",
    means: "a picture is carried over into another stream",
    tests: ["receive_seams_test.ts"],
  },
  {
    file: "receive_video.ts",
    find: "this.#counts.dropped++;",
    put: "",
    means: "windows that a full queue left out are not counted",
    tests: ["receive_video_test.ts"],
  },
  {
    file: "receive_video.ts",
    find: "this.#counts.duplicates++;",
    put: "",
    means: "duplicates are not counted",
    tests: ["receive_video_test.ts"],
  },
  {
    file: "receive_video.ts",
    find: 'this.#counts[error.code === "missing-context" ? "undecodable" : "damaged"]++;',
    put: "",
    means: "damaged windows are not counted",
    tests: ["channels_test.ts"],
  },
  {
    file: "known_streams.ts",
    find: "before.numbers.add(sequence).delete(sequence - REMEMBERED);",
    put: "before.numbers.add(sequence);",
    means: "numbers are remembered for ever",
    tests: ["known_streams_test.ts"],
  },
  {
    file: "known_streams.ts",
    find: "if (this.#streams.size > REMEMBERED_STREAMS) {",
    put: "if (false) {",
    means: "streams are remembered for ever",
    tests: ["known_streams_test.ts"],
  },
  {
    file: "window_order.ts",
    find: "if (this.#missing.length < LISTED) this.#missing.push(range);",
    put: "this.#missing.push(range);",
    means: "the list of missing windows grows without end",
    tests: ["window_order_test.ts"],
  },
  {
    file: "send_video.ts",
    find: "if (this.#droppedCount++ < LISTED) this.#dropped.push(sequence);",
    put: "this.#droppedCount++; this.#dropped.push(sequence);",
    means: "the list of dropped windows grows without end",
    tests: ["send_video_test.ts"],
  },
  {
    file: "send_video.ts",
    find: "sinceKey >= this.#keyEvery",
    put: "false",
    means: "key windows do not come back",
    tests: ["send_video_test.ts"],
  },
  {
    file: "send_video.ts",
    find: "joined || sinceKey",
    put: "sinceKey",
    means: "a receiver that joins waits for the next key window",
    tests: ["send_video_test.ts"],
  },
  {
    file: "send_video.ts",
    find: "this.#blocked += (this.#clock.now() - until) / 1000;",
    put: "",
    means: "the time that the encoder waits is not measured",
    tests: ["pipeline_test.ts"],
  },
  {
    file: "statistics.ts",
    find: "this.#last[this.#count++ % KEPT] = value;",
    put: "this.#last[this.#count++] = value;",
    means: "percentiles stand still after a thousand values",
    tests: ["statistics_test.ts"],
  },
  {
    file: "memory_channel.ts",
    find: "pipe.inFlight < pipe.credits",
    put: "pipe.inFlight <= pipe.credits",
    means: "one message too many is on its way",
    tests: ["memory_channel_test.ts"],
  },
  {
    file: "journal.ts",
    find: "await this.#file.syncData();",
    put: "",
    means: "a journal's message is not on the disk when it is accepted",
    tests: ["journal_test.ts"],
  },
  {
    file: "seams.ts",
    find: "if (last?.length === size) fade",
    put: "if (last) fade",
    means: "a window of another size is joined to the last one",
    tests: ["seams_test.ts"],
  },
];
