import assert from "node:assert/strict";
import { join } from "node:path";
import { levelFile, LEVELS } from "./levels.ts";
import { readRunOverview, readRunSnapshots } from "./overview.ts";
import { loadRunEmbeddings, readRun, readSnapshot } from "./reader.ts";

/** Readers, and the files that each of them reads. */
const READERS = [
  [readRun, ["config.json", "summary.json", "events.jsonl", "drift.csv"]],
  [
    (path: string) => readRunOverview(path, 10),
    [
      ...["config.json", "summary.json", "drift.csv", "metrics.csv", "events.jsonl"],
      ...LEVELS.map(levelFile),
    ],
  ],
  [readRunSnapshots, ["config.json", "events.jsonl"]],
  [(path: string) => readSnapshot(path, "frame_000001.jpg"), ["snapshots/frame_000001.jpg"]],
  [loadRunEmbeddings, ["embeddings/batch_0000.npz"]],
] as const;

/** Ways to put something into a run that is no file of it. */
const HOSTILE: Record<string, (path: string) => Promise<unknown>> = {
  "a link to a device": (path) => Deno.symlink("/dev/zero", path),
  "a link to somebody's file": (path) => Deno.symlink("/etc/passwd", path),
  "a pipe": (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
  "a folder": (path) => Deno.mkdir(path),
};

for (const [what, put] of Object.entries(HOSTILE)) {
  Deno.test({
    name: `${what} in a run's folder is refused by every reader`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      for (const [read, files] of READERS) {
        for (const file of files) {
          const run = await Deno.makeTempDir();
          for (const folder of ["embeddings", "snapshots"]) await Deno.mkdir(join(run, folder));
          await put(join(run, file));
          await assert.rejects(Promise.resolve(read(run)), { code: "bad-run" }, file);
          await Deno.remove(run, { recursive: true });
        }
      }
    },
  });
}

Deno.test({
  name: "a link in the place of a folder of a run is refused",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const elsewhere = await Deno.makeTempDir();
    await Deno.writeTextFile(join(elsewhere, "frame_000001.jpg"), "somebody's");
    for (const folder of ["embeddings", "snapshots"]) {
      const run = await Deno.makeTempDir();
      await Deno.symlink(elsewhere, join(run, folder));
      const reading = folder === "embeddings"
        ? [loadRunEmbeddings]
        : [readRun, (path: string) => readSnapshot(path, "frame_000001.jpg")];
      for (const read of reading) {
        await assert.rejects(Promise.resolve(read(run)), { code: "bad-run" });
      }
      await Deno.remove(run, { recursive: true });
    }
    await Deno.remove(elsewhere, { recursive: true });
  },
});

Deno.test("files of a run that are larger than such files ever are are refused unread", async () => {
  const overview = (path: string) => readRunOverview(path, 10);
  const files = [
    ...["config.json", "summary.json", "events.jsonl", "drift.csv"].map((file) => [file, readRun]),
    ...["metrics.csv", "drift.csv", ...LEVELS.map(levelFile)].map((file) => [file, overview]),
    ["embeddings/batch_0000.npz", loadRunEmbeddings],
    ["snapshots/frame_000001.jpg", (path: string) => readSnapshot(path, "frame_000001.jpg")],
  ] as [string, (path: string) => unknown][];
  for (const [file, read] of files) {
    const run = await Deno.makeTempDir();
    for (const folder of ["embeddings", "snapshots"]) await Deno.mkdir(join(run, folder));
    await Deno.writeFile(join(run, file), new Uint8Array(1));
    const size = file.startsWith("peaks") ? 2 ** 27 : 2 ** 31;
    await Deno.truncate(join(run, file), size);
    await assert.rejects(Promise.resolve(read(run)), {
      code: "bad-run",
      message: new RegExp(`found ${size} bytes, expected a file of at most \\d+ bytes$`),
    });
    await Deno.remove(run, { recursive: true });
  }
});
