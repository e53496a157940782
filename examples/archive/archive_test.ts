import { ROOT } from "#testing/house.ts";
import { encodeWav } from "@vcs/media/wav";
import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { parse } from "yaml";
import { isInSplit, splitKind, splitOf } from "../../packages/transport/batch/split.ts";

const HERE = join(ROOT, "examples/archive");

/** Seconds of sound in a folder, and the command on a path. */
async function withSounds(
  test: (folder: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "songs"));
    for (let i = 0; i < 4; i++) {
      const samples = Float32Array.from({ length: 2400 }, (_, at) => Math.sin(at / (9 + i)) / 2);
      const wav = encodeWav([samples], { sampleRate: 24000 });
      await Deno.writeFile(join(folder, `songs/${i}.wav`), wav);
    }
    const main = join(ROOT, "packages/encodec-stream/mod.ts");
    const script = `#!/bin/sh\nexec '${Deno.execPath()}' run --no-check -A '${main}' "$@"\n`;
    await Deno.writeTextFile(join(folder, "encodec-stream"), script, { mode: 0o755 });
    await test(folder, { PATH: [folder, Deno.env.get("PATH")].join(delimiter) });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a script by bash; gives its exit code and what it printed. */
async function bash(
  words: readonly string[],
  { env, input = "" }: { readonly env: Record<string, string>; readonly input?: string },
): Promise<{ readonly code: number; readonly out: string }> {
  const child = new Deno.Command("bash", {
    ...{ args: [...words], env, stdin: "piped", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close());
  written.catch(() => {});
  const { code, stdout } = await child.output();
  return { code, out: new TextDecoder().decode(stdout) };
}

/** The one JSON file of this name. */
async function json(path: string) {
  return JSON.parse(await Deno.readTextFile(path));
}

const ON_LINUX = { ignore: Deno.build.os === "windows" };

Deno.test({
  name: "examples/archive/slurm.sh: two tasks of an array make all of it",
  ...ON_LINUX,
  async fn() {
    await withSounds(async (folder, path) => {
      const [songs, codes] = [join(folder, "songs"), join(folder, "codes")];
      for (const task of ["0", "1"]) {
        const array = { SLURM_ARRAY_TASK_ID: task, SLURM_ARRAY_TASK_COUNT: "2" };
        const env = { ...path, ...array, SLURM_ARRAY_TASK_MIN: "0", SLURM_CPUS_PER_TASK: "1" };
        assert.equal((await bash([join(HERE, "slurm.sh"), songs, codes], { env })).code, 0);
      }
      const merge = ["-c", 'encodec-stream merge "$0"', codes];
      assert.equal((await bash(merge, { env: path })).code, 0);
      assert.equal((await json(join(codes, "manifest.json"))).counts.records, 4);
    });
  },
});

Deno.test({
  name: "examples/archive/pipe.sh: JSON lines in, JSON lines out, and the same again goes on",
  ...ON_LINUX,
  async fn() {
    await withSounds(async (folder, env) => {
      const items = [0, 1, 9].map((i) => ({
        key: `k${i}`,
        source: join(folder, `songs/${i}.wav`),
      }));
      const input = items.map((item) => `${JSON.stringify(item)}\n`).join("");
      const states = async () => {
        const words = [join(HERE, "pipe.sh"), join(folder, "codes")];
        const { code, out } = await bash(words, { env, input });
        assert.equal(code, 0);
        const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line));
        return lines.map(({ key, state }) => `${key} ${state}`);
      };
      assert.deepEqual(await states(), ["k0 done", "k1 done", "k9 failed"]);
      assert.deepEqual(await states(), ["k0 before", "k1 before", "k9 failed-before"]);
    });
  },
});

Deno.test({
  name: "examples/archive/pipe.sh: a batch that cannot go on fails the partition",
  ...ON_LINUX,
  async fn() {
    await withSounds(async (folder, env) => {
      const codes = join(folder, "codes");
      const item = { key: "k0", source: join(folder, "songs/0.wav") };
      const input = `${JSON.stringify(item)}\n`;
      const code = async () => (await bash([join(HERE, "pipe.sh"), codes], { env, input })).code;
      await Deno.writeTextFile(codes, "a file where the folder would be");
      assert.equal(await code(), 1);
      await Deno.remove(codes);
      assert.equal(await code(), 0);
      // Each item has its line, and what stands for all of them cannot be written.
      const [part] = await Array.fromAsync(Deno.readDir(codes));
      const manifest = join(codes, part!.name, "manifest.json");
      await Deno.remove(manifest);
      await Deno.mkdir(join(manifest, "full"), { recursive: true });
      assert.equal(await code(), 1);
    });
  },
});

/** The pods' job, and its container's lines. */
async function kubernetesJob() {
  const job = parse(await Deno.readTextFile(join(HERE, "kubernetes.yaml")));
  const [{ command, args }] = job.spec.template.spec.containers;
  assert.deepEqual([command, args.length], [["bash", "-c"], 1]);
  return { job, script: String(args[0]) };
}

Deno.test({
  name:
    "examples/archive/kubernetes.yaml: a pod is done though items failed, and not where it cannot go on",
  ...ON_LINUX,
  async fn() {
    const { script } = await kubernetesJob();
    await withSounds(async (folder, path) => {
      // The pod's lines, of sounds in place of films.
      const [songs, codes] = [join(folder, "songs"), join(folder, "codes")];
      await Deno.rename(join(folder, "encodec-stream"), join(folder, "clip-drift"));
      const broken = Array.from({ length: 999 }, (_, i) => `${i}x.wav`)
        .find((key) => isInSplit(key, { index: 3, count: 16 }));
      await Deno.writeTextFile(join(songs, broken!), "no sound");
      const lines = script.replace("s3://films/2026", songs).replace("s3://out/clip", codes)
        .replaceAll("/tmp/said", join(folder, "said"));
      const env = { ...path, JOB_COMPLETION_INDEX: "3" };
      for (const run of ["first", "again"]) {
        assert.equal((await bash(["-c", lines], { env })).code, 0, run);
        const { counts } = await json(join(codes, "manifest-03-of-16.json"));
        assert.equal(counts.failed, 1, run);
      }
      await Deno.remove(codes, { recursive: true });
      await Deno.writeTextFile(codes, "a file where the folder would be");
      assert.equal((await bash(["-c", lines], { env })).code, 1);
    });
  },
});

Deno.test("examples/archive/kubernetes.yaml: each pod takes its part of as many as there are", async () => {
  const { job, script } = await kubernetesJob();
  const { completionMode, completions } = job.spec;
  assert.deepEqual([job.kind, completionMode], ["Job", "Indexed"]);
  const shard = splitKind.parse(/--shard (\S+)/.exec(script)![1]!);
  const env = { get: (name: string) => name === "JOB_COMPLETION_INDEX" ? "3" : undefined };
  assert.deepEqual(splitOf(shard, env), { index: 3, count: completions });
});

Deno.test("examples/archive/compose.yaml: three workers of the queue that is submitted to", async () => {
  const { services } = parse(await Deno.readTextFile(join(HERE, "compose.yaml")));
  const { redis, submit, worker } = services;
  assert.match(redis.image, /^redis:\d+\.\d+/);
  assert.equal(worker.deploy.replicas, 3);
  const optionsOf = (words: string[]) => words.slice(words.indexOf("--queue"));
  assert.deepEqual(optionsOf(worker.command), optionsOf(submit.command));
  assert.deepEqual([submit.command[2], worker.command[2]], ["submit", "work"]);
});
