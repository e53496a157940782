import assert from "node:assert/strict";
import { parseRule } from "../alerts.ts";
import { StatusRules } from "./status_rules.ts";

Deno.test("lost counts the seconds without a frame, and raises one alert until frames come again", () => {
  const rules = new StatusRules([
    parseRule("gone: lost > 3 cooldown 0s"),
    parseRule("drift > 0.1"),
  ]);
  assert.equal(rules.any, true);
  const raised = (second: number) => rules.second(second).map(({ rule, value }) => [rule, value]);
  rules.watched();
  const silent = Array.from({ length: 8 }, (_, second) => raised(second));
  assert.deepEqual(silent.flat(), [["gone", 4]]);
  assert.deepEqual(silent[4], [["gone", 4]]);
  rules.watched();
  const again = Array.from({ length: 6 }, (_, second) => raised(8 + second));
  assert.deepEqual(again.flat(), [["gone", 4]]);
});

Deno.test("left_out is percent of the last minute's frames", () => {
  const rules = new StatusRules([parseRule("slow: left_out > 50 cooldown 0s")]);
  const second = (time: number, watched: number, dropped: number) => {
    for (let n = 0; n < watched; n++) rules.watched();
    for (let n = 0; n < dropped; n++) rules.dropped();
    return rules.second(time).map(({ value }) => value);
  };
  assert.deepEqual(second(0, 5, 5), []);
  assert.deepEqual(second(1, 0, 10), [75]);
  for (let time = 2; time < 60; time++) assert.deepEqual(second(time, 1, 0), []);
  assert.deepEqual(second(60, 0, 0), []);
});

Deno.test("a camera without such rules is not looked at", () => {
  assert.equal(new StatusRules([parseRule("drift > 0.1")]).any, false);
});
