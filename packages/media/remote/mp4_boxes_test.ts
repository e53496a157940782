import assert from "node:assert/strict";
import { listingBoxes } from "./mp4_boxes.ts";

/** A box of this many bytes; `long` writes its length behind its name. */
function box(name: string, length: number, long = false): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, long ? 1 : length);
  bytes.set(new TextEncoder().encode(name), 4);
  if (long) view.setBigUint64(8, BigInt(length));
  return bytes;
}

async function listed(...boxes: Uint8Array[]): Promise<unknown> {
  const all = new Uint8Array(await new Blob(boxes as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const read = (start: number, length: number) =>
    Promise.resolve(all.subarray(start, start + length));
  const found = await listingBoxes(read, all.length);
  return found?.map(({ name, start, end }) => `${name} ${start}-${end}`);
}

Deno.test("what lists the frames of an MP4 file is found before them and behind them", async () => {
  const [head, frames, list] = [box("ftyp", 24), box("mdat", 500), box("moov", 90)];
  assert.deepEqual(await listed(head, list, frames), ["ftyp 0-24", "moov 24-114"]);
  assert.deepEqual(await listed(head, frames, list), ["ftyp 0-24", "moov 524-614"]);
  const long = box("mdat", 600, true);
  assert.deepEqual(await listed(head, long, list), ["ftyp 0-24", "moov 624-714"]);
});

Deno.test("a box that says no length reaches to the end", async () => {
  const open = box("mdat", 500);
  new DataView(open.buffer).setUint32(0, 0);
  assert.deepEqual(await listed(box("ftyp", 24), box("moov", 90), open), [
    "ftyp 0-24",
    "moov 24-114",
  ]);
});

Deno.test("what lists its frames elsewhere, or lies about its size, is none", async () => {
  const [head, frames, list] = [box("ftyp", 24), box("mdat", 500), box("moov", 90)];
  assert.equal(await listed(head, list, frames, box("moof", 40), frames), undefined);
  assert.equal(await listed(head, frames), undefined);
  assert.equal(await listed(head, list), undefined);
  assert.equal(await listed(head, list, list, frames), undefined);
  assert.equal(await listed(head, list, frames.subarray(0, 400)), undefined);
  assert.equal(await listed(new TextEncoder().encode("RIFF and so on, no MP4 at all")), undefined);
  const tiny = box("moov", 90);
  new DataView(tiny.buffer).setUint32(0, 4);
  assert.equal(await listed(head, tiny, frames), undefined);
});

Deno.test("a list of more bytes than any film has is not fetched", async () => {
  const size = 200 << 20;
  const heads = new Map([[0, box("moov", 8)], [100 << 20, box("mdat", 8)]]);
  for (const head of heads.values()) new DataView(head.buffer).setUint32(0, 100 << 20);
  const read = (start: number) => Promise.resolve(heads.get(start)!);
  assert.equal(await listingBoxes(read, size), undefined);
});
