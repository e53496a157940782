/**
 * Deliberate faults of clip-drift.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "terminal.ts",
    find: "    keyboard.setRaw(true);",
    put: "    throw new TypeError();",
    means: "a terminal without cbreak ends the watch",
    tests: ["terminal_test.ts"],
  },
  {
    file: "charts.ts",
    find: "Math.min(CEILING, Math.max(0, this.#cusum + step))",
    put: "Math.max(0, this.#cusum + step)",
    means: "the CUSUM grows without end",
    tests: ["charts_test.ts"],
  },
  {
    file: "charts.ts",
    find: "Math.min(CEILING, Math.max(0, this.#cusum + step))",
    put: "Math.min(CEILING, this.#cusum + step)",
    means: "the CUSUM falls below zero and misses the next shift",
    tests: ["charts_test.ts"],
  },
  {
    file: "hub.ts",
    find: "if (this.points.length > this.#hub.history) this.points.shift();",
    put: "",
    means: "the plot grows without end",
    tests: ["hub_test.ts"],
  },
  {
    file: "hub.ts",
    find: "if (this.notes.length > KEPT_NOTES) this.notes.shift();",
    put: "",
    means: "notes pile up",
    tests: ["hub_test.ts"],
  },
  {
    file: "hub.ts",
    find: "if (this.view.snapshots.length > KEPT_SNAPSHOTS) this.view.snapshots.shift();",
    put: "",
    means: "snapshots pile up",
    tests: ["hub_test.ts"],
  },
  {
    file: "hub.ts",
    find: "if (this.#times.length > FPS_SPAN + 1) this.#times.shift();",
    put: "",
    means: "frames a second are those since the start",
    tests: ["hub_test.ts"],
  },
  {
    file: "deliver.ts",
    find: "if (this.#waiting >= MAX_WAITING) {",
    put: "if (false) {",
    means: "a dead webhook fills the memory",
    tests: ["deliver_test.ts"],
  },
  {
    file: "deliver.ts",
    find: ".finally(() => this.#waiting--);",
    put: ";",
    means: "deliveries end for good after 32",
    tests: ["deliver_test.ts"],
  },
  {
    file: "camera.ts",
    find: "const max = Math.max(MAX_DELAY, reconnectDelay);",
    put: "const max = Infinity;",
    means: "pauses before a lost camera grow without end",
    tests: ["reconnect_test.ts"],
  },
  {
    file: "camera.ts",
    find: "attempt = 0;\n        backoff.reset();",
    put: "backoff.reset();",
    means: "failures in a row are counted over the frames between",
    tests: ["reconnect_test.ts"],
  },
  {
    file: "camera.ts",
    find: "idle.touch();\n    yield",
    put: "yield",
    means: "a camera is hung up on though frames come",
    tests: ["reconnect_test.ts"],
  },
  {
    file: "camera.ts",
    find: "if (++hops > MAX_REDIRECTS) throw",
    put: "if (false) throw",
    means: "redirections are followed without end",
    tests: ["camera_test.ts"],
  },
  {
    file: "monitor.ts",
    find: "this.#brokenInRow = 0;",
    put: "",
    means: "broken frames are counted over the good ones between",
    tests: ["monitor_test.ts"],
  },
  {
    file: "monitor.ts",
    find: "this.#counters.gaps++;",
    put: "",
    means: "gaps are not counted",
    tests: ["monitor_test.ts"],
  },
  {
    file: "encoder.ts",
    find: "this.#waiting.splice(0, most)",
    put: "this.#waiting.splice(0)",
    means: "a batch of the model has any size",
    tests: ["encoder_test.ts"],
  },
  {
    file: "encoder.ts",
    find: "const MAX_BATCH_INT8 = 1;",
    put: "const MAX_BATCH_INT8 = 16;",
    means: "an image of int8 meets others in a run, which change its scales",
    tests: ["encoder_test.ts"],
  },
  {
    file: "drift.ts",
    find: "if (this.#similarities.length > this.#window) this.#similarities.shift();",
    put: "",
    means: "similarities pile up",
    tests: ["drift_test.ts"],
  },
  {
    file: "mmd.ts",
    find: "if (this.#ring.length > 2 * this.#window) this.#ring.shift();",
    put: "",
    means: "embeddings pile up",
    tests: ["drift_test.ts"],
  },
];
