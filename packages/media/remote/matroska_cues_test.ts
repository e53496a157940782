import assert from "node:assert/strict";
import { readCues } from "./matroska_cues.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const number = (value: number): number[] =>
  value < 256 ? [value] : [...number(Math.floor(value / 256)), value % 256];

/** An element; its size in as many bytes as asked for. */
function element(id: number, content: number[] | number, sizeLength = 2): number[] {
  const body = typeof content === "number" ? number(content) : content;
  const size = number(body.length);
  const head = [...Array(sizeLength - size.length).fill(0), ...size];
  head[0] = head[0]! | 0x80 >> (sizeLength - 1);
  return [...number(id), ...head, ...body];
}

const EBML = element(0x1a45dfa3, []);
const INFO = element(0x1549a966, element(0x2ad7b1, 500_000));
const TRACK = element(0xae, [
  ...element(0xd7, 7),
  ...element(0x83, 1),
  ...element(0x23e383, 40_000_000),
]);
const SOUND = element(0xae, [...element(0xd7, 1), ...element(0x83, 2)]);
const cue = (time: number, track: number) =>
  element(0xbb, [...element(0xb3, time), ...element(0xb7, element(0xf7, track))]);
const CUES = element(0x1c53bb6b, [...cue(4000, 7), ...cue(0, 7), ...cue(0, 1), ...cue(300, 7)]);
const CLUSTER = element(0x1f43b675, Array(400).fill(0));

/** A film whose key frames are listed behind its frames, at the place that its first element says. */
function listedLast(tracks: number[]): number[] {
  const before = [...INFO, ...element(0x1654ae6b, tracks), ...CLUSTER];
  const seek = (place: number) =>
    element(
      0x114d9b74,
      element(0x4dbb, [
        ...element(0x53ab, 0x1c53bb6b),
        ...element(0x53ac, [0, 0, ...number(place)]),
      ]),
    );
  const place = seek(256).length + before.length;
  return [...EBML, ...element(0x18538067, [...seek(place), ...before, ...CUES], 8)];
}

async function cuesOf(bytes: number[]) {
  const all: Bytes = Uint8Array.from(bytes);
  return await readCues((start, length) => Promise.resolve(all.subarray(start, start + length)));
}

const EXPECTED = {
  tracks: [
    { number: 7, isVideo: true, frameTime: 40_000_000 },
    { number: 1, isVideo: false, frameTime: 0 },
  ],
  tick: 500_000,
  times: new Map([[7, [0, 300, 4000]], [1, [0]]]),
};

Deno.test("key frames are found where they are listed, before the frames or behind them", async () => {
  const tracks = [...TRACK, ...SOUND];
  assert.deepEqual(await cuesOf(listedLast(tracks)), EXPECTED);
  const first = [...INFO, ...element(0x1654ae6b, tracks), ...CUES, ...CLUSTER];
  assert.deepEqual(await cuesOf([...EBML, ...element(0x18538067, first, 8)]), EXPECTED);
  // Of a segment that never said how long it would be.
  const open = [...number(0x18538067), 0x01, ...Array(7).fill(255), ...first];
  assert.deepEqual(await cuesOf([...EBML, ...open]), EXPECTED);
});

Deno.test("what lists no key frames, or has tracks that FFmpeg counts otherwise, is none", async () => {
  const tracks = element(0x1654ae6b, TRACK);
  const none = [...INFO, ...tracks, ...CLUSTER];
  assert.equal(await cuesOf([...EBML, ...element(0x18538067, none, 8)]), undefined);
  assert.equal(
    await cuesOf(listedLast([...TRACK, ...element(0xae, element(0x83, 0x20))])),
    undefined,
  );
  assert.equal(await cuesOf(listedLast([])), undefined);
  assert.equal(await cuesOf([]), undefined);
  assert.equal(await cuesOf(EBML), undefined);
  const whole = listedLast(TRACK);
  for (let length = 0; length < whole.length - CUES.length; length += 3) {
    assert.equal(await cuesOf(whole.slice(0, length)), undefined, `${length}`);
  }
});
