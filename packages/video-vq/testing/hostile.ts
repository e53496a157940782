/**
 * Windows that are well formed as messages and odd inside: named ones, and random ones of a seed.
 *
 * @module
 */
import { type Message, message } from "@vcs/transport/message";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { mutations, random } from "#testing/fuzz.ts";
import { encodeWindow, type TokenWindow, type WindowVersion } from "../stream/payload.ts";
import { packedSize, type TokenShape } from "../stream/tokens.ts";
import { PAYLOAD_FORMS, windowMessage } from "../stream/window_message.ts";

/** What an odd window is to a receiver. */
export interface Odd {
  readonly name: string;
  /** Its message as window 2 of a stream. */
  readonly message: Message;
}

const STREAM = "00000000000000aa";
const GOOD = [18, 5, 2, 2] as const;

type Sides = readonly [channels: number, frames: number, height: number, width: number];

function windowOf(sides: Sides, changes: Partial<TokenWindow> = {}): TokenWindow {
  const [channels, frames, height, width] = sides;
  const shape: TokenShape = { channels, frames, height, width };
  return {
    tokens: { shape, packed: new Uint8Array(packedSize(shape)) },
    ...{ validFrames: 17, width: width * 8, height: height * 8, frameRate: [25, 1] },
    times: Array.from({ length: 18 }, (_, i) => i / 25),
    ...{ capturedAt: 1e12, encodeSeconds: 0.1, sentAt: 1e12 },
    ...changes,
  };
}

/** What a message of the stream may have otherwise. */
interface MessageChanges {
  readonly end?: boolean;
  readonly streamId?: string;
  /** Rows and columns of the latent. */
  readonly side?: number | readonly [rows: number, columns: number];
}

const fieldsOf = (sequence: number, { end = false, streamId = STREAM }: MessageChanges = {}) => ({
  ...{ streamId, sequence, modelId: "00000000000000aa", key: true, end, afterDrop: false },
});

/** A window that is as it should be. */
export function goodMessage(sequence: number, changes: MessageChanges = {}): Message {
  const { side = 2 } = changes;
  const [rows, columns] = typeof side === "number" ? [side, side] : side;
  return windowMessage(windowOf([18, 5, rows, columns]), fieldsOf(sequence, changes), "packed");
}

/** A payload whose bytes are changed after it was written. */
function patched(edit: (view: DataView) => void, version?: WindowVersion): Uint8Array<ArrayBuffer> {
  const payload = encodeWindow(windowOf(GOOD), undefined, true, version);
  edit(new DataView(payload.buffer));
  return payload;
}

const far = (i: number) => i * 5000;
const timesOf = (time: (i: number) => number) => ({
  times: Array.from({ length: 18 }, (_, i) => time(i)),
});

const WINDOWS: Readonly<Record<string, TokenWindow>> = {
  "no columns": windowOf([18, 5, 2, 0]),
  "17 channels": windowOf([17, 5, 2, 2]),
  "30 channels": windowOf([30, 5, 2, 2]),
  "40 channels": windowOf([40, 5, 2, 2]),
  "3 latent frames": windowOf([18, 3, 2, 2]),
  "100 latent frames": windowOf([18, 100, 2, 2]),
  "a latent of 200x200": windowOf([18, 5, 200, 200]),
  "a latent of 400x400": windowOf([18, 5, 400, 400]),
  "a latent of 1x65535": windowOf([18, 5, 1, 65535]),
  "frames that are taller than a file's": windowOf([18, 5, 2049, 1]),
  "frames that are wider than a file's": windowOf([18, 5, 1, 2049]),
  "frames of another size than the latent": windowOf(GOOD, { width: 9999, height: 1 }),
  "a time that is not a number": windowOf(GOOD, timesOf((i) => i === 5 ? NaN : far(i))),
  "an infinite time": windowOf(GOOD, timesOf((i) => i === 17 ? Infinity : far(i))),
  "times that go back": windowOf(GOOD, timesOf((i) => 5 - i)),
  "times of ages": windowOf(GOOD, timesOf((i) => i * 1e200)),
  "an infinite time of sending": windowOf(GOOD, { sentAt: Infinity }),
  "no number as time of sending": windowOf(GOOD, { sentAt: NaN }),
  "an infinite time of capture": windowOf(GOOD, { capturedAt: Infinity }),
  "a time of capture before all": windowOf(GOOD, { capturedAt: -Infinity }),
  "no number as time of encoding": windowOf(GOOD, { encodeSeconds: NaN }),
  "an infinite time of encoding": windowOf(GOOD, { encodeSeconds: Infinity }),
  "a rate of 2^32 - 1": windowOf(GOOD, { frameRate: [2 ** 32 - 1, 1] }),
  "a rate of a frame in 136 years": windowOf(GOOD, { frameRate: [1, 2 ** 32 - 1] }),
};

