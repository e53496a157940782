import assert from "node:assert/strict";
import { RangeMirror } from "./range_mirror.ts";

const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 5 & 255);

/** A file elsewhere that notes what is asked of it. */
function remoteFile(asked: [number, number][]) {
  return {
    ...{ url: "http://there/film.mp4", size: FILE.length, tag: "v1", received: 0, requests: 0 },
    read: async (start: number, end: number) => {
      asked.push([start, end]);
      await new Promise((resolve) => setTimeout(resolve));
      return FILE.slice(start, end);
    },
  };
}

Deno.test("parts are fetched in blocks, each block once, neighbours in one request", async () => {
  const asked: [number, number][] = [];
  await using mirror = await RangeMirror.open(remoteFile(asked));
  assert.deepEqual(await mirror.read(20_000, 5), FILE.subarray(20_000, 20_005));
  assert.deepEqual(await mirror.read(20_100, 5), FILE.subarray(20_100, 20_105));
  assert.deepEqual(asked, [[16_384, 32_768]]);
  assert.deepEqual(await mirror.read(10_000, 60_000), FILE.subarray(10_000, 70_000));
  assert.deepEqual(asked.slice(1), [[0, 16_384], [32_768, 81_920]]);
});

Deno.test("what is read on and on is fetched ahead, twice as far each time", async () => {
  const asked: [number, number][] = [];
  await using mirror = await RangeMirror.open(remoteFile(asked));
  for (let at = 0; at < FILE.length; at += 10_000) {
    assert.deepEqual(await mirror.read(at, 10_000), FILE.subarray(at, at + 10_000));
  }
  assert.deepEqual(asked, [
    [0, 16_384],
    [16_384, 49_152],
    [49_152, 114_688],
    [114_688, 245_760],
    [245_760, 300_000],
  ]);
});

Deno.test("a file that claims to be longer than any film is refused, and nothing is left here", async () => {
  for (const size of [2 ** 50, NaN]) {
    const opening = RangeMirror.open({ ...remoteFile([]), size });
    await assert.rejects(opening, { name: "MediaError", code: "limit" });
  }
});

Deno.test("reads side by side take turns and ask for nothing twice", async () => {
  const asked: [number, number][] = [];
  await using mirror = await RangeMirror.open(remoteFile(asked));
  const places = [200_000, 1_000, 200_000, 90_000, 1_500, 299_999];
  const parts = await Promise.all(places.map((place) => mirror.read(place, 700)));
  for (const [i, place] of places.entries()) {
    assert.deepEqual(parts[i], FILE.subarray(place, place + 700));
  }
  assert.equal(asked.length, 4);
});

Deno.test("what is behind the end is nothing, and the file here is as long", async () => {
  await using mirror = await RangeMirror.open(remoteFile([]));
  assert.equal((await mirror.read(FILE.length, 10)).length, 0);
  assert.equal((await Deno.stat(mirror.path)).size, FILE.length);
});

Deno.test("completed, the file here is the one there; closed, it is gone", async () => {
  const asked: [number, number][] = [];
  const mirror = await RangeMirror.open(remoteFile(asked));
  await mirror.read(100_000, 1);
  await mirror.complete("somebody asked for it");
  assert.equal(mirror.whole, "somebody asked for it");
  assert.deepEqual(new Uint8Array(await Deno.readFile(mirror.path)), FILE);
  const bytes = asked.reduce((sum, [start, end]) => sum + end - start, 0);
  assert.equal(bytes, FILE.length);
  await mirror[Symbol.asyncDispose]();
  await assert.rejects(Deno.stat(mirror.path), Deno.errors.NotFound);
});
