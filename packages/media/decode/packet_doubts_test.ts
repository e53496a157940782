import assert from "node:assert/strict";
import type { PacketRecord } from "../ffmpeg/backend.ts";
import { areJoined, settledFrom, withoutUnseen } from "./packet_doubts.ts";

/** Packets in decode order: times, with K behind those of key frames and D behind hidden ones. */
function packets(text: string): PacketRecord[] {
  return text.split(" ").map((word) => ({
    ...{ ticks: parseInt(word), decodeTicks: undefined, duration: 1, size: 1 },
    keyframe: word.includes("K"),
    shown: !word.includes("D"),
  }));
}

Deno.test("areJoined() finds a key frame that comes before two frames that precede it", () => {
  assert.equal(areJoined(packets("0K 1 2 3 0K 1 2 3")), true);
  assert.equal(areJoined(packets("0K 3 1 2 4K 7 5 6")), false);
  assert.equal(areJoined(packets("0K 1 9 3 4K 5 6")), false);
  assert.equal(areJoined(packets("0K 1 1 1K 1 2")), false);
});

Deno.test("settledFrom() asks a decoder up to the second key frame after a cut", () => {
  assert.equal(settledFrom(packets("3K 1 2 6 4 5 9K 7 8")), 9);
  assert.equal(settledFrom(packets("0K 0 0 3K 1 2")), 3);
  assert.equal(settledFrom(packets("1 2 3K 4 5K")), 5);
  assert.equal(settledFrom(packets("0KD 1K 2K")), 1);
  assert.equal(settledFrom(packets("3K 1 2 4")), Infinity);
  assert.equal(settledFrom(packets("1 2 3")), Infinity);
});

Deno.test("settledFrom() trusts packets that start with a key frame in its place", () => {
  assert.equal(settledFrom(packets("0K 3 1 2 6K 4 5")), undefined);
  assert.equal(settledFrom(packets("0K 1D 1 2")), undefined);
  assert.equal(settledFrom([]), undefined);
});

Deno.test("withoutUnseen() takes a decoder's word before a time, and the packets' after", () => {
  const shown = (text: string, seen: number[], settled: number) =>
    withoutUnseen(packets(text), seen, settled).map((packet) => Number(packet.shown)).join("");
  assert.equal(shown("3K 1 2 6 4 5 9K 7", [3, 4, 5, 6, 7], 9), "10011111");
  assert.equal(shown("0K 0 0 3K 1 2", [0, 1, 2], 3), "100111");
  assert.equal(shown("0KD 1K 2D", [0], 1), "110");
});