const PAYLOADS: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "no bytes": new Uint8Array(0),
  "255 valid frames": patched((view) => view.setUint8(2, 255)),
  "no valid frames": patched((view) => view.setUint8(2, 0)),
  "a rate of nothing": patched((view) => view.setUint32(16, 0, true)),
  "2^26 bits, range coded": patched((view) => {
    view.setUint8(1, 1);
    [1, 1, 8192, 8192].forEach((side, i) => view.setUint16(4 + 2 * i, side, true));
  }),
  "version 3": patched((view) => view.setUint8(0, 3)),
  "255 valid frames in a short header": patched((view) => view.setUint16(2, 0x01ff, true), 2),
  "two kinds of bars in a short header": patched((view) => view.setUint8(1, 24), 2),
  "a short header alone": Uint8Array.of(2),
  "numbers without end in a short header": new Uint8Array(2_000).fill(255).fill(2, 0, 2),
  "a large latent in a short header": Uint8Array.of(
    ...[2, 0, 17, 18, 5, 0xff, 0xff, 3, 0xff, 0xff, 3, 25, 1, 0, 0, 0, 1, 2, 3, 4],
  ),
};

const OWN = {
  ...{ channels: 18, validFrames: 17, width: 16, height: 16, frameRate: [25, 1] },
  ...timesOf((i) => i / 25),
  ...{ capturedAt: 0, encodeSeconds: 0, sentAt: 0 },
};

const METADATA: Readonly<Record<string, unknown>> = {
  "metadata of nothing": null,
  "metadata that is a list": [],
  "words as rate": { ...OWN, frameRate: ["a", "b"] },
  "half a rate": { ...OWN, frameRate: [25] },
  "40 channels in metadata": { ...OWN, channels: 40 },
  "a word as channels": { ...OWN, channels: "18" },
  "half a valid frame": { ...OWN, validFrames: 16.5 },
  "a negative number of valid frames": { ...OWN, validFrames: -1, times: [] },
  "times that are one number": { ...OWN, times: 5 },
};

function tensorMessage(metadata: unknown, shape: readonly number[] = [5, 2, 2]): Message {
  const indices = tensor("I32", shape);
  const payload = encodeSafetensors({ indices }, { video_vq: JSON.stringify(metadata) });
  return message(payload, { ...fieldsOf(2), pts: 0, format: "safetensors" });
}

/** Every odd window that has a name. */
export const ODD_WINDOWS: readonly Odd[] = [
  ...Object.entries(WINDOWS).map(([name, window]) => ({
    name,
    message: windowMessage(window, fieldsOf(2), "packed"),
  })),
  ...Object.entries(WINDOWS).map(([name, window]) => ({
    name: `${name}, in a short header if it can be`,
    message: windowMessage(window, fieldsOf(2), "packed", undefined, 2),
  })),
  ...Object.entries(PAYLOADS).map(([name, payload]) => ({
    name,
    message: message(payload, { ...fieldsOf(2), pts: 0 }),
  })),
  ...Object.entries(METADATA).map(([name, metadata]) => ({
    name,
    message: tensorMessage(metadata),
  })),
  { name: "indices of many positions", message: tensorMessage(OWN, [5, 500, 500]) },
];

const SIDES = [0, 1, 2, 3, 5, 16, 17, 18, 30, 31, 100, 128, 129, 200];
const NUMBERS = [0, -1, 0.5, 1, 17, 18, 255, 1e9, 1e300, -1e300, NaN, Infinity, -Infinity];

/** A random window of a seed: odd numbers where a window has numbers, then, at times, odd bytes. */
export function randomMessage(seed: number): Message {
  const next = random(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const odd = (usual: number) => next() < 0.8 ? usual : pick(NUMBERS);
  const sides = GOOD.map((side) => next() < 0.8 ? side : pick(SIDES));
  const window = windowOf(sides as unknown as Sides, {
    ...{ width: odd(16), height: odd(16), validFrames: odd(17) },
    ...{ capturedAt: odd(1e12), sentAt: odd(1e12), encodeSeconds: odd(0.1) },
    frameRate: [odd(25), odd(1)],
    ...(next() < 0.3 && timesOf((i) => odd(i / 25))),
  });
  const fields = { ...fieldsOf(2), key: next() < 0.8 };
  const form = pick(PAYLOAD_FORMS);
  try {
    const made = windowMessage(window, fields, form, undefined, pick([1, 2] as const));
    if (next() < 0.6) return made;
    const [payload] = mutations(made.payload, 1, seed);
    return message(payload as Uint8Array<ArrayBuffer>, { ...fields, format: made.format });
  } catch {
    return goodMessage(2); // not every odd window can be written down
  }
}
