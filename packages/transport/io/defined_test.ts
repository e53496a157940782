import assert from "node:assert/strict";
import { defined } from "./defined.ts";

Deno.test("defined: drops what is undefined, and nothing else", () => {
  const given: { a: number; b: string | undefined; c?: number | undefined; d: null; e: string } = {
    a: 0,
    b: undefined,
    d: null,
    e: "",
  };
  const fields: { a: number; b?: string; c?: number; d: null; e: string } = defined(given);
  assert.deepEqual(fields, { a: 0, d: null, e: "" });
  assert.deepEqual(Object.keys(fields), ["a", "d", "e"]);
});
