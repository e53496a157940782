import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { type TokenCoding, TokenDecoder, TokenEncoder } from "./range_coder.ts";
import { packedSize, type Tokens, type TokenShape } from "../stream/tokens.ts";

const CODINGS: readonly TokenCoding[] = ["range", "mixed"];
const FULL = { channels: 18, frames: 5, height: 16, width: 16 };

/** Windows whose signs repeat the window before, except for a part that is noise. */
function* scene(shape: TokenShape, changing: number, seed = 1): Generator<Tokens> {
  const next = random(seed);
  const count = shape.channels * shape.frames * shape.height * shape.width;
  const packed = new Uint8Array(packedSize(shape));
  const draw = (share: number) => {
    for (let i = 0; i < count; i++) {
      if (next() >= share) continue;
      packed[i >> 3]! &= ~(1 << (i & 7));
      if (next() < 0.5) packed[i >> 3]! |= 1 << (i & 7);
    }
  };
  for (draw(1);; draw(changing)) yield { shape, packed: packed.slice() };
}

/** Sends windows through both coders; gives the bytes that each took. */
function roundTrip(
  coding: TokenCoding,
  windows: Iterable<Tokens>,
  count: number,
  keyEvery = Infinity,
): number[] {
  const encoder = new TokenEncoder(coding);
  const decoder = new TokenDecoder();
  const sizes: number[] = [];
  for (const tokens of windows) {
    const key = sizes.length === 0 || sizes.length % keyEvery === 0;
    const coded = encoder.encode(tokens, key);
    const back = coded
      ? decoder.decode(coded, tokens.shape, key, coding)
      : decoder.learn(tokens, key);
    assert.deepEqual(back, tokens, `window ${sizes.length}`);
    sizes.push(coded?.length ?? tokens.packed.length);
    if (sizes.length === count) break;
  }
  return sizes;
}

for (const coding of CODINGS) {
  Deno.test(`range coder, ${coding}: lossless on still, moving and wild scenes, with and without keys`, () => {
    for (const changing of [0, 0.01, 0.2, 1]) {
      for (const keyEvery of [1, 4, Infinity]) {
        const sizes = roundTrip(coding, scene(FULL, changing), 24, keyEvery);
        assert(sizes.every((size) => size <= 2880));
      }
    }
  });

  Deno.test(`range coder, ${coding}: odd shapes, one position, one channel`, () => {
    for (const [channels, frames, height, width] of [[18, 1, 3, 5], [1, 1, 1, 1], [30, 2, 1, 7]]) {
      const shape = { channels: channels!, frames: frames!, height: height!, width: width! };
      roundTrip(coding, scene(shape, 0.1), 12);
    }
  });

  Deno.test(`range coder, ${coding}: a scene that repeats costs less than half, noise no more than it is`, () => {
    const still = roundTrip(coding, scene(FULL, 0.1), 30);
    assert(still.at(-1)! < 1440, `found ${still.at(-1)} bytes`);
    const noise = roundTrip(coding, scene(FULL, 1), 30);
    assert.equal(Math.max(...noise), 2880);
  });

  Deno.test(`range coder, ${coding}: the same bytes on every machine`, () => {
    const encoder = new TokenEncoder(coding);
    let hash = 0;
    let i = 0;
    for (const tokens of scene(FULL, 0.05)) {
      const coded = encoder.encode(tokens, i === 0) ?? tokens.packed;
      for (const byte of coded) hash = (Math.imul(hash, 31) + byte) | 0;
      if (++i === 8) break;
    }
    assert.equal(hash, GOLDEN[coding]);
  });
}

/** Of the coders as first released: a change breaks streams between versions. */
const GOLDEN = { range: 401048809, mixed: -1223113287 };

Deno.test("range coder: mixed contexts take fewer bytes of what has a pattern", () => {
  const [range, mixed] = CODINGS.map((coding) => {
    const sizes = roundTrip(coding, stripes(), 12);
    return sizes.reduce((sum, size) => sum + size);
  });
  assert.ok(mixed! < 0.9 * range!, `${mixed} of ${range} bytes`);
});

/** Windows in which each place has its own sign, which few windows change. */
function* stripes(): Generator<Tokens> {
  const next = random(7);
  const own = Array.from({ length: 18 * 256 }, () => next() < 0.5);
  for (;;) {
    const packed = new Uint8Array(2880);
    for (let i = 0; i < 23040; i++) {
      const place = Math.floor(i / 1280) * 256 + i % 256;
      if (own[place] !== next() < 0.02) packed[i >> 3]! |= 1 << (i & 7);
    }
    yield { shape: FULL, packed };
  }
}

Deno.test("range coder: packed windows teach both ways, a coded one keeps to its own", () => {
  const windows = scene(FULL, 0.05);
  const [first, second, third] = [1, 2, 3].map(() => windows.next().value as Tokens);
  for (const coding of CODINGS) {
    const encoder = new TokenEncoder(coding);
    encoder.encode(first!, true);
    const [coded, last] = [encoder.encode(second!, false)!, encoder.encode(third!, false)!];
    const decoder = new TokenDecoder();
    decoder.learn(first!, true);
    for (const each of CODINGS) assert.ok(decoder.follows(FULL, each));
    assert.deepEqual(decoder.decode(coded, FULL, false, coding), second);
    assert.deepEqual(CODINGS.filter((each) => decoder.follows(FULL, each)), [coding]);
    assert.deepEqual(decoder.decode(last, FULL, false, coding), third);
  }
});

Deno.test("range coder: a window builds on any number of packed ones before it", () => {
  for (const coding of CODINGS) {
    for (const count of [1, 15, 16, 17, 40]) {
      const windows = scene(FULL, 0.05);
      const [encoder, decoder] = [new TokenEncoder(coding), new TokenDecoder()];
      for (let i = 0; i < count; i++) {
        const packed = windows.next().value as Tokens;
        encoder.encode(packed, i === 0);
        decoder.learn(packed, i === 0);
      }
      const last = windows.next().value as Tokens;
      const coded = encoder.encode(last, false)!;
      assert.deepEqual(decoder.decode(coded, FULL, false, coding), last, `${coding}, ${count}`);
    }
  }
});

Deno.test("range coder: needs a key window to begin, and after a change of shape", () => {
  const [tokens] = scene(FULL, 0) as unknown as [Tokens];
  assert.throws(() => new TokenEncoder().encode(tokens, false), RangeError);
  assert.throws(() => new TokenDecoder().decode(new Uint8Array(9), FULL, false), RangeError);
  const decoder = new TokenDecoder();
  decoder.learn(tokens, true);
  assert(decoder.follows(FULL));
  assert(!decoder.follows({ ...FULL, frames: 1 }));
  decoder.forget();
  assert(!decoder.follows(FULL));
});

Deno.test("range coder: any bytes decode to some tokens of the asked size, quickly", () => {
  const next = random(5);
  for (let i = 0; i < 50; i++) {
    const coded = Uint8Array.from({ length: Math.floor(next() * 4000) }, () => next() * 256);
    for (const coding of CODINGS) {
      const { packed } = new TokenDecoder().decode(coded, FULL, true, coding);
      assert.equal(packed.length, 2880);
    }
  }
});
