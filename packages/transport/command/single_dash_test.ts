import assert from "node:assert/strict";
import { streamCommand } from "./testdata/stream_command.ts";

/** What a line is understood as: mode, options, file. */
async function read(...args: string[]): Promise<unknown> {
  const runs: unknown[][] = [];
  const context = { signal: new AbortController().signal, env: () => undefined };
  await streamCommand((run) => runs.push(run)).invoke(args, context);
  const [[mode, options, file] = []] = runs;
  return { mode, file, ...options as object };
}

const DECODE = { mode: "decode", batch: 16, lowLatency: false };
const ENCODE = { mode: "encode", lowLatency: false };

function refuses(line: string, message: RegExp): Promise<void> {
  return assert.rejects(() => read(...line.split(" ")), { name: "UsageError", message });
}

Deno.test("names after one dash mean the same as the long ones, anywhere in the line", async () => {
  const wanted = { ...DECODE, file: "song.ecdc", from: 10.5, to: 20, batch: 4, gpu: 1 };
  const lines = [
    "-ss 10.5 -to 20 -b 4 -g 1 -d song.ecdc",
    "-d song.ecdc -g 1 -b 4 -to 20 -ss 10.5",
    "--decode --from=10.5 --to 20 --batch=4 --gpu 1 song.ecdc",
    "decode --from 10.5 --to 20 -b 4 -g 1 song.ecdc",
    "-ss=10.5 -to=20 song.ecdc -b=4 -g=1 -d",
  ];
  for (const line of lines) assert.deepEqual(await read(...line.split(" ")), wanted, line);
});

Deno.test("one letter is one option in one mode and another in the next", async () => {
  assert.deepEqual(await read("-b", "3.5k", "-e", "out.ecdc"), {
    ...{ ...ENCODE, file: "out.ecdc", bitrate: "3.5k" },
  });
  assert.deepEqual(await read("-b", "2", "-d", "x"), { ...DECODE, file: "x", batch: 2 });
});

Deno.test("of several modes the first of the table wins", async () => {
  assert.deepEqual(await read("-e", "-d", "-i", "x"), { mode: "info", file: "x", json: false });
  assert.deepEqual(await read("-e", "-d", "x"), { ...DECODE, file: "x" });
});

Deno.test("titles and file names are what they are", async () => {
  for (const name of ["constructor", "__proto__", "-d", "-e", "--decode", "--", "-ss", "a=b"]) {
    assert.deepEqual(await read("-n", name, "-e", "o.ecdc"), { ...ENCODE, file: "o.ecdc", name });
  }
  for (const file of ["constructor", "toString", "decode", "play", "-", "a=b"]) {
    assert.deepEqual(await read("-d", file), { ...DECODE, file });
  }
  assert.deepEqual(await read("-d", "--", "-e"), { ...DECODE, file: "-e" });
});

Deno.test("a first argument that is a subcommand's name is that subcommand", async () => {
  assert.deepEqual(await read("play", "song.ecdc"), { mode: "play", file: "song.ecdc" });
  assert.deepEqual(await read("play"), { mode: "play", file: undefined });
  assert.deepEqual(await read("-d", "./play"), { ...DECODE, file: "./play" });
});

Deno.test("wrong use is refused with what was wrong", async () => {
  await refuses("x.ecdc", /^Cannot choose what to do: found no mode, expected one of -i, -d, -e$/);
  await refuses("-ss 5", /found no mode/);
  await refuses("-d", /^Cannot run stream -d: found 0 arguments, expected FILE$/);
  await refuses("-d a b", /found 2 arguments/);
  await refuses("-d -e=3 x", /^Unknown option -e$/);
  await refuses("-d --nope x", /^Unknown option --nope$/);
  await refuses("-d --formt f32 x", /^Unknown option --formt: did you mean --format\?$/);
  await refuses("-d -from 3 x", /^Unknown option -from: did you mean --from\?$/);
  await refuses("-i --batch 3 x", /^Cannot use --batch with -i: it belongs to -d$/);
  await refuses("-e -ss 3 x", /^Cannot use -ss with -e: it belongs to -d$/);
  await refuses("-d x -ss", /^Cannot read --from: found no value/);
  await refuses(
    "-d --low-latency=3 x",
    /^Cannot read --low-latency: found "3", it takes no value$/,
  );
});
