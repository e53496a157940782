import assert from "node:assert/strict";
import { UsageError } from "./usage_error.ts";
import {
  anyText,
  choice,
  file,
  folder,
  number,
  readValue,
  text,
  type ValueKind,
  whole,
} from "./values.ts";

/** What a kind makes of some texts; undefined for those it refuses. */
function reads<T>(kind: ValueKind<T>, ...texts: string[]): (T | undefined)[] {
  return texts.map((text) => kind.parse(text));
}

Deno.test("whole() takes whole numbers in its range, and nothing else", () => {
  assert.deepEqual(reads(whole(), "0", "-7", "+3", " 5 ", "007"), [0, -7, 3, 5, 7]);
  const wrong = ["", " ", "x", "1.5", "1e3", "0x10", "Infinity", "9007199254740993", "1 2"];
  assert.deepEqual(reads(whole(), ...wrong), wrong.map(() => undefined));
  assert.deepEqual(reads(whole({ min: 1, max: 3 }), "0", "1", "3", "4"), [
    undefined,
    1,
    3,
    undefined,
  ]);
});

Deno.test("number() takes finite numbers in its range", () => {
  assert.deepEqual(reads(number(), "1.5", "-2e3", "0"), [1.5, -2000, 0]);
  assert.deepEqual(reads(number(), "", " ", "NaN", "Infinity", "1,5"), Array(5).fill(undefined));
  assert.deepEqual(reads(number({ min: 0, max: 1 }), "-0.1", "0", "1", "1.1"), [
    ...[undefined, 0, 1, undefined],
  ]);
  assert.deepEqual(reads(number({ above: 0 }), "0", "0.001"), [undefined, 0.001]);
});

Deno.test("texts and paths are as typed; only anyText() may be empty", () => {
  for (const kind of [text(), file(), folder()]) {
    assert.deepEqual(reads(kind, "constructor", "-d", ""), ["constructor", "-d", undefined]);
  }
  assert.deepEqual(reads(anyText(), ""), [""]);
});

Deno.test("choice() takes its words and their other spellings, not names of prototypes", () => {
  const kind = choice(["fp32", "fp16"], { spellings: { half: "fp16" } });
  assert.deepEqual(reads(kind, "fp32", "half", "FP32"), ["fp32", "fp16", undefined]);
  assert.deepEqual(reads(kind, "constructor", "__proto__", ""), Array(3).fill(undefined));
});

Deno.test("an old spelling is read with a note", () => {
  const notes: string[] = [];
  const kind = choice(["fp32"], { formerly: { f32: "fp32" } });
  assert.equal(readValue(kind, "f32", "--precision", (line) => notes.push(line)), "fp32");
  assert.equal(readValue(kind, "fp32", "--precision", (line) => notes.push(line)), "fp32");
  assert.deepEqual(notes, ["--precision f32 is now --precision fp32"]);
  assert.throws(() => readValue(kind, "toString", "--precision"), UsageError);
});

Deno.test("every wrong value is refused in one phrase", () => {
  const phrases: [ValueKind<unknown>, string][] = [
    [whole({ min: 1 }), "whole numbers from 1"],
    [whole({ min: 2, max: 4 }), "whole numbers from 2 to 4"],
    [whole({ max: 4 }), "whole numbers to 4"],
    [whole(), "whole numbers"],
    [number({ above: 0, max: 1 }), "numbers above 0 to 1"],
    [choice(["a", "b"]), "a, b"],
  ];
  for (const [kind, allowed] of phrases) {
    const message = `Cannot read --x: found "?", expected ${allowed}`;
    assert.throws(() => readValue(kind, "?", "--x"), { name: "UsageError", message });
  }
  assert.throws(() => readValue(whole(), "\x1b[2J\x9b", "--x"), /found "\\u001b\[2J\\x9b"/);
});

Deno.test("a kind can say more by throwing; what is no misuse passes through", () => {
  const throwing = (error: Error): ValueKind<string> => ({
    ...text(),
    parse: () => {
      throw error;
    },
  });
  const misuse = throwing(new SyntaxError("found measure speed"));
  assert.throws(() => readValue(misuse, "x", "--alert"), {
    name: "UsageError",
    message: "Cannot read --alert: found measure speed",
  });
  const fault = new Error("disk");
  assert.throws(() => readValue(throwing(fault), "x", "--alert"), fault);
});
