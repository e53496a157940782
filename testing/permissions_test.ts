import { encodeWav, VideoWriter } from "@vcs/media";
import assert from "node:assert/strict";
import { join } from "node:path";
import { readText, ROOT } from "./house.ts";
import { COMMANDS } from "./install.ts";

const WEIGHTS = join(ROOT, "packages/video-vq/testdata/vq_tiny.safetensors");
const TINY = ["--model", "vq-tiny", "clip.mp4"];
const WATCH = ["--model", "gist", "--no-display", "-s", "clip.mp4"];

/** Something that a command does. */
interface Job {
  readonly args: readonly string[];
  /** What it says once it is at work, where it goes on until it is ended. */
  readonly until?: RegExp;
}

/** Jobs by command and by their row in the README's section "Permissions". */
const JOBS: Readonly<Record<string, Readonly<Record<string, Job>>>> = {
  "transport": {
    "`delivery`": { args: ["delivery"] },
    "`send`, `receive` over `tcp:` and `zmq…:`": {
      args: ["receive", "tcp://127.0.0.1:0"],
      until: /from tcp:/,
    },
  },
  "onnx": {
    "`doctor FILE`": { args: ["doctor", WEIGHTS] },
    "`doctor`": { args: ["doctor"] },
    "`cache`": { args: ["cache"] },
  },
  "encodec-stream": {
    "`-i`": { args: ["-i", "media.ecdc"] },
    "`-d` to stdout": { args: ["-d", "media.ecdc"] },
    "`-e` and `-d` to a file": { args: ["--input", "media.wav", "-e", "copy.ecdc"] },
    "`list`": { args: ["list"] },
    "`play`": { args: ["play", "--port", "0", "media.ecdc"], until: /at http:/ },
  },
  "video-vq": {
    "`encode`, `decode`, `roundtrip`": { args: ["roundtrip", ...TINY] },
    "`inspect`": { args: ["inspect", "file:windows"] },
  },
  "patch-stream": {
    "`VIDEO…`": { args: ["-o", "out", "clip.mp4"] },
  },
  "clip-drift": {
    "`-s FILE`": { args: WATCH },
    "`-s FILE --no-save`": { args: [...WATCH, "--no-save"] },
    "`camera`": { args: ["camera", "--port", "0"], until: /at http:/ },
    "`view`": { args: ["view", "."], until: /at http:/ },
  },
  "together": {
    "`encode`": { args: ["encode", "clip.mp4", "file:film"] },
  },
};

/** Reads a stream to its end, or until a text has come. */
async function readUntil(stream: ReadableStream<Uint8Array>, text?: RegExp) {
  let read = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    read += piece;
    if (text?.test(read)) return { read, isFound: true };
  }
  return { read, isFound: false };
}

/** Runs a job under permissions; it went well where it ended with 0, or got to work. */
async function run(cwd: string, command: string, flags: readonly string[], { args, until }: Job) {
  const module = join(ROOT, "packages", command, "mod.ts");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--frozen", ...flags, module, ...args],
    ...{ cwd, env: { NO_COLOR: "1" }, stdin: "null", stdout: "null", stderr: "piped" },
  }).spawn();
  const { read, isFound } = await readUntil(child.stderr, until);
  if (isFound) child.kill("SIGKILL");
  const { code } = await child.status;
  return { code, isDone: isFound || code === 0, said: read };
}

const flagsIn = (text: string): string[] => text.match(/--allow-\w+/g) ?? [];

/** A README's section "Permissions". */
async function permissionSection(command: string): Promise<string> {
  const text = await readText(`packages/${command}/README.md`);
  return text.split("\n## ").find((part) => part.startsWith("Permissions\n")) ?? "";
}

/** The rows of the section: what is done, and the flags. */
async function permissionRows(command: string): Promise<Map<string, string[]>> {
  const rows = (await permissionSection(command)).matchAll(/^\| (`.+?) +\| (.+?) +\|$/gm);
  return new Map([...rows].map(([, job, flags]) => [job!, flagsIn(flags!)]));
}

/** Makes what the jobs read. */
async function makeMedia(folder: string): Promise<void> {
  const size = { width: 128, height: 128 };
  {
    await using video = await VideoWriter.open(join(folder, "clip.mp4"), { ...size, fps: 25 });
    for (let i = 0; i < 17; i++) {
      await video.add({ data: new Uint8Array(3 * 128 * 128).fill(9 * i) });
    }
  }
  const wav = encodeWav([new Float32Array(24_000)], { sampleRate: 24_000 });
  await Deno.writeFile(join(folder, "media.wav"), wav);
  const made = [
    await run(folder, "encodec-stream", ["-A"], {
      args: ["--input", "media.wav", "-e", "media.ecdc"],
    }),
    await run(folder, "video-vq", ["-A"], { args: ["encode", ...TINY, "file:windows"] }),
  ];
  for (const { isDone, said } of made) assert.ok(isDone, said);
}

/** Runs a job under exactly its flags, and once without each of them. */
async function checkJob(folder: string, command: string, flags: readonly string[], job: Job) {
  // What it fetches and builds at its first use is there afterwards.
  const first = await run(folder, command, ["-A"], job);
  assert.ok(first.isDone, first.said);
  const { isDone, said } = await run(folder, command, flags, job);
  assert.ok(isDone, said);
  for (const missing of flags) {
    const { code, said } = await run(
      folder,
      command,
      flags.filter((flag) => flag !== missing),
      job,
    );
    assert.equal(code, 1, `${missing} is not needed`);
    const line = said.split("\n").find((line) => line.startsWith(`${command}: `));
    assert.ok(line?.includes(missing), `${missing} is not named: ${said}`);
    assert.doesNotMatch(said, /^ +at /m);
  }
}

Deno.test("the permissions that READMEs list are what each job needs, and no more", async (t) => {
  const folder = await Deno.makeTempDir();
  await makeMedia(folder);
  for (const [command, jobs] of Object.entries(JOBS)) {
    const rows = await permissionRows(command);
    assert.deepEqual([...rows.keys()].sort(), Object.keys(jobs).sort(), command);
    for (const [row, flags] of rows) {
      await t.step(`${command} ${row}`, () => checkJob(folder, command, flags, jobs[row]!));
    }
  }
  await Deno.remove(folder, { recursive: true });
});

for (const command of Object.keys(COMMANDS)) {
  Deno.test(`${command}: help, version and completions need no permission`, async () => {
    for (const args of [["--help"], ["--version"], ["completions", "bash"]]) {
      const { code, said } = await run(ROOT, command, [], { args });
      assert.deepEqual([code, said], [0, ""], args.join(" "));
    }
  });
}

Deno.test("the permission sets of deno.json are all that a README's section names", async () => {
  const { permissions } = JSON.parse(await readText("deno.json")) as {
    permissions: Record<string, Record<string, boolean>>;
  };
  const wanted: Record<string, Record<string, boolean>> = {};
  for (const command of Object.keys(COMMANDS)) {
    const names = flagsIn(await permissionSection(command))
      .map((flag) => flag.replace("--allow-", "")).filter((name) => name !== "sys");
    wanted[command] = Object.fromEntries(names.sort().map((name) => [name, true]));
  }
  assert.deepEqual(permissions, wanted);
  const file = { args: ["doctor", WEIGHTS] };
  const { code, said } = await run(ROOT, "onnx", ["-P=onnx"], file);
  assert.equal(code, 0, said);
});
