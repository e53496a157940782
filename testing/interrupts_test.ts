/**
 * Ctrl-C in a terminal, through `deno task`: it reaches each command twice, from the terminal and from
 * the task, and both times are one. `deno task interrupts` tries it more often.
 */
import { EcdcReader } from "@vcs/encodec-stream/ecdc";
import { openReceiver } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { serveCamera } from "../packages/clip-drift/camera/camera_server.ts";
import { sceneFrames } from "../packages/clip-drift/camera/scene.ts";
import { listRuns, loadRunEmbeddings, readRun } from "../packages/clip-drift/runs/reader.ts";
import { needs } from "./shared.ts";
import { hasTerminal, shellLine, Terminal } from "./terminal.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** How often each command is interrupted. */
const TIMES = Number(Deno.env.get("TIMES") ?? 2);

/** A command at work. */
interface Work {
  /** The words behind `deno task`. */
  readonly words: readonly string[];
  /** What stands before it in the pipe. */
  readonly from?: string;
  /** Waits until there is something to lose. */
  readonly begun: () => Promise<void>;
  /** Holds what is left against what was promised. */
  readonly check: (terminal: Terminal) => Promise<void>;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 6000; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail("two minutes have passed");
}

const sizeOf = (path: string) => Deno.stat(path).then(({ size }) => size, () => 0);

const nothingMore = (): Promise<void> => Promise.resolve();

/** A frame's lines in the log of the only run in a folder. */
async function linesOf(runs: string): Promise<number> {
  const [name] = await listRuns(runs).catch(() => []);
  const text = name && await Deno.readTextFile(`${runs}/${name}/drift.csv`).catch(() => "");
  return (text || "").split("\n").length - 2;
}

/** The run is closed: summary and embeddings of every frame. */
async function checkRun(runs: string): Promise<void> {
  const [name] = await listRuns(runs);
  const { drift, summary } = await readRun(`${runs}/${name}`);
  assert.equal((summary as { total_frames: number }).total_frames, drift.length);
  const { embeddings } = await loadRunEmbeddings(`${runs}/${name}`);
  assert.equal(embeddings.shape[0], drift.length);
}

/** What each command does in a folder while it is interrupted. */
const WORKS: Readonly<
  Record<string, (folder: string, stack: AsyncDisposableStack) => Promise<Work>>
> = {
  "clip-drift": async (folder, stack) => {
    const frame = sceneFrames({ width: 96, height: 72, fps: 10 });
    const camera = stack.use(await serveCamera({ frame, fps: 20 }));
    return {
      words: ["-s", camera.url, "--no-display", "--model", "gist", "--runs", folder],
      begun: () => until(async () => await linesOf(folder) > 5),
      check: () => checkRun(folder),
    };
  },
  "encodec-stream": (folder) => {
    const file = `${folder}/a.ecdc`;
    return Promise.resolve({
      from: "cat /dev/zero",
      words: ["-b", "3", "--model", "encodec_tiny_24khz", "-e", file],
      begun: () => until(async () => await sizeOf(`${file}.part`) > 1000),
      async check() {
        await using reader = await EcdcReader.open(file);
        assert.ok(reader.header.samples > 0);
        assert.equal(reader.surplus, 0);
      },
    });
  },
  "video-vq": (folder) => {
    const file = `${folder}/a.rgb`;
    const raw = ["--raw-size", "32x32", "--size", "32", "--live"];
    return Promise.resolve({
      from: "cat /dev/zero",
      words: ["roundtrip", "--model", "vq-tiny", ...raw, "--json", "-", file],
      begun: () => until(async () => await sizeOf(`${file}.part`) > 0),
      async check({ seen }) {
        const { frames } = JSON.parse(/^\{.*\}$/m.exec(seen)![0]);
        assert.equal(await sizeOf(file), frames * 32 * 32 * 3);
      },
    });
  },
  "patch-stream": (folder, stack) => {
    const asked = Promise.withResolvers<void>();
    const never = Promise.withResolvers<Response>();
    const settings = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
    const server = Deno.serve(settings, () => (asked.resolve(), never.promise));
    stack.defer(async () => {
      never.resolve(new Response());
      await server.shutdown();
    });
    const out = `${folder}/out`;
    return Promise.resolve({
      words: [`http://127.0.0.1:${server.addr.port}/a.mp4`, "-o", out],
      begun: () => asked.promise,
      async check() {
        assert.deepEqual(await Array.fromAsync(Deno.readDir(out)), []);
      },
    });
  },
  "together": (folder) =>
    Promise.resolve({
      words: ["encode", `${ROOT}apps/demo/clip.mp4`, pathToFileURL(folder).href, "--realtime"],
      begun: () => until(async () => (await Array.fromAsync(Deno.readDir(folder))).length > 0),
      async check() {
        await using receiver = await openReceiver(pathToFileURL(folder).href);
        assert.equal((await Array.fromAsync(receiver)).at(-1)?.end, true);
      },
    }),
  "channels": (folder) =>
    Promise.resolve({
      words: [pathToFileURL(folder).href, "--count", "1000000"],
      begun: () => until(async () => (await Array.fromAsync(Deno.readDir(folder))).length > 0),
      check: nothingMore,
    }),
};

/** Starts a command in a terminal, lets it work, ends it, and looks at what is left. */
async function interrupt(
  task: string,
  end: (terminal: Terminal, folder: string) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const { words, from, begun, check } = await WORKS[task]!(folder, stack);
  const config = ["--config", `${ROOT}deno.json`];
  const line = shellLine(Deno.execPath(), "task", "--quiet", ...config, task, ...words);
  const terminal = new Terminal(from ? `${from} | ${line}` : line);
  stack.defer(() => terminal.hangUp());
  try {
    const early = terminal.ended.then(() => assert.fail("it ended by itself"));
    await Promise.race([begun(), early]);
    early.catch(() => {});
    await end(terminal, folder);
    await check(terminal);
  } catch (error) {
    throw new Error(`A person saw: ${terminal.seen}`, { cause: error });
  }
}

for (const task of Object.keys(WORKS)) {
  for (let time = 1; time <= TIMES; time++) {
    Deno.test({
      name: `Ctrl-C under deno task ends ${task} in order (${time})`,
      ...needs(hasTerminal),
      fn: () =>
        interrupt(task, async (terminal) => {
          await terminal.press("\x03");
          assert.equal(await terminal.ended, 130);
        }),
    });
  }
}

Deno.test({
  name: "a terminal that is closed ends a watch in order",
  ...needs(hasTerminal),
  fn: () =>
    interrupt("clip-drift", async (terminal, runs) => {
      terminal.hangUp();
      await terminal.ended;
      const [name] = await listRuns(runs);
      await until(async () => await sizeOf(`${runs}/${name}/summary.json`) > 0);
    }),
});
