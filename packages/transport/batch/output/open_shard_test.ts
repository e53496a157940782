import assert from "node:assert/strict";
import { OpenShard } from "./open_shard.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function withShard(
  damage: (path: string) => Promise<void>,
  expected: readonly string[],
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/shard`;
    {
      using shard = await OpenShard.open(path);
      for (const key of ["one", "two", "three"]) await shard.append(key, bytes(`record ${key};`));
    }
    await damage(path);
    {
      using shard = await OpenShard.open(path);
      assert.deepEqual(shard.entries.map(({ key }) => key), expected);
      await shard.append("next", bytes("record next;"));
    }
    using shard = await OpenShard.open(path);
    const records = await Array.fromAsync(shard.records());
    assert.deepEqual(
      records.map(([key, bytes]) => [key, new TextDecoder().decode(bytes)]),
      [...expected, "next"].map((key) => [key, `record ${key};`]),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a shard goes on behind its last record", async () => {
  await withShard(() => Promise.resolve(), ["one", "two", "three"]);
});

Deno.test("bytes without a line in the journal are no record", async () => {
  await withShard(
    (path) => Deno.writeTextFile(path, "torn", { append: true }),
    ["one", "two", "three"],
  );
});

Deno.test("a torn line of the journal is no record", async () => {
  await withShard(async (path) => {
    const { size } = await Deno.stat(`${path}.jsonl`);
    await Deno.truncate(`${path}.jsonl`, size - 3);
  }, ["one", "two"]);
});

Deno.test("a record whose bytes the disk does not have is none, nor are those behind it", async () => {
  await withShard(async (path) => {
    using file = await Deno.open(path, { write: true });
    await file.seek(bytes("record one;rec").length, Deno.SeekMode.Start);
    await file.write(new Uint8Array(4));
  }, ["one"]);
  await withShard((path) => Deno.truncate(path, 5), []);
});
