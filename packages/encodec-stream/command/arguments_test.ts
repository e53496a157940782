import assert from "node:assert/strict";
import { UsageError } from "@vcs/transport/internal";
import { helpText, parseArguments } from "./arguments.ts";

const parse = (line: string) => {
  const { mode, file, options } = parseArguments(line.split(" "));
  return { mode, file, ...Object.fromEntries(options) };
};

Deno.test("the original's command lines mean what they meant", () => {
  assert.deepEqual(parse("-ss 10.5 -to 20 -b 4 -g 1 -d song.ecdc"), {
    mode: "decode",
    file: "song.ecdc",
    from: "10.5",
    to: "20",
    batch: "4",
    gpu: "1",
  });
  assert.deepEqual(parse("-b 3.5k -n Title -s URL -t PIC -e out.ecdc"), {
    mode: "encode",
    file: "out.ecdc",
    bitrate: "3.5k",
    name: "Title",
    source: "URL",
    thumbnail: "PIC",
  });
  assert.equal(parse("-e -d -i x").mode, "info");
  assert.equal(parse("-e -d x").mode, "decode");
});

Deno.test("long names take their value in either form", () => {
  assert.equal(parse("--decode --from=3 x").mode, "decode");
  assert.deepEqual(parse("-d --from=3 --low-latency -"), {
    mode: "decode",
    file: "-",
    from: "3",
    "low-latency": "",
  });
});

Deno.test("wrong use is refused with what was wrong", () => {
  const cases: [string, RegExp][] = [
    ["x.ecdc", /one of -i, -d and -e/],
    ["-d", /one file is needed, found 0/],
    ["-d a b", /found 2/],
    ["-d --nope x", /--nope/],
    ["-i --batch 3 x", /--batch with --info/],
    ["-d -ss", /-ss: it needs a value/],
    ["-d --low-latency=3 x", /takes no value/],
  ];
  for (const [line, message] of cases) {
    assert.throws(() => parse(line), (e) => e instanceof UsageError && message.test(e.message));
  }
});

Deno.test("the help fits a screen", () => {
  const lines = helpText().split("\n");
  assert.ok(lines.length <= 40 && lines.every((line) => line.length <= 90));
});
