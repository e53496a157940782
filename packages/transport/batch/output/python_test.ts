import assert from "node:assert/strict";
import { findPython } from "#testing/python.ts";
import { needing } from "#testing/shared.ts";
import { recordOf, runAll } from "../../testing/batch_work.ts";

const python = findPython("webdataset", "pyarrow", "duckdb", "datasets");

/** Reads both kinds of shards with the programs of others; prints what it finds as JSON. */
const READ = `
import json, sys, urllib.parse
import datasets, duckdb, pyarrow.parquet, webdataset
datasets.disable_progress_bars()
folder, cache = sys.argv[1:]
shard = f"{folder}/webdataset/shard-00000.tar"
samples = []
for sample in webdataset.WebDataset(shard, shardshuffle=False).decode():
    samples.append({
        "key": urllib.parse.unquote(sample["__key__"]), "json": sample["json"],
        **{name: [str(sample[name + ".npy"].dtype), list(sample[name + ".npy"].shape), sample[name + ".npy"].ravel().tolist()]
           for name in ["bytes", "numbers", "brain"]},
    })
parquet = f"{folder}/parquet/shard-00000.parquet"
table = pyarrow.parquet.read_table(parquet)
sql = duckdb.sql(f"select key, list_sum(bytes) as sum, bytes_shape from '{parquet}' order by key").fetchall()
hub = datasets.load_dataset("parquet", data_files=parquet, split="train", cache_dir=cache)
tars = datasets.load_dataset("webdataset", data_files=shard, split="train", cache_dir=cache)
print(json.dumps({
    "samples": samples,
    "schema": {field.name: str(field.type) for field in table.schema},
    "rows": table.to_pylist(),
    "sql": sql,
    "hub": [len(hub), hub[1]["key"], hub[1]["numbers"]],
    "tars": sorted(row["json"]["key"] for row in tars),
}))
`;

Deno.test({
  ...needing("webdataset, pyarrow, duckdb and datasets read what a batch writes", {
    "webdataset, pyarrow, duckdb and datasets for Python": python !== undefined,
  }),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const keys = Array.from({ length: 25 }, (_, i) => `folder/sound ${i}.wav`);
      for (const format of ["webdataset", "parquet"] as const) {
        await runAll({ output: `${folder}/${format}`, format });
      }
      const { stdout, stderr, success } = await new Deno.Command(python!, {
        args: ["-c", READ, folder, `${folder}/cache`],
        env: { HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const found = JSON.parse(new TextDecoder().decode(stdout));
      const bytesOf = (key: string) => [...new TextEncoder().encode(key)];
      const quarters = (key: string) => bytesOf(key).map((byte) => byte / 4);
      assert.deepEqual(
        found.samples,
        keys.map((key) => ({
          ...{ key, json: { key, ...recordOf(key).fields } },
          bytes: ["uint16", [key.length, 1], bytesOf(key)],
          numbers: ["float32", [key.length], quarters(key)],
          brain: ["float32", [key.length], quarters(key)],
        })),
      );
      assert.deepEqual(found.schema, {
        ...{ key: "string", length: "double", name: "string", even: "bool" },
        ...{ brain: "list<element: float not null>", brain_shape: "list<element: int32 not null>" },
        ...{
          bytes: "list<element: uint16 not null>",
          bytes_shape: "list<element: int32 not null>",
        },
        numbers: "list<element: float not null>",
        numbers_shape: "list<element: int32 not null>",
      });
      assert.deepEqual(
        found.rows,
        keys.map((key) => ({
          ...{ key, ...recordOf(key).fields },
          ...{ brain: quarters(key), brain_shape: [key.length] },
          ...{ bytes: bytesOf(key), bytes_shape: [key.length, 1] },
          ...{ numbers: quarters(key), numbers_shape: [key.length] },
        })),
      );
      const sorted = keys.toSorted();
      const sum = (key: string) => bytesOf(key).reduce((sum, byte) => sum + byte, 0);
      assert.deepEqual(found.sql, sorted.map((key) => [key, sum(key), [key.length, 1]]));
      assert.deepEqual(found.hub, [25, keys[1], quarters(keys[1]!)]);
      assert.deepEqual(found.tars, sorted);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
