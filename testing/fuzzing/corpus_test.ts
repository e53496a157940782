/** Readers of bytes: every input that once failed, and one of each kind that a search has found. */
import assert from "node:assert/strict";
import { filesBelow, isPublished, readText } from "../house.ts";
import { whereThere } from "../shared.ts";
import { compare, pythonFor } from "./compare.ts";
import { readCorpus } from "./corpus.ts";
import type { Found } from "./search.ts";
import { OTHERS, PARSERS } from "./parsers.ts";
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

for (const target of TARGETS) {
  const { name, reference } = target;
  if (reference === undefined) continue;
  Deno.test({
    ...whereThere(
      `${name}: what is read of these inputs is what the format's own library reads`,
      { "that library for Python": pythonFor(reference) !== undefined },
    ),
    async fn() {
      const found: Found[] = [];
      for (const bytes of [...await target.seeds(), ...await readCorpus(name)]) {
        const { kind, parts } = await outcomeOf(target, bytes);
        if (parts) found.push({ bytes: bytes.toBase64(), kind, parts });
      }
      const { same, differs } = (await compare(reference, found))!;
      assert.deepEqual(differs.map(({ bytes }) => bytes), []);
      assert.ok(same > 0);
    },
  });
}

Deno.test("every parser of the packages has a target, or a reason for having none", async () => {
  const parsers: string[] = [];
  for (const path of (await filesBelow("packages")).filter(isPublished)) {
    const isProgram = path.endsWith(".ts") && !/assets\.ts$|\/testing\//.test(path);
    const code = isProgram ? (await readText(path)).replace(/^ *(\/\*)?\*.*$/gm, "") : "";
    if (/new DataView\(|JSON\.parse\(|parseStrictJson\(|\.getUint(8|16|32)\(/.test(code)) {
      parsers.push(path.slice("packages/".length));
    }
  }
  const known = [...Object.keys(PARSERS), ...Object.keys(OTHERS)];
  assert.deepEqual(parsers.filter((path) => !known.includes(path)), []);
  assert.deepEqual(Object.keys(OTHERS).filter((path) => !parsers.includes(path)), []);
  const names = TARGETS.map(({ name }) => name);
  assert.deepEqual(Object.values(PARSERS).filter((name) => !names.includes(name)), []);
});

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
