import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { mutations } from "#testing/fuzz.ts";
import { ClipTokenizer } from "./tokenizer.ts";

// A table of our own: letters a to d, joined to words.
const MERGES = new TextEncoder().encode("#version: 0.2\na b\nc d</w>\nab cd</w>\nb c\n");

Deno.test("ClipTokenizer joins the pair that comes first in the table", () => {
  const tokenizer = new ClipTokenizer(MERGES);
  assert.equal(tokenizer.vocabulary, 512 + 4 + 2);
  const [start, end] = [516, 517];
  const letter = (c: string) => c.charCodeAt(0) - 33;
  assert.deepEqual(tokenizer.encode("abcd"), [start, 514, end]);
  assert.deepEqual(tokenizer.encode("ABCD  cd"), [start, 514, 513, end]);
  assert.deepEqual(tokenizer.encode("bca"), [start, 515, 256 + letter("a"), end]);
  assert.deepEqual(tokenizer.encode("a1b's"), [
    start,
    ...[256 + letter("a"), 256 + letter("1"), 256 + letter("b")],
    ...[letter("'"), 256 + letter("s"), end],
  ]);
});

Deno.test("ClipTokenizer takes letters of any language as bytes, and cuts what is too long", () => {
  const tokenizer = new ClipTokenizer(new Uint8Array(gzipSync(MERGES)));
  assert.equal(tokenizer.encode("é").length, 4);
  const long = tokenizer.encode("abcd ".repeat(100));
  assert.equal(long.length, 77);
  assert.equal(long.at(-1), 517);
});

Deno.test("ClipTokenizer refuses a table that is none", () => {
  const bytes = new TextEncoder().encode("head\nonly-one-word\n");
  assert.throws(() => new ClipTokenizer(bytes), { name: "SyntaxError", message: /only-one-word/ });
});

Deno.test("ClipTokenizer reads damaged tables or refuses them", () => {
  for (const good of [MERGES, new Uint8Array(gzipSync(MERGES))]) {
    for (const bytes of mutations(good, 200)) {
      try {
        const tokens = new ClipTokenizer(bytes).encode("abcd bcd");
        assert.ok(tokens.every((token) => Number.isInteger(token)));
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
      }
    }
  }
});

Deno.test("ClipTokenizer reads no more lines than there are merges, and no file of gigabytes", () => {
  const many = new TextEncoder().encode(`#version\n${"a b\n".repeat(50_000)}`);
  assert.equal(new ClipTokenizer(many).vocabulary, 512 + 1 + 2);
  const behind = new TextEncoder().encode(`#version\n${"\n".repeat(48_894)}a b c d\n`);
  assert.equal(new ClipTokenizer(behind).vocabulary, 512 + 2);
  assert.throws(() => new ClipTokenizer(new Uint8Array((1 << 24) + 1)), SyntaxError);
});
