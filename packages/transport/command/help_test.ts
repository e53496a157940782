import assert from "node:assert/strict";
import { command } from "./command.ts";
import { helpText, readmeTable } from "./help.ts";
import { flag, group, list, operands, option } from "./options.ts";
import { streamCommand } from "./testdata/stream_command.ts";
import { choice, file, text, whole } from "./values.ts";

const sample = command({
  ...{ name: "sample", version: "1.0.0", about: "shows what help is like" },
  options: {
    threads: option(whole({ min: 1 }), {
      ...{ help: "processors to use", short: "t", env: "X_THREADS", defaultText: "all" },
    }),
    display: flag({ help: "no page", default: true }),
    secret: flag({ help: "hidden", hidden: true }),
    ...group("Numbers", {
      precision: option(choice(["fp32", "fp16"]), { help: "arithmetic", default: "fp32" }),
      alert: list(text("RULE"), { help: "rule; may repeat" }),
      longNameOfAnOption: option(text("SOMETHING"), { help: "what is too long for its column" }),
    }),
  },
  operands: { videos: operands(file("VIDEO"), "what to read", 1) },
  notes: "One more line.",
  run: () => Promise.resolve(),
});

Deno.test("--help says how to use a command, its options by group, and their defaults", () => {
  assert.equal(
    helpText(sample, sample),
    `sample: shows what help is like

Usage: sample [options] VIDEO…

Arguments
  VIDEO  What to read.

Numbers
  --precision fp32|fp16       Arithmetic. Default: fp32.
  --alert RULE                Rule; may repeat.
  --long-name-of-an-option SOMETHING
                              What is too long for its column.

Options
  -t, --threads N  Processors to use. Default: all. Variable: X_THREADS.
  --no-display     No page.
  -h, --help       This text.
  --version        Name and version.

One more line.`,
  );
});

Deno.test("the help of a dialect shows its modes and its names after one dash", () => {
  const stream = streamCommand(() => {});
  const help = helpText(stream, stream);
  assert.match(help, /^ {2}-d FILE +Decode a file\.$/m);
  assert.match(help, /^ {2}play \[FILE\] /m);
  const decode = helpText(stream, stream.commands[1]!);
  assert.match(decode, /^Usage: stream -d \[options\] FILE$/m);
  assert.match(decode, /^ {2}-ss, --from SEC +Start\.$/m);
});

Deno.test("help is at most 90 columns wide", () => {
  const long = command({
    ...{ name: "x", about: "word ".repeat(60).trim() },
    options: { y: flag({ help: "word ".repeat(60).trim() }) },
  });
  for (const line of helpText(long, long).split("\n")) assert.ok(line.length <= 90, line);
});

Deno.test("the README's table is that of the formatter", async () => {
  const table = readmeTable(sample);
  assert.match(table, /^\| `--precision fp32\\\|fp16` +\| Arithmetic\. Default: fp32\. +\|$/m);
  assert.ok(!table.includes("secret"));
  const path = await Deno.makeTempFile({ suffix: ".md" });
  const text = `${table}\n\n${readmeTable(streamCommand(() => {}))}\n`;
  await Deno.writeTextFile(path, text);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--no-config", path],
  }).output();
  assert.ok(success);
  assert.equal(await Deno.readTextFile(path), text);
  await Deno.remove(path);
});
