import assert from "node:assert/strict";
import { AlertRules, parseRule } from "./alerts.ts";

/** Times of the alerts of a rule over values that come every second. */
function raised(rule: string, values: readonly (number | undefined)[]): number[] {
  const rules = new AlertRules([parseRule(rule)]);
  return values.flatMap((drift, time) => rules.push({ drift }, time)).map((alert) => alert.time);
}

Deno.test("parseRule() reads name, measure, threshold and clauses", () => {
  assert.deepEqual(parseRule("moved: reference > .3 for 2s cooldown 60 clear 0.5"), {
    name: "moved",
    metric: "reference",
    threshold: 0.3,
    relative: false,
    hold: 2,
    cooldown: 60,
    clear: 0.5,
  });
  assert.deepEqual(parseRule(" drift>8mad "), {
    name: "drift",
    metric: "drift",
    threshold: 8,
    relative: true,
    hold: 0,
    cooldown: 10,
    clear: 0.7,
  });
});

for (
  const text of [
    "",
    "drift",
    "drift < 3",
    "speed > 3",
    "drift > x",
    "drift > 1 after 2s",
    "a b > 1",
  ]
) {
  Deno.test(`parseRule() refuses "${text}"`, () => {
    assert.throws(() => parseRule(text), { name: "SyntaxError", message: /^Cannot read rule/ });
  });
}

Deno.test("an alert is raised once, until the measure has come down", () => {
  const rule = "drift > 1 cooldown 0";
  assert.deepEqual(raised(rule, [0, 2, 2, 2, 0, 2]), [1, 5]);
  // 0.8 is below the threshold, but not below 0.7 of it.
  assert.deepEqual(raised(rule, [0, 2, 0.8, 2, 0.6, 2]), [1, 5]);
});

Deno.test("a hold time ignores what is short", () => {
  assert.deepEqual(raised("drift > 1 for 2s", [2, 2, 0, 2, 2, 2, 2]), [5]);
});

Deno.test("a cool-down keeps alerts apart", () => {
  const flicker = Array.from({ length: 30 }, (_, i) => (i % 2) * 2);
  assert.deepEqual(raised("drift > 1 cooldown 10s", flicker), [1, 11, 21]);
});

Deno.test("a clock that is set back does not put alerts off", () => {
  const rules = new AlertRules([parseRule("drift > 1 for 2s cooldown 60s")]);
  const times = [1000, 1001, 1002, 1003, 10, 11, 12, 13];
  const drifts = [2, 2, 2, 0, 2, 2, 2, 2];
  const alerts = times.flatMap((time, i) => rules.push({ drift: drifts[i] }, time));
  assert.deepEqual(alerts.map(({ time }) => time), [1002, 12]);
});

Deno.test("a relative threshold is learned, and values without data are skipped", () => {
  const calm = Array.from({ length: 30 }, (_, i) => (i % 3) / 10);
  assert.deepEqual(raised("drift > 6mad", [undefined, ...calm, 0.3, 5]), [32]);
});

Deno.test("a relative threshold is above nothing if frames repeat", () => {
  const twice = Array.from({ length: 400 }, (_, i) => i % 2 === 0 ? 0 : i === 301 ? 0.8 : 0.001);
  assert.deepEqual(raised("drift > 6mad", twice), [301]);
});

Deno.test("an alert over a relative threshold ends by its distance from the usual", () => {
  const calm = Array.from({ length: 30 }, (_, i) => 1 + (i % 3) / 100);
  // The usual is 1.01, the threshold 1.13: 0.7 of that would be below every value.
  assert.deepEqual(raised("drift > 8mad cooldown 0", [...calm, 2, 1.02, 2]), [30, 32]);
});

Deno.test("what a cool-down holds back is counted, and comes with the next alert", () => {
  const rules = new AlertRules([parseRule("cut: drift > 0.3 cooldown 10s")]);
  const values = [0.9, 0, 0.9, 0.9, 0, 0.9, 0, 0, 0, 0, 0.9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.9];
  const raised = values.flatMap((drift, time) => rules.push({ drift }, time));
  assert.deepEqual(raised.map(({ time, heldBack }) => [time, heldBack]), [[0, 0], [10, 2], [
    21,
    0,
  ]]);
});

Deno.test("what outlasts a cool-down is the next alert, and not held back before it", () => {
  const rules = new AlertRules([parseRule("cut: drift > 0.3 cooldown 3s")]);
  const raised = [0.9, 0, 0.9, 0.9, 0.9].flatMap((drift, time) => rules.push({ drift }, time));
  assert.deepEqual(raised.map(({ time, heldBack }) => [time, heldBack]), [[0, 0], [3, 0]]);
});
