import assert from "node:assert/strict";
import { mutations, random } from "#testing/fuzz.ts";
import { VideoVqError } from "../errors.ts";
import {
  decodeWindow,
  encodeWindow,
  PAYLOAD_HEADER_SIZE,
  readHeader,
  type TokenWindow,
  type WindowVersion,
} from "./payload.ts";
import { TokenDecoder, TokenEncoder } from "../coder/range_coder.ts";
import { tokensFromPacked } from "./tokens.ts";

const SHAPE = { channels: 18, frames: 5, height: 16, width: 16 };

function sample(seed = 1, changes: Partial<TokenWindow> = {}): TokenWindow {
  const next = random(seed);
  const packed = Uint8Array.from({ length: 2880 }, () => next() < 0.8 ? 0 : next() * 256);
  return {
    tokens: tokensFromPacked(packed, SHAPE),
    validFrames: 17,
    width: 128,
    height: 128,
    frameRate: [24000, 1001],
    times: Array.from({ length: 18 }, (_, i) => 2 + i * 1001 / 24000),
    capturedAt: 1_700_000_000_123.5,
    encodeSeconds: 0.25,
    sentAt: 1_700_000_000_999,
    ...changes,
  };
}

Deno.test("payload: everything comes back, packed in 2,928 bytes", () => {
  const window = sample();
  const bytes = encodeWindow(window);
  assert.equal(bytes.length, PAYLOAD_HEADER_SIZE + 2880);
  assert.deepEqual(decodeWindow(bytes, 2), window);
});

/** Four signs of twelve set, as `examples/python/vcs_windows.py` writes them in both versions. */
const SMALL: TokenWindow = {
  tokens: tokensFromPacked(Uint8Array.of(0x29, 0x08), {
    ...{ channels: 2, frames: 1, height: 2, width: 3 },
  }),
  ...{ validFrames: 1, width: 24, height: 16, times: [2, 2 + 1 / 24] },
  frameRate: [24, 1],
  ...{ capturedAt: 1_700_000_000_123.5, encodeSeconds: 0.25, sentAt: 1_700_000_000_999 },
};
const PADDED: TokenWindow = { ...SMALL, picture: { fit: "pad", width: 24, height: 10 } };
const UNEVEN: TokenWindow = {
  ...{ ...SMALL, validFrames: 2, times: [2, 2.04, 2.3], width: 128, height: 128 },
  ...{ capturedAt: 0, encodeSeconds: 0.5, sentAt: 0 },
  frameRate: [30_000, 1001],
};

const FIXED: readonly (readonly [TokenWindow, WindowVersion, string])[] = [
  [
    SMALL,
    1,
    "01000100020001000200030018001000180000000100000000b88756febc78420000803e2605440b0070be56febc78422908",
  ],
  [SMALL, 2, "020001020102031801d8fcb5c1c1c48203edb73590a10f2605440b2908"],
  [
    PADDED,
    1,
    "01100100020001000200030018000a00180000000100000000b88756febc78420000803e2605440b0070be56febc78422908",
  ],
  [PADDED, 2, "02280102010203180a1801d8fcb5c1c1c48203edb73590a10f2605440b2908"],
  [
    UNEVEN,
    1,
    "0100020102000100020003008000800030750000e903000000000000000000000000003f2605440b0000000000000000409c0000e09304002908",
  ],
  [UNEVEN, 2, "0222020201020380018001b0ea01e9070000a0c21e2605440b409c0000e09304002908"],
];

Deno.test("payload: the bytes of both versions are what they always were", () => {
  for (const [window, version, hex] of FIXED) {
    assert.equal(encodeWindow(window, undefined, true, version).toHex(), hex);
    const { times, ...back } = decodeWindow(Uint8Array.fromHex(hex), 2);
    const { times: meant, ...rest } = window;
    assert.deepEqual(back, rest);
    for (const [i, time] of meant.entries()) assert(Math.abs(times[i]! - time) < 1e-6);
  }
});

Deno.test("payload: version 2 says in 27 bytes at 24 frames per second what version 1 says in 48", () => {
  const times = Array.from({ length: 18 }, (_, i) => 2 + i / 24);
  const window = sample(1, { frameRate: [24, 1], times, sentAt: 1_700_000_000_999.5 });
  const bytes = encodeWindow(window, undefined, true, 2);
  assert.equal(bytes.length, 27 + 2880);
  assert.deepEqual(decodeWindow(bytes, 2), window);
  for (const fit of ["pad", "stretch"] as const) {
    const shown = { ...window, picture: { fit, width: 128, height: 72 } };
    assert.deepEqual(decodeWindow(encodeWindow(shown, undefined, true, 2), 2), shown);
  }
});

