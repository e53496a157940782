import assert from "node:assert/strict";
import { command } from "@vcs/transport/internal";
import { checkReadme } from "#testing/readme.ts";
import { encodecStream } from "./command.ts";

/** The command with subcommands that only say what they would be run with. */
function recorded(report: (run: unknown) => void) {
  const commands = encodecStream.commands.map(({ name, modes, about, options, operands }) =>
    command({
      ...{ name, modes, about, options, operands },
      run: ({ options, operands }) =>
        Promise.resolve(report({ mode: name, ...operands, ...options })),
    })
  );
  return command({ name: "encodec-stream", about: "", version: "1.0.0", commands });
}

/** What a line is understood as: the mode, the file, and the options that differ from defaults. */
async function read(...args: string[]): Promise<Record<string, unknown>> {
  const { run } = await readWithNotes(...args);
  return run;
}

async function readWithNotes(...args: string[]) {
  const runs: Record<string, unknown>[] = [];
  const notes: string[] = [];
  await recorded((run) => runs.push(run as Record<string, unknown>)).invoke(args, {
    signal: new AbortController().signal,
    env: () => undefined,
    note: (line) => notes.push(line),
  });
  return { run: runs[0]!, notes };
}

const DECODE = {
  ...{ mode: "decode", from: 0, to: 0, output: "-", format: "s16", lowLatency: false },
  ...{ rescale: false, timeout: 30, allowClass: [] },
};
const ENCODE = {
  ...{ mode: "encode", input: "-", lowLatency: false },
  ...{ queue: 8, policy: "block", timeout: 30, allowClass: [] },
};

Deno.test("the original's command lines mean what they meant", async () => {
  assert.deepEqual(await read(..."-ss 10.5 -to 20 -b 4 -g 1 -d song.ecdc".split(" ")), {
    ...DECODE,
    ...{ file: "song.ecdc", from: 10.5, to: 20, batch: 4, gpu: 1 },
  });
  assert.deepEqual(await read(..."-b 3.5k -n Title -s URL -t IMAGE -g 0 -e out.ecdc".split(" ")), {
    ...ENCODE,
    ...{ file: "out.ecdc", bitrate: 3.5, name: "Title", source: "URL", thumbnail: "IMAGE", gpu: 0 },
  });
  assert.equal((await read("-e", "-d", "-i", "x")).mode, "info");
  assert.equal((await read("-e", "-d", "x")).mode, "decode");
  assert.equal((await read("-d", "-b", "-1", "x")).batch, -1);
  assert.equal((await read("-ss", "1:30", "-d", "x")).from, 90);
  assert.equal((await read("-g", "-1", "-e", "x")).gpu, -1);
  assert.equal((await read("-i", "-g", "0", "x")).mode, "info");
  for (const rescale of ["-r", "--rescale"]) {
    assert.equal((await read(rescale, "-d", "x")).rescale, true);
  }
});

Deno.test("titles and file names are what they are", async () => {
  for (const name of ["constructor", "__proto__", "-d", "-i", "--decode", "-ss", "a=b", ""]) {
    assert.deepEqual(await read("-n", name, "-e", "o"), { ...ENCODE, file: "o", name }, name);
  }
  for (const file of ["constructor", "toString", "decode", "play", "-"]) {
    assert.deepEqual(await read("-d", file), { ...DECODE, file }, file);
  }
  assert.equal((await read("-d", "--", "-ss")).file, "-ss");
  assert.equal((await read("-n", " w5xidW5n", "-e", "o")).name, "Übung");
  await assert.rejects(
    read("-n", " %", "-e", "o"),
    /found " %", expected .* base64 after a blank/,
  );
});

Deno.test("a first argument that is a subcommand's name is that subcommand", async () => {
  const page = { mode: "play", port: 8048, host: "127.0.0.1", allowClass: [] };
  assert.deepEqual(await read("play"), page);
  assert.deepEqual(await read("play", "-d", "--port", "1").catch((e) => e.name), "UsageError");
  assert.deepEqual(await read("play", "song.ecdc", "--port", "0"), {
    ...{ ...page, file: "song.ecdc", port: 0 },
  });
  assert.deepEqual(await read("decode", "song.ecdc"), { ...DECODE, file: "song.ecdc" });
});

Deno.test("long names take their value in either form", async () => {
  assert.deepEqual(await read("--decode", "--from=3", "--low-latency", "-"), {
    ...{ ...DECODE, file: "-", from: 3, lowLatency: true },
  });
});

Deno.test("old names are accepted with a note", async () => {
  const { run, notes } = await readWithNotes(
    "-d",
    "--checkpoint",
    "a",
    "--lm-checkpoint",
    "b",
    "x",
  );
  assert.deepEqual([run.weights, run.lmWeights], ["a", "b"]);
  assert.deepEqual(notes, [
    "--checkpoint is now --weights",
    "--lm-checkpoint is now --lm-weights",
  ]);
});

Deno.test("wrong use is refused with what was found and what is expected", async () => {
  const cases: [string, RegExp][] = [
    ["x.ecdc", /found no mode, expected one of -i, -d, -e$/],
    ["-d", /^Cannot run encodec-stream -d: found 0 arguments, expected FILE\|URL$/],
    ["-d a b", /found 2 arguments/],
    ["-d --nope x", /^Unknown option --nope$/],
    ["-d --formt wav x", /did you mean --format\?$/],
    ["-i --batch 3 x", /^Cannot use --batch with -i: it belongs to -d, -e$/],
    ["-d x -ss", /^Cannot read --from: found no value/],
    ["-d --low-latency=3 x", /takes no value/],
    ["-d --format mp3 x", /^Cannot read --format: found "mp3", expected s16, f32, wav$/],
    [
      "-d --device cpu:0 x",
      /found "cpu:0", expected auto, cpu, cuda, cuda:N, webgpu or kserve:\/\/HOST:PORT$/,
    ],
    ["-d -ss soon x", /^Cannot read --from: found "soon", expected seconds from 0, or \[h:\]m:s$/],
    ["-e -b 0 x", /found "0", expected numbers above 0, in kbit\/s$/],
    ["-e -b - x", /^Cannot read --bitrate: found "-"/],
    [
      "-e https://example.com/x.ecdc",
      /^Cannot read FILE: found "https:.*paths of files, and channels such as tcp:\/\/host:7000$/,
    ],
    ["play a b", /found 2 arguments, expected \[FILE\|URL\]$/],
    ["play --port 65536", /whole numbers from 0 to 65535$/],
  ];
  for (const [line, message] of cases) {
    await assert.rejects(read(...line.split(" ")), { name: "UsageError", message }, line);
  }
});

Deno.test("the README has the command's table", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), encodecStream);
});
