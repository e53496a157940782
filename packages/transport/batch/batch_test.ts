import assert from "node:assert/strict";
import { join } from "node:path";
import { readNpy } from "../npy.ts";
import { sha256Of } from "../fetch/download.ts";
import { knownWork, numbered, recordOf, runAll } from "../testing/batch_work.ts";
import { BATCH_FORMATS } from "./batch.ts";
import { mergeManifests } from "./output/manifest.ts";
import { folderStore, type OutputStore } from "./output/output_store.ts";
import type { ShardSummary } from "./output/shards.ts";
import { tarFiles } from "../parts/tar.ts";

async function temporary(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The files of an output by name, but for what belongs to the run itself. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const walk = async (inside: string) => {
    for await (const { name, isDirectory } of Deno.readDir(join(folder, inside))) {
      const path = join(inside, name);
      if (name === ".batch") continue;
      if (isDirectory) await walk(path);
      else files.set(path, await sha256Of(join(folder, path)));
    }
  };
  await walk(".");
  return new Map([...files].sort(([a], [b]) => a < b ? -1 : 1));
}

for (const format of BATCH_FORMATS) {
  Deno.test(`${format}: every item once, also where the batch was cut short`, async () => {
    await temporary(async (folder) => {
      const [whole, cut] = [join(folder, "whole"), join(folder, "cut")];
      const settings = { format, shardBytes: 20_000 } as const;
      const { manifest } = await runAll({ ...settings, output: whole });
      assert.equal(manifest?.counts.records, 25);
      assert.equal(manifest.files.reduce((sum, { records }) => sum + records, 0), 25);
      for (const { name, bytes, sha256 } of manifest.files) {
        assert.equal(await sha256Of(join(whole, name)), sha256);
        assert.equal((await Deno.stat(join(whole, name))).size, bytes);
      }
      const ended = new AbortController();
      let count = 0;
      const work = knownWork({
        run: ({ key }) => {
          if (count++ === 11) ended.abort();
          return Promise.resolve(recordOf(key));
        },
      });
      const first = await runAll({ ...settings, output: cut, signal: ended.signal }, work);
      assert.equal(first.manifest, undefined);
      assert.ok(first.results.length < 25);
      const second = await runAll({ ...settings, output: cut });
      const before = second.results.filter(({ state }) => state === "before");
      assert.deepEqual(
        before.map(({ key }) => key),
        first.results.map(({ key }) => key),
      );
      assert.deepEqual(await filesOf(cut), await filesOf(whole));
    });
  });
}

Deno.test("an output goes on with its own settings only", async () => {
  await temporary(async (folder) => {
    await runAll({ output: folder });
    const other = knownWork({ settings: { command: "known", model: "b" } });
    await assert.rejects(runAll({ output: folder }, other), {
      name: "UsageError",
      message: `Cannot go on with ${folder}: found --model b, expected --model a, ` +
        "as it was begun, or another output",
    });
    await assert.rejects(runAll({ output: folder, format: "parquet" }), /found --format parquet/);
    const split = { index: 0, count: 2 };
    await assert.rejects(
      runAll({ output: folder, split }),
      /found --shard I\/2, expected --shard unset/,
    );
  });
});

Deno.test("failures do not end a batch, and are tried again on request alone", async () => {
  await temporary(async (folder) => {
    const first = await runAll({ output: folder, items: numbered(25, true) });
    assert.deepEqual(first.manifest?.counts, {
      ...{ listed: 25, items: 25, repeated: 0, records: 23, failed: 2 },
    });
    assert.deepEqual(first.manifest.failures, { format: 2 });
    const lines = (await Deno.readTextFile(join(folder, "failures.jsonl"))).trim().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [9, 19].map((i) => ({
        ...{ key: `folder/sound ${i}.wav`, code: "format" },
        message: `Cannot read bad ${i}: it is bad`,
      })),
    );
    const again = await runAll({ output: folder });
    assert.equal(again.results.filter(({ state }) => state === "failed-before").length, 2);
    const { manifest } = await runAll({ output: folder, retryFailed: true });
    assert.equal(manifest?.counts.records, 25);
    assert.equal(await Deno.readTextFile(join(folder, "failures.jsonl")), "");
  });
});

