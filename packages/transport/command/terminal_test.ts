import assert from "node:assert/strict";
import { isClosedPipe, printable, writeText } from "./terminal.ts";

Deno.test("printable() makes every character visible that steers a terminal or turns text", () => {
  assert.equal(
    printable("a\x1b[31m\x07\0\x7f\x9b\r\n\t"),
    "a\\x1b[31m\\x07\\x00\\x7f\\x9b\\r\\n\\t",
  );
  assert.equal(printable("a\u202eb\u2066c\u2028d\u200fe"), "a\\u202eb\\u2066c\\u2028d\\u200fe");
  assert.equal(printable("é 日本 😀 \\ ~ \u00a0"), "é 日本 😀 \\ ~ \u00a0");
  for (let code = 0; code < 0x2100; code++) {
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const text = printable(String.fromCharCode(code));
    if (isControl) assert.match(text, /^\\(x[0-9a-f]{2}|[nrt])$/);
  }
});

Deno.test("writeText() writes to the end where the system takes less at a time", () => {
  const taken: number[] = [];
  const writeSync = (bytes: Uint8Array) => {
    const part = bytes.subarray(0, 3);
    taken.push(...part);
    return part.length;
  };
  writeText({ writeSync }, "a längeres Wort\n");
  assert.equal(new TextDecoder().decode(Uint8Array.from(taken)), "a längeres Wort\n");
});

Deno.test("isClosedPipe() knows Deno's and Node's error", () => {
  assert.ok(isClosedPipe(new Deno.errors.BrokenPipe("x")));
  assert.ok(isClosedPipe(Object.assign(new Error("x"), { code: "EPIPE" })));
  assert.ok(!isClosedPipe(Object.assign(new Error("x"), { code: "ENOENT" })));
  assert.ok(!isClosedPipe("EPIPE"));
});
