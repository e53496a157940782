import assert from "node:assert/strict";
import { formatFloat, formatJson, parseJson } from "./python_json.ts";

Deno.test("formatFloat() prints what Python's repr prints", () => {
  const cases: [number, string][] = [
    [10, "10.0"],
    [0.1, "0.1"],
    [244.3668125, "244.3668125"],
    [1e-5, "1e-05"],
    [0.0001, "0.0001"],
    [0.00012345, "0.00012345"],
    [1e16, "1e+16"],
    [1.5e22, "1.5e+22"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1e15, "1000000000000000.0"],
    [-2.5e-7, "-2.5e-07"],
    [100, "100.0"],
    [0.1 + 0.2, "0.30000000000000004"],
    [-0, "-0.0"],
  ];
  for (const [value, text] of cases) assert.equal(formatFloat(value), text);
});

Deno.test("numbers keep the kind that the text gave them", () => {
  const text =
    '{"a": 1, "b": 1.0, "c": 123456789012345678901234567890, "d": 1000.0, "e": [0.1, null]}';
  assert.equal(formatJson(parseJson(text)), text);
  assert.equal(formatJson(parseJson('{"x":1e3}')), '{"x": 1000.0}');
});

Deno.test("what looks like a number in a string or a key stays text", () => {
  const text = '{"1": "2.50", "n3": "s\\"4", "sub": [{"n": "-1e5"}, true, -7]}';
  assert.deepEqual(parseJson(text), JSON.parse(text));
  for (const bad of ["01", "1.", '{"a" 1}', '"1', "[1 2]", "+1", "n1", "NaN"]) {
    assert.throws(() => parseJson(bad), SyntaxError, bad);
  }
});

Deno.test("text leaves as ASCII", () => {
  assert.equal(
    formatJson({ n: 'café 😀 \u007f "\\ \n\u001b' }, false),
    String.raw`{"n":"caf\u00e9 \ud83d\ude00 \u007f \"\\ \n\u001b"}`,
  );
});
