import assert from "node:assert/strict";
import { steadyTimes } from "./steady_times.ts";

/** A film of 20 seconds with a key frame every 50, in milliseconds; `timeOf` says when a frame is shown. */
function film(timeOf: (frame: number) => number, rate: number) {
  const times = Array.from({ length: 20 * rate }, (_, i) => timeOf(i));
  const keys = times.filter((_, i) => i % 50 === 0);
  const [head, tail] = [times.slice(0, 50), times.slice(times.indexOf(keys.at(-1)!))];
  return { times, known: { step: 1000 / rate, keys, head, tail } };
}

/** Rates as frames in so many seconds. */
const RATES = [[25, 1], [30000, 1001], [24000, 1001]] as const;

Deno.test("times between those that are known are counted to the tick", () => {
  for (const [frames, seconds] of RATES) {
    for (const start of [0, 21, 1000]) {
      // In whole numbers, a half rounded up, as muxers do.
      const timeOf = (i: number) =>
        start + Math.floor((2000 * i * seconds + frames) / (2 * frames));
      const { times, known } = film(timeOf, Math.round(frames / seconds));
      // Headers have nanoseconds.
      const step = Math.floor(1e9 * seconds / frames) / 1e6;
      assert.deepEqual(steadyTimes({ ...known, step }, 1000), times, `${frames} from ${start}`);
    }
  }
});

Deno.test("what is known and does not fit a constant rate is not counted", () => {
  const { known } = film((i) => Math.round(i * 1000 / 24), 24);
  assert.ok(steadyTimes(known, 1000));
  const moved = (list: readonly number[], at: number, by: number) =>
    list.map((time, i) => i === at ? time + by : time);
  const refused: Record<string, Partial<typeof known>> = {
    "a key frame off by two ticks": { keys: moved(known.keys, 3, 2) },
    "a frame of the first group off": { head: moved(known.head, 7, 5) },
    "a frame missing at the end": { tail: known.tail.toSpliced(3, 1) },
    "a frame twice": { head: known.head.toSpliced(3, 0, known.head[3]!) },
    "another rate": { step: 1000 / 25 },
    "no rate": { step: 0 },
    "not a rate": { step: NaN },
    "nothing read": { head: [] },
    "nothing at the end": { tail: [] },
    "more frames than a film has": { step: 1e-6 },
    "an end before the beginning": { tail: known.head, head: known.tail },
  };
  for (const [what, change] of Object.entries(refused)) {
    assert.equal(steadyTimes({ ...known, ...change }, 1000), undefined, what);
  }
});
