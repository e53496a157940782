import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { parseStrictJson } from "./strict_json.ts";
import { hasCode } from "../testdata/format_cases.ts";

function parse(text: string, maxDepth = 8): unknown {
  return parseStrictJson(text, { maxDepth, what: "the test" });
}

/** Maps back to objects, for comparison with JSON.parse. */
function plain(value: unknown): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

Deno.test("parseStrictJson() reads what JSON.parse reads", () => {
  const texts = [
    '{"a":[1,-2.5e3,true,false,null,"x"],"b":{}}',
    " [ ] ",
    '"\\u00e9\\n\\\\\\""',
    '"\\\\"',
    "0",
    '{"a":{"b":[{"c":[]}]}}',
    '"\\ud83c\\udfa5"',
  ];
  for (const text of texts) assert.deepEqual(plain(parse(text)), JSON.parse(text));
});

Deno.test("parseStrictJson() refuses what JSON.parse refuses", () => {
  const texts = [
    "",
    " ",
    "{",
    "[1,]",
    '{"a":1,}',
    '{"a"}',
    "{a:1}",
    "01",
    "1.",
    "+1",
    "NaN",
    "'a'",
    '"a',
    '"\t"',
    '"\\x"',
    "[1 2]",
    "{} {}",
    "tru",
    "]",
    '{"a":}',
    "\ufeff1",
    "1\u00a0",
  ];
  for (const text of texts) {
    assert.throws(() => JSON.parse(text), SyntaxError, text);
    assert.throws(() => parse(text), hasCode("format"), text);
  }
});

Deno.test("parseStrictJson() refuses more than JSON.parse: equal keys, depth, lone surrogates", () => {
  assert.throws(() => parse('{"a":1,"\\u0061":2}'), hasCode("format"));
  assert.throws(() => parse("[[[]]]", 2), hasCode("format"));
  assert.throws(() => parse("[".repeat(100_000)), hasCode("format"));
  assert.throws(() => parse('"\\ud800"'), hasCode("format"));
});

Deno.test("keys of Object.prototype are only keys", () => {
  const value = parse('{"__proto__":{"polluted":true},"constructor":1}');
  assert.ok(value instanceof Map);
  assert.deepEqual([...value.keys()], ["__proto__", "constructor"]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("strings of millions of escapes take no stack", () => {
  const text = `"${"\\n".repeat(3_000_000)}"`;
  assert.equal((parse(text) as string).length, 3_000_000);
  assert.throws(() => parse(text.slice(0, -1)), hasCode("format"));
});

Deno.test("random JSON-like texts get the verdict of JSON.parse", () => {
  const next = random(3);
  const parts = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"b"',
    "1",
    "-",
    ".5",
    "e3",
    "null",
    " ",
    "\\",
  ];
  for (let i = 0; i < 20_000; i++) {
    const length = 1 + Math.floor(next() * 7);
    const text = Array.from({ length }, () => parts[Math.floor(next() * parts.length)]).join("");
    let expected: unknown;
    try {
      expected = JSON.parse(text);
    } catch {
      assert.throws(() => parse(text), hasCode("format"), text);
      continue;
    }
    try {
      assert.deepEqual(plain(parse(text)), expected);
    } catch (error) {
      assert.match(String(error), /second time/, text);
    }
  }
});
