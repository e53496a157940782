import assert from "node:assert/strict";
import { recordOf } from "../../testing/batch_work.ts";
import { folderStore, type OutputStore } from "./output_store.ts";
import { type ShardFormat, Shards } from "./shards.ts";

const keysOf = async (shards: Shards) => (await Array.fromAsync(shards.keys())).sort();

/** A store whose process is killed when it is to write a file for the first time. */
function killedAt(store: OutputStore, file: string): OutputStore {
  return {
    ...store,
    write: (name, bytes) =>
      name === file ? Promise.reject(new Error("killed")) : store.write(name, bytes),
  };
}

for (const format of ["webdataset", "parquet"] satisfies ShardFormat[]) {
  Deno.test(`${format}: a shard in its place that nothing describes yet loses no record`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const store = await folderStore(folder);
      const options = { format, shardBytes: 10, stem: "shard" };
      const first = await Shards.open(killedAt(store, "shard-00000.json"), options);
      await assert.rejects(first.write("a", recordOf("a")), /killed/);
      await first[Symbol.asyncDispose]();
      const second = await Shards.open(store, options);
      assert.deepEqual(await keysOf(second), ["a"]);
      await second.write("b", recordOf("b"));
      const names = (await second.finish()).map(({ name }) => name.replace(/\.\w+$/, ""));
      assert.deepEqual(names, ["shard-00000", "shard-00001"]);
      assert.deepEqual(await keysOf(second), ["a", "b"]);
      await second[Symbol.asyncDispose]();
      assert.deepEqual(await Array.fromAsync(Deno.readDir(store.workFolder)), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a description that does not fit what is in the shard's place lets it count not", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = await folderStore(folder);
    const options = { format: "webdataset", shardBytes: 1e6, stem: "shard" } as const;
    for (
      const text of ["{torn", JSON.stringify({ name: "shard-00000.tar", sha256: "0", keys: ["a"] })]
    ) {
      await Deno.writeTextFile(`${folder}/shard-00000.tar`, "another");
      await Deno.writeTextFile(`${store.workFolder}/shard-00000.sealed`, text);
      await using shards = await Shards.open(store, options);
      assert.deepEqual(await keysOf(shards), []);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
