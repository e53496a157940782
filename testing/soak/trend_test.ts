import assert from "node:assert/strict";
import { random } from "../fuzz.ts";
import { floorOf, judge, type Point, trendOf } from "./trend.ts";

/** Megabytes each second, as a collector leaves them: a saw's teeth of 60 MB on a slope, and noise. */
function saw(minutes: number, growth: number): Point[] {
  const next = random(3);
  return Array.from({ length: minutes * 60 }, (_, second) => {
    const minute = second / 60;
    return [minute, 150 + growth * minute + second % 17 * 60 / 17 + next() * 4];
  });
}

const verdict = (minutes: number, growth: number) =>
  judge(trendOf(floorOf(saw(minutes, growth))), 0.2, minutes);

Deno.test("a leak of a megabyte a minute is seen under teeth of sixty, and none where there is none", () => {
  assert.equal(verdict(60, 0), "steady");
  assert.equal(verdict(60, 1), "grows");
  assert.equal(verdict(60, -1), "steady");
});

Deno.test("a short run, in which processes still settle, says of nothing that it grows", () => {
  assert.equal(verdict(3, 30), "too short to say");
  assert.equal(verdict(15, 30), "grows");
  assert.equal(judge(trendOf([[0, 1], [1, 1]]), 0.2, 60), "too short to say");
  assert.equal(judge(trendOf([]), 0.2, 60), "too short to say");
});

Deno.test("the slope is the median of those between all pairs, with Sen's interval", () => {
  const points = Array.from({ length: 20 }, (_, at): Point => [at, at === 7 ? 500 : 2 * at]);
  assert.equal(trendOf(points)!.slope, 2);
  const { least, most } = trendOf(floorOf(saw(60, 1)))!;
  assert.ok(least < 1 && most > 1 && most - least < 0.2, `${least} to ${most}`);
});

Deno.test("a floor is the lowest of each stretch", () => {
  const points = Array.from({ length: 40 }, (_, at): Point => [at, at % 2 === 0 ? at : 1000]);
  assert.deepEqual(floorOf(points).slice(0, 3), [[0, 0], [2, 2], [4, 4]]);
});