Deno.test("payload: what version 2 cannot say is written in version 1", () => {
  const odd: Partial<TokenWindow>[] = [
    { capturedAt: NaN },
    { capturedAt: 1_700_000_001_000 }, // later than it was sent: a clock that was set
    { capturedAt: 1_700_000_000_999.001 }, // by a microsecond
    { sentAt: Infinity },
    { encodeSeconds: -1 },
    { width: 70_000 },
    { frameRate: [23.976, 1] },
  ];
  for (const changes of odd) {
    assert.equal(encodeWindow(sample(1, changes), undefined, true, 2)[0], 1);
  }
});

Deno.test("payload: a header of version 2 is written in one way only, and is within its limits", () => {
  const good = Uint8Array.fromHex(FIXED[1]![2]);
  const wrong: [string, (bytes: number[]) => void][] = [
    ["more bytes than a number needs", (bytes) => bytes.splice(2, 1, 0x81, 0)],
    ["a number of nine bytes", (bytes) => bytes.splice(9, 8, ...new Array(8).fill(0xff), 1)],
    ["a side of 65,536", (bytes) => bytes.splice(5, 1, 0x80, 0x80, 4)],
    ["mixed contexts and packed bits", (bytes) => bytes[1] = 64],
    ["a kind of 128", (bytes) => bytes[1] = 128],
    ["a third table of times", (bytes) => bytes[1] = 6],
    ["bars and stretched", (bytes) => bytes[1] = 24],
    ["bars and stretched, of a size", (bytes) => bytes[1] = 56],
    ["captured before 1970", (bytes) => bytes.splice(9, 8, 1)],
    ["other tokens", (bytes) => bytes[bytes.length - 2] = 0x28],
    ["a byte more", (bytes) => bytes.push(0)],
  ];
  for (const [name, edit] of wrong) {
    const bytes = [...good];
    edit(bytes);
    assert.throws(() => decodeWindow(Uint8Array.from(bytes)), { code: "bad-window" }, name);
  }
  for (let length = 0; length < good.length; length++) {
    assert.throws(() => decodeWindow(good.subarray(0, length)), { code: "bad-window" });
  }
});

Deno.test("payload: windows of either coding come back in either version", () => {
  for (const coding of ["range", "mixed"] as const) {
    for (const version of [1, 2] as const) {
      const [encoder, decoder] = [new TokenEncoder(coding), new TokenDecoder()];
      for (const key of [true, false, false]) {
        const window = sample(0.01);
        const bytes = encodeWindow(window, encoder, key, version);
        assert.equal(bytes[0], version);
        assert.equal(readHeader(bytes, 2).coding, coding);
        assert.deepEqual(decodeWindow(bytes, 2, decoder, key).tokens, window.tokens);
      }
    }
  }
});

Deno.test("payload: range coded windows come back and are shorter", () => {
  const encoder = new TokenEncoder();
  const decoder = new TokenDecoder();
  for (let i = 0; i < 5; i++) {
    const window = sample(i);
    const bytes = encodeWindow(window, encoder, i === 0);
    assert(bytes.length < PAYLOAD_HEADER_SIZE + 2880);
    assert.deepEqual(decodeWindow(bytes, 2, decoder, i === 0), window);
  }
});

Deno.test("payload: never longer than packed bits and the header, whatever the tokens", () => {
  const encoder = new TokenEncoder();
  const decoder = new TokenDecoder();
  for (let i = 0; i < 5; i++) {
    const noise = crypto.getRandomValues(new Uint8Array(2880));
    const window = sample(1, { tokens: tokensFromPacked(noise, SHAPE) });
    const bytes = encodeWindow(window, encoder, i === 0);
    assert(bytes.length <= PAYLOAD_HEADER_SIZE + 2880);
    assert.deepEqual(decodeWindow(bytes, 2, decoder, i === 0), window);
  }
});

Deno.test("payload: uneven times are kept in a table, to a microsecond", () => {
  const times = [5, 5.04, 5.2, 5.21, 7];
  const window = sample(1, { validFrames: 4, times, frameRate: [25, 1] });
  const bytes = encodeWindow(window);
  assert.equal(bytes.length, PAYLOAD_HEADER_SIZE + 4 * 4 + 2880);
  const back = decodeWindow(bytes, 5);
  for (const [i, time] of times.entries()) assert(Math.abs(back.times[i]! - time) < 1e-6);
});