Deno.test("a batch ends where more items fail than may, and keeps what it has", async () => {
  await temporary(async (folder) => {
    const items = numbered(100, true);
    await assert.rejects(runAll({ output: folder, items, maxFailures: 2 }), {
      code: "limit",
      message: "Cannot go on: found 3 failures, expected 2 at most; " +
        "the last: folder/sound 29.wav: Cannot read bad 29: it is bad",
    });
    const { manifest } = await runAll({ output: folder, items: numbered(100), retryFailed: true });
    assert.equal(manifest?.counts.records, 100);
  });
});

Deno.test("a key that comes twice is worked on once", async () => {
  await temporary(async (folder) => {
    const items = (async function* () {
      yield* numbered(5);
      yield* numbered(7);
    })();
    const { manifest } = await runAll({ output: folder, items });
    assert.deepEqual(manifest?.counts, {
      ...{ listed: 12, items: 7, repeated: 5, records: 7, failed: 0 },
    });
  });
});

Deno.test("two processes do not write the same output", async () => {
  await temporary(async (folder) => {
    const other = await folderStore(folder);
    using lock = await Deno.open(join(other.workFolder, "shard.lock"), {
      write: true,
      create: true,
    });
    assert.equal(await lock.tryLock(true), true);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "-A", import.meta.resolve("../testing/batch_work.ts")],
        ...[folder, "webdataset", "3"],
      ],
    }).output();
    assert.equal(success, false);
    assert.match(new TextDecoder().decode(stderr), /another process works on it/);
  });
});

for (const format of BATCH_FORMATS) {
  Deno.test(`${format}: parts of the work are merged when all are there`, async () => {
    await temporary(async (folder) => {
      const settings = { output: folder, format, shardBytes: 10_000 } as const;
      const store = await folderStore(folder);
      await assert.rejects(mergeManifests(store), /found no manifests of parts/);
      for (const index of [0, 2]) {
        await runAll({ ...settings, items: numbered(50, true), split: { index, count: 3 } });
      }
      await assert.rejects(mergeManifests(store), /found 2 of 3 parts, missing 1/);
      await runAll({ ...settings, items: numbered(49, true), split: { index: 1, count: 3 } });
      await assert.rejects(mergeManifests(store), /49 items listed/);
      await runAll({ ...settings, items: numbered(50, true), split: { index: 1, count: 3 } });
      const { counts, files } = await mergeManifests(store, { verify: true });
      assert.deepEqual(counts, { listed: 50, items: 50, repeated: 0, records: 45, failed: 5 });
      const keys = files.map(({ name }) => keysOf(join(folder, name)));
      assert.equal(new Set((await Promise.all(keys)).flat()).size, 45);
      for (const name of await filesOfRecords(folder, files)) await refusesWithout(store, name);
    });
  });
}

/** Keys in a shard, as its description says, or in an index. */
async function keysOf(path: string): Promise<string[]> {
  if (path.endsWith(".jsonl")) return (await entriesIn(path)).map(({ key }) => key);
  return JSON.parse(await Deno.readTextFile(path.replace(/(tar|parquet)$/, "json"))).keys;
}

