import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { linesOf, outputOf, Program } from "./programs.ts";

const SLEEP = ["-c", "echo started; exec sleep 600"];
const shell = needs(hasPrograms("sh", "sleep"));

Deno.test({
  name: "outputOf() ends a program that says nothing, with the signal's reason",
  ...shell,
  fn: async () => {
    const abort = new AbortController();
    const output = outputOf("sh", SLEEP, abort.signal);
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await assert.rejects(output, /enough/);
    await assert.rejects(outputOf("sh", SLEEP, abort.signal), /enough/);
  },
});

Deno.test({
  name: "Program ends at its signal",
  ...shell,
  fn: async () => {
    const abort = new AbortController();
    await using program = new Program("sh", SLEEP, undefined, "null", abort.signal);
    const lines: string[] = [];
    for await (const line of linesOf(program.stdout)) {
      lines.push(line);
      abort.abort();
    }
    assert.deepEqual([lines, await program.finish()], [["started"], false]);
  },
});
