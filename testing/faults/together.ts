/**
 * Deliberate faults of together.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "tracks.ts",
    find: "const end = this.#open.size === 0;",
    put: "const end = inner.end;",
    means: "a film ends with the first of its tracks",
    tests: ["tracks_test.ts"],
  },
  {
    file: "tracks.ts",
    find: "const fields = { ...outer, sequence, end: (flags & FLAG.end) !== 0 };",
    put: "const fields = { ...outer, end: (flags & FLAG.end) !== 0 };",
    means: "windows and blocks have the numbers of the film",
    tests: ["tracks_test.ts"],
  },
  {
    file: "tracks.ts",
    find: "this.#isOver = delivery.message.end;",
    put: "",
    means: "a track whose end was lost never ends",
    tests: ["tracks_test.ts"],
  },
  {
    file: "tracks.ts",
    find: "await delivery.accept();\n    }\n    this.#hasSound",
    put: "undefined;\n    }\n    this.#hasSound",
    means: "what is none of a film's comes again for ever",
    tests: ["tracks_test.ts"],
  },
  {
    file: "timeline.ts",
    find: "this.#end = Math.max(this.#end, seconds);",
    put: "this.#end = seconds;",
    means: "a film that follows begins before the end of the other",
    tests: ["timeline_test.ts"],
  },
  {
    file: "timeline.ts",
    find: "const lead = pts < JOINED_IN_TIME ? Math.min(pts, 0) : pts;",
    put: "const lead = pts;",
    means: "sound is cut by as much as the first picture is late",
    tests: ["timeline_test.ts"],
  },
  {
    file: "timeline.ts",
    find: "if (pts + offset <= this.#end + LONGEST_GAP) return pts + offset;",
    put: "if (pts > -Infinity) return pts + offset;",
    means: "a wrong time makes a file of years",
    tests: ["timeline_test.ts"],
  },
  {
    file: "in_step.ts",
    find: "while (second > this.#at[other] + LEAD)",
    put: "while (second > Infinity)",
    means: "sound is read to its end before the first window",
    tests: ["in_step_test.ts"],
  },
  {
    file: "in_step.ts",
    find: "} finally {\n      this.#reach(track, Infinity);",
    put: "} finally {",
    means: "a track that has ended holds the other for ever",
    tests: ["in_step_test.ts"],
  },
  {
    file: "film_source.ts",
    find: "let left = Math.round(startTime * sampleRate);",
    put: "let left = 0 * startTime;",
    means: "sound that begins later than its pictures is heard too early",
    tests: ["film_source_test.ts"],
  },
  {
    file: "film_receiver.ts",
    find: "const second = this.#timeline.at(place);",
    put: "const second = block.start / rate;",
    means: "sound counts its samples, and does not look at the clock",
    tests: ["film_receiver_test.ts"],
  },
  {
    file: "film_file.ts",
    find: "while (start > this.#samples) {",
    put: "while (start > Infinity) {",
    means: "what is heard moves up where sound is missing",
    tests: ["film_file_test.ts"],
  },
  {
    file: "film_file.ts",
    find: "plane.subarray(this.#samples - start)",
    put: "plane.subarray(0)",
    means: "sound that comes twice moves what follows",
    tests: ["film_file_test.ts"],
  },
  {
    file: "film_file.ts",
    find: "if (second < this.#latest + TICK) return;",
    put: "",
    means: "a picture that is late ends the receiver",
    tests: ["film_file_test.ts"],
  },
  {
    file: "film_page.ts",
    find: "if (wait < -2000 * AHEAD) this.#start = now - 1000 * second;",
    put: "",
    means: "after a stream stood still, a page gets all at once",
    tests: ["film_page_test.ts"],
  },
  {
    file: "film_page.ts",
    find: "await this.#clock.sleep(wait, this.#signal);",
    put: "",
    means: "a page gets a whole film at once",
    tests: ["film_page_test.ts"],
  },
];