Deno.test("payload: times come through to a microsecond, however near to even, however long the gap", () => {
  const stamps = (from: number) => Array.from({ length: 17 }, (_, i) => from + i / 24);
  const cases = [
    {
      times: Array.from({ length: 18 }, (_, i) => Math.round(i * 1000 / 24) / 1000),
      table: 4 * 17,
    },
    { times: Array.from({ length: 18 }, (_, i) => i / 24 + 2e-7 * (i % 2)), table: 0 },
    { times: [0, ...stamps(4290)], table: 4 * 17 },
    { times: [0, ...stamps(5000)], table: 8 * 17 },
    { times: [0, ...stamps(86_400 * 365)], table: 8 * 17 },
  ];
  for (const { times, table } of cases) {
    const bytes = encodeWindow(sample(1, { times, frameRate: [24, 1] }));
    assert.equal(bytes.length, PAYLOAD_HEADER_SIZE + table + 2880);
    const back = decodeWindow(bytes).times;
    for (const [i, time] of times.entries()) assert(Math.abs(back[i]! - time) < 1e-6, `${time}`);
  }
});

Deno.test("payload: a time that is not a number is refused", () => {
  const times = [0, ...Array.from({ length: 17 }, (_, i) => 5000 + i)];
  const bytes = encodeWindow(sample(1, { times }));
  new DataView(bytes.buffer).setFloat64(PAYLOAD_HEADER_SIZE, NaN, true);
  assert.throws(() => decodeWindow(bytes), { code: "bad-window" });
});

Deno.test("payload: sizes that contradict each other are a typed error", () => {
  const bytes = encodeWindow(sample());
  for (
    const [at, value] of [[0, 2], [0, 3], [1, 3], [2, 0], [3, 3], [4, 0], [4, 31], [6, 4], [16, 0]]
  ) {
    const bad = bytes.slice();
    bad[at!] = value!;
    if (at === 16) bad.fill(0, 16, 20);
    assert.throws(() => decodeWindow(bad), { code: "bad-window" }, `byte ${at}`);
  }
});

Deno.test("payload: a huge latent is refused before anything is allocated", () => {
  const bytes = encodeWindow(sample());
  bytes.fill(0xff, 4, 12);
  bytes[4] = 30, bytes[5] = 0;
  assert.throws(() => readHeader(bytes), { code: "bad-window" });
});

Deno.test("payload: a range coded window without those before it is distinguished from damage", () => {
  const encoder = new TokenEncoder();
  encodeWindow(sample(), encoder, true);
  const second = encodeWindow(sample(2), encoder, false);
  assert.throws(() => decodeWindow(second, 0, new TokenDecoder(), false), {
    code: "missing-context",
  });
});

Deno.test("payload: other windows before it are noticed by the checksum", () => {
  const encoder = new TokenEncoder();
  encodeWindow(sample(1), encoder, true);
  const second = encodeWindow(sample(2), encoder, false);
  const decoder = new TokenDecoder();
  decodeWindow(encodeWindow(sample(9), new TokenEncoder(), true), 0, decoder, true);
  assert.throws(() => decodeWindow(second, 0, decoder, false), { code: "bad-window" });
  assert(!decoder.follows(SHAPE), "the decoder waits for a key window");
});

Deno.test("payload: damaged bytes never give other tokens", () => {
  const window = sample();
  for (const coder of [undefined, new TokenEncoder()]) {
    const written = ([1, 2] as const).map((version) => encodeWindow(window, coder, true, version));
    for (const bad of written.flatMap((bytes) => [...mutations(bytes, 500)])) {
      try {
        const { tokens } = decodeWindow(bad, 2, new TokenDecoder());
        if (tokens.packed.length === 2880) assert.deepEqual(tokens.packed, window.tokens.packed);
      } catch (error) {
        assert(error instanceof VideoVqError, String(error));
      }
    }
  }
});

Deno.test("payload: what a frame shows of its source comes through, in 48 bytes", () => {
  for (const fit of ["pad", "stretch"] as const) {
    const window = sample(1, { picture: { fit, width: 128, height: 72 } });
    const bytes = encodeWindow(window);
    assert.equal(bytes.length, PAYLOAD_HEADER_SIZE + 2880);
    assert.deepEqual(decodeWindow(bytes, 2), window);
  }
  const beyond = sample(1, { picture: { fit: "pad", width: 136, height: 72 } });
  const line = sample(1, { picture: { fit: "stretch", width: 1280, height: 8 } });
  const none = sample(1, { picture: { fit: "pad", width: 0, height: 8 } });
  for (const window of [beyond, line, none]) {
    assert.throws(() => decodeWindow(encodeWindow(window), 2), { code: "bad-window" });
  }
});
