/** Readers of bytes: every input that once failed, and one of each kind that a search has found. */
import assert from "node:assert/strict";
import { readCorpus } from "./corpus.ts";
import { inputs, outcomeOf } from "./target.ts";
import { TARGETS } from "./targets.ts";

for (const target of TARGETS) {
  Deno.test(`${target.name}: inputs that were found end in a value or an error of ours`, async () => {
    const found = await readCorpus(target.name);
    assert.ok(found.length > 0, "it has a corpus");
    for (const bytes of [...await target.seeds(), ...found]) {
      const { isGood, kind } = await outcomeOf(target, bytes);
      assert.ok(isGood, `${bytes.toBase64()}: ${kind}`);
    }
  });
}

Deno.test("seeds are read, or they would search for nothing", async () => {
  for (const target of TARGETS) {
    for (const bytes of await target.seeds()) {
      assert.equal((await outcomeOf(target, bytes)).kind, "read", target.name);
    }
  }
});

Deno.test("a search finds what is wrong, and calls it so", async () => {
  const wrong = { name: "x", words: ["MAGIC"], seeds: () => [new Uint8Array(8)] };
  const read = (bytes: Uint8Array) => {
    if (new TextDecoder("latin1").decode(bytes).includes("MAGIC")) throw new TypeError("surprise");
  };
  for (const bytes of inputs([...wrong.seeds()], wrong.words, 1)) {
    const { isGood, kind } = await outcomeOf({ ...wrong, read }, bytes);
    if (isGood) continue;
    assert.match(kind, /^TypeError : surprise\n/);
    return;
  }
});
