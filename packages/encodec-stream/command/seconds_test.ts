import assert from "node:assert/strict";
import { SECONDS } from "./seconds.ts";

Deno.test("times are seconds, or minutes and hours before them", () => {
  const cases: [string, number | undefined][] = [
    ["90", 90],
    ["1.5", 1.5],
    ["1:30", 90],
    ["75:00.25", 4500.25],
    ["1:02:03.5", 3723.5],
    ["-1", undefined],
    ["1:60", undefined],
    [":30", undefined],
    ["1:", undefined],
    ["soon", undefined],
  ];
  for (const [text, seconds] of cases) assert.equal(SECONDS.parse(text), seconds, text);
});
