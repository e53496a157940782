/**
 * Deliberate faults of video-vq.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "receive.ts",
    find: "if (sequence !== this.#order.next) this.#smoother.reset();",
    put: "",
    means: "a frame is carried over a window that was lost",
    tests: ["receive_smoothing_test.ts"],
  },
  {
    file: "receive.ts",
    find: "this.#coder.forget();\n    this.#smoother.reset();",
    put: "this.#coder.forget();",
    means: "a frame is carried over into another stream",
    tests: ["receive_smoothing_test.ts"],
  },
  {
    file: "receive.ts",
    find: "this.#counts.dropped++;",
    put: "",
    means: "windows that a full queue dropped are not counted",
    tests: ["receive_test.ts"],
  },
  {
    file: "receive.ts",
    find: "this.#counts.duplicates++;",
    put: "",
    means: "duplicates are not counted",
    tests: ["receive_test.ts"],
  },
  {
    file: "receive.ts",
    find: 'this.#counts[error.code === "missing-context" ? "undecodable" : "damaged"]++;',
    put: "",
    means: "damaged windows are not counted",
    tests: ["channels_test.ts"],
  },
  {
    file: "deduplication.ts",
    find: "before.came.add(sequence);",
    put: "",
    means: "messages that arrive twice are not recognised",
    tests: ["deduplication_test.ts"],
  },
  {
    file: "deduplication.ts",
    find: "if (this.#streams.size > TRACKED_STREAMS) {",
    put: "if (false) {",
    means: "streams are remembered without end",
    tests: ["deduplication_test.ts"],
  },
  {
    file: "window_order.ts",
    find: "if (this.#missing.length < LISTED) this.#missing.push(range);",
    put: "this.#missing.push(range);",
    means: "the list of missing windows grows without end",
    tests: ["window_order_test.ts"],
  },
  {
    file: "send.ts",
    find: "if (this.#droppedCount++ < LISTED) this.#dropped.push(sequence);",
    put: "this.#droppedCount++; this.#dropped.push(sequence);",
    means: "the list of dropped windows grows without end",
    tests: ["send_test.ts"],
  },
  {
    file: "send.ts",
    find: "sinceKey >= this.#keyEvery",
    put: "false",
    means: "key windows do not come back",
    tests: ["send_test.ts"],
  },
  {
    file: "send.ts",
    find: "joined || sinceKey",
    put: "sinceKey",
    means: "a receiver that joins waits for the next key window",
    tests: ["send_test.ts"],
  },
  {
    file: "send.ts",
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
    file: "journal.ts",
    find: "await this.#file.syncData();",
    put: "",
    means: "a journal's message is not on the disk when it is accepted",
    tests: ["journal_test.ts"],
  },
  {
    file: "boundary_smoothing.ts",
    find: "if (last?.length === size) fade",
    put: "if (last) fade",
    means: "a window of another size is joined to the last one",
    tests: ["boundary_smoothing_test.ts"],
  },
];
