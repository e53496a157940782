import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openByteSource, readAhead } from "./byte_source.ts";
import { hasCode } from "../testdata/format_cases.ts";

async function withFile(bytes: Uint8Array, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("reads that overlap in time each get their own range", async () => {
  const bytes = Uint8Array.from({ length: 4096 }, (_, i) => i * 7);
  await withFile(bytes, async (path) => {
    using source = await openByteSource(path);
    const reads = Array.from({ length: 200 }, async (_, i) => {
      const at = (i * 977) % 4000;
      assert.deepEqual(await source.read(at, 32), bytes.subarray(at, at + 32));
    });
    await Promise.all(reads);
    assert.equal(source.bytesRead, 200 * 32);
  });
});

Deno.test("small reads in order come from few reads of the file, each in memory of its own", async () => {
  const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7) ^ (i >> 8));
  await withFile(bytes, async (path) => {
    using source = await openByteSource(path);
    const ahead = readAhead(source);
    let [at, seen] = [0, 0];
    while (at < bytes.length) {
      const length = Math.min(1 + at % 3001, bytes.length - at);
      const read = await ahead.read(at, length);
      assert.deepEqual(read, bytes.subarray(at, at + length));
      assert.equal(read.buffer.byteLength, length);
      at += length;
      seen += length;
    }
    assert.equal(seen, bytes.length);
    assert.ok(source.bytesRead < 1.1 * bytes.length, `${source.bytesRead}`);
    const large = await ahead.read(5, bytes.length - 5);
    assert.deepEqual(large, bytes.subarray(5));
    assert.deepEqual(await ahead.read(3, 4), bytes.subarray(3, 7), "before the block");
    await assert.rejects(ahead.read(bytes.length - 1, 2), hasCode("truncated"));
    assert.deepEqual([ahead.name, ahead.size], [source.name, source.size]);
  });
  const memory = await openByteSource(bytes);
  assert.equal((await readAhead(memory).read(5, 3)).buffer, bytes.buffer, "memory stays a view");
});

Deno.test("a range past the end is a typed error, before anything is allocated", async () => {
  await withFile(new Uint8Array(8), async (path) => {
    for (const input of [path, new Uint8Array(8)]) {
      using source = await openByteSource(input);
      for (const [at, length] of [[0, 9], [8, 1], [-1, 2], [0, 2 ** 52], [0.5, 1]] as const) {
        await assert.rejects(source.read(at, length), hasCode("truncated"));
      }
      assert.equal((await source.read(8, 0)).length, 0);
    }
  });
});

Deno.test("a file that shrinks while it is open is a typed error", async () => {
  await withFile(new Uint8Array(8), async (path) => {
    using source = await openByteSource(path);
    await Deno.truncate(path, 4);
    await assert.rejects(source.read(0, 8), hasCode("truncated"));
  });
});

Deno.test("closing lets reads finish and may be done twice", async () => {
  await withFile(new Uint8Array([1, 2, 3]), async (path) => {
    const source = await openByteSource(pathToFileURL(path));
    const read = source.read(0, 3);
    source.close();
    source.close();
    assert.deepEqual(await read, new Uint8Array([1, 2, 3]));
  });
});

Deno.test("a source is named by its path", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "50% café au lait");
  await Deno.writeFile(path, new Uint8Array(1));
  {
    using source = await openByteSource(pathToFileURL(path));
    assert.equal(source.name, path);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what is no file is refused", async () => {
  await assert.rejects(openByteSource("/nonexistent/file"), Deno.errors.NotFound);
  await assert.rejects(openByteSource(new URL("https://example.com/x")), TypeError);
  await assert.rejects(openByteSource(Deno.cwd()), TypeError);
});