async function entriesIn(path: string): Promise<{ key: string; name: string }[]> {
  const text = await Deno.readTextFile(path);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Names of the first file of a manifest and, where it is an index, of the last one in that. */
async function filesOfRecords(
  folder: string,
  [file]: readonly ShardSummary[],
): Promise<readonly string[]> {
  const { name } = file!;
  if (!name.endsWith(".jsonl")) return [name];
  return [name, (await entriesIn(join(folder, name))).at(-1)!.name];
}

/** A file that is not there, is shorter or, where all are read, has other bytes, is refused by name. */
async function refusesWithout(store: OutputStore, name: string): Promise<void> {
  const path = join(store.name, name);
  const bytes = await Deno.readFile(path);
  await Deno.remove(path);
  const found = (text: string) => new RegExp(`^Cannot merge .*: found ${text}`);
  const expected = `${bytes.length} bytes`;
  await assert.rejects(mergeManifests(store), {
    message: found(`no ${name}, expected ${expected}`),
  });
  await Deno.writeFile(path, bytes.subarray(1));
  await assert.rejects(mergeManifests(store), {
    message: found(`${bytes.length - 1} bytes in ${name}, expected ${bytes.length}$`),
  });
  await Deno.writeFile(path, bytes.with(9, bytes[9]! ^ 1));
  const hash = { message: found(`another SHA-256 of ${name}, expected [0-9a-f]{64}$`) };
  await assert.rejects(mergeManifests(store, { verify: true }), hash);
  // An index is read in any case.
  if (name.endsWith(".jsonl")) await assert.rejects(mergeManifests(store), hash);
  else await mergeManifests(store);
  await Deno.writeFile(path, bytes);
}

Deno.test("a shard is a tar archive of arrays and JSON", async () => {
  await temporary(async (folder) => {
    const key = `${"long/".repeat(30)}å.b%.wav`;
    const items = (async function* () {
      yield await Promise.resolve({ key, source: "" });
    })();
    await runAll({ output: folder, format: "webdataset", items });
    using file = await Deno.open(join(folder, "shard-00000.tar"));
    const found = new Map<string, Uint8Array>();
    for await (const { path, body } of tarFiles(file.readable, "the shard")) {
      found.set(
        path,
        new Uint8Array(await new Blob(await Array.fromAsync(body) as BlobPart[]).arrayBuffer()),
      );
    }
    // The reader leaves out the first folder.
    const stem = `${"long/".repeat(29)}å%2Eb%25%2Ewav`;
    assert.deepEqual([...found.keys()].sort(), [
      ...[`${stem}.brain.npy`, `${stem}.bytes.npy`, `${stem}.json`, `${stem}.numbers.npy`],
    ]);
    const { tensors, fields } = recordOf(key);
    assert.deepEqual(readNpy(found.get(`${stem}.numbers.npy`)!), tensors.numbers);
    // Quarters of bytes are the same in bfloat16 as in float32, which NumPy has.
    assert.deepEqual(readNpy(found.get(`${stem}.brain.npy`)!), tensors.numbers);
    const json = JSON.parse(new TextDecoder().decode(found.get(`${stem}.json`)));
    assert.deepEqual(json, { key, ...fields });
  });
});

Deno.test("a batch that is killed over and over has every record once", async () => {
  await temporary(async (folder) => {
    const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
    await runAll({
      ...{ output: whole, format: "webdataset", shardBytes: 20_000, items: numbered(200) },
    });
    const args = ["run", "--no-check", "-A", import.meta.resolve("../testing/batch_work.ts")];
    const start = () => {
      return new Deno.Command(Deno.execPath(), {
        ...{ args: [...args, killed, "webdataset", "200"], stdout: "null", stderr: "inherit" },
      }).spawn();
    };
    for (const shards of [1, 4, 9]) {
      const child = start();
      const status = child.status;
      // So many shards are whole: the kill comes in the middle of the work, or behind its end.
      const isThere = () =>
        Deno.stat(join(killed, `shard-0000${shards}.json`)).then(() => true, () => false);
      let ended = false;
      void status.then(() => ended = true);
      while (!ended && !await isThere()) await new Promise((resolve) => setTimeout(resolve, 1));
      if (!ended) child.kill("SIGKILL");
      await status;
    }
    assert.equal((await start().status).success, true);
    assert.deepEqual(await filesOf(killed), await filesOf(whole));
  });
});

Deno.test("an item that takes long holds up no other, and where all is over none is begun", async () => {
  await temporary(async (folder) => {
    const others = Promise.withResolvers<void>();
    const begun: string[] = [];
    const work = knownWork({
      jobs: 2,
      async run({ key }) {
        begun.push(key);
        if (begun.length === 5) others.resolve();
        if (begun.length === 1) await others.promise;
        return recordOf(key);
      },
    });
    const { results } = await runAll({ output: join(folder, "out") }, work);
    assert.deepEqual(results.map(({ key }) => key), begun);
    begun.length = 0;
    const ahead = Promise.withResolvers<void>();
    const items = async function* () {
      for await (const item of numbered(25)) {
        if (item.key.includes("3")) ahead.resolve();
        yield item;
      }
    };
    const failing = knownWork({
      jobs: 1,
      async run({ key }, signal) {
        if (begun.push(key) === 1) await ahead.promise;
        else await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw new Error("no");
      },
    });
    const limited = { output: join(folder, "failing"), items: items(), maxFailures: 0 };
    await assert.rejects(runAll(limited, failing), { code: "limit" });
    assert.equal(begun.length, 2);
  });
});
