import assert from "node:assert/strict";
import { didYouMean, editDistance, nearest } from "./suggest.ts";

Deno.test("editDistance() counts insertions, deletions, replacements and swaps", () => {
  const cases: [string, string, number][] = [
    ["device", "device", 0],
    ["devcie", "device", 1],
    ["devce", "device", 1],
    ["devicee", "device", 1],
    ["davice", "device", 1],
    ["", "abc", 3],
    ["abc", "", 3],
    ["ca", "abc", 3],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, edits] of cases) assert.equal(editDistance(a, b), edits, `${a} ${b}`);
});

Deno.test("nearest() names what is near, the nearest first, and nothing that is far", () => {
  const words = ["device", "decode", "threads", "to"];
  assert.equal(nearest("devcie", words), "device");
  assert.equal(nearest("decod", words), "decode");
  assert.equal(nearest("thr", words), "threads");
  assert.equal(nearest("th", words), "to");
  assert.equal(nearest("colour", words), undefined);
  assert.equal(nearest("", words), undefined);
  assert.equal(nearest("d".repeat(65), ["d".repeat(65)]), undefined);
  assert.equal(nearest("dexode", ["decode", "deyode"]), "decode");
});

Deno.test("didYouMean() is a question, or nothing", () => {
  assert.equal(didYouMean("snd", ["send"]), ": did you mean send?");
  assert.equal(didYouMean("devcie", ["device"], "--"), ": did you mean --device?");
  assert.equal(didYouMean("xyz", ["send"]), "");
});
