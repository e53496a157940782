import assert from "node:assert/strict";
import { ManualClock } from "../flow/clock.ts";
import { ProgressLine } from "./progress.ts";

function terminal(isTerminal: boolean) {
  let written = "";
  const output = {
    isTerminal: () => isTerminal,
    columns: () => 10,
    writeSync(bytes: Uint8Array) {
      written += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  };
  return { output, written: () => written };
}

Deno.test("a progress line rewrites itself at most ten times a second, and clears", async () => {
  const { output, written } = terminal(true);
  const clock = new ManualClock();
  {
    using line = new ProgressLine(output, clock);
    line.update("one");
    await clock.advance(99);
    line.update("two");
    await clock.advance(1);
    line.update("three");
  }
  assert.equal(written(), "\r\x1b[2Kone\r\x1b[2Kthree\r\x1b[2K");
});

Deno.test("a progress line fits the terminal, and nothing in it steers that", () => {
  const { output, written } = terminal(true);
  const line = new ProgressLine(output, new ManualClock());
  line.update("\x1b[2J23456789");
  assert.equal(written(), "\r\x1b[2K\\x1b[2J23");
});

Deno.test("a progress line is silent where nobody looks, and where nothing was shown", () => {
  const away = terminal(false);
  const line = new ProgressLine(away.output, new ManualClock());
  line.update("one");
  line[Symbol.dispose]();
  assert.equal(away.written(), "");
  const here = terminal(true);
  new ProgressLine(here.output, new ManualClock())[Symbol.dispose]();
  assert.equal(here.written(), "");
});
