/**
 * The command's flags, read once into plain values.
 *
 * @module
 */
import { ProgressLine, UsageError } from "@vcs/transport/internal";
import { POLICIES, type Policy } from "@vcs/transport";
import { parseArgs } from "node:util";
import type { ModelOptions } from "../models.ts";
import type { SendOptions } from "../send.ts";
import type { SourceOptions } from "../frames/sources.ts";
import type { WindowEncoder } from "../stream/tokenizer.ts";
import { PAYLOAD_FORMS } from "../stream/window_message.ts";

/** Flags that take a value, and those that do not. */
const VALUES = {
  model: "model",
  device: "model",
  threads: "model",
  precision: "model",
  weights: "model",
  size: "encode",
  fit: "encode",
  "crop-seed": "encode",
  tail: "encode",
  payload: "encode",
  "key-every": "encode",
  "raw-size": "encode",
  fps: "encode",
  "capture-ring": "encode",
  "stream-id": "encode",
  rate: "decode",
  ring: "decode",
  jitter: "decode",
  underrun: "decode",
  journal: "decode",
  times: "decode",
  reorder: "decode",
  queue: "flow",
  policy: "flow",
  secret: "flow",
  patience: "flow",
  stats: "flow",
} as const;

const SWITCHES = { live: "encode", play: "decode", force: "decode", json: "model" } as const;

type ValueFlag = keyof typeof VALUES;
type SwitchFlag = keyof typeof SWITCHES;
type Group = "model" | "encode" | "decode" | "flow";

/** Flags and words of a command line. */
export class Flags {
  /** Words that are no flags. */
  readonly words: readonly string[];
  readonly #values: Readonly<Record<string, string | boolean | undefined>>;

  /**
   * Reads a command line.
   *
   * @param groups the flags that the command knows
   * @param words names of the words that it takes; those in brackets may be left out
   */
  constructor(command: string, args: string[], groups: readonly Group[], words: readonly string[]) {
    const options: Record<string, { type: "string" | "boolean" }> = {};
    for (const [name, group] of Object.entries(VALUES)) {
      if (groups.includes(group)) options[name] = { type: "string" };
    }
    for (const [name, group] of Object.entries(SWITCHES)) {
      if (groups.includes(group)) options[name] = { type: "boolean" };
    }
    try {
      const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
      this.#values = values as Readonly<Record<string, string | boolean | undefined>>;
      this.words = positionals;
    } catch (error) {
      throw new UsageError(`${command}: ${error instanceof Error ? error.message : error}`);
    }
    const least = words.filter((word) => !word.startsWith("[")).length;
    if (this.words.length < least || this.words.length > words.length) {
      throw new UsageError(
        `${command} takes ${words.join(" ")}, found ${this.words.length} words`,
      );
    }
  }

  /** Whether a switch is on. */
  has(name: SwitchFlag): boolean {
    return this.#values[name] === true;
  }

  /** The text of a flag. */
  text(name: ValueFlag): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** One of several words. */
  word<T extends string>(name: ValueFlag, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    const found = allowed.find((word) => word === text);
    if (text === undefined || found !== undefined) return found;
    throw new UsageError(`--${name} ${text}: allowed are ${allowed.join(", ")}`);
  }

  /** A number in a range. */
  number(name: ValueFlag, least: number, most: number, whole = true): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = text.trim() === "" ? NaN : Number(text);
    if (value >= least && value <= most && (!whole || Number.isSafeInteger(value))) return value;
    throw new UsageError(
      `--${name} ${text}: allowed is ${
        whole ? "a whole number" : "a number"
      } from ${least} to ${most}`,
    );
  }

  /** A size: `128` or `256x128`. */
  size(name: ValueFlag): { width: number; height: number } | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, width, height = width] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(text) ?? [];
    if (Number(width) > 0 && Number(height) > 0) {
      return { width: Number(width), height: Number(height) };
    }
    throw new UsageError(`--${name} ${text}: allowed are a number, or width x height as 256x128`);
  }
}

/** An object without the keys whose value is undefined. */
export function given<T extends object>(
  values: { [K in keyof T]: T[K] | undefined },
): { [K in keyof T]?: T[K] } {
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]?: T[K] };
}

/** How to open the model. */
export function modelOptions(flags: Flags, signal: AbortSignal): ModelOptions {
  const line = new ProgressLine();
  return {
    onProgress(file, { received, total }) {
      const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
      line.update(`fetching ${file}: ${megabytes(received)} of ${megabytes(total ?? 0)} MB`);
    },
    ...given({
      device: flags.text("device"),
      threads: flags.number("threads", 1, 1024),
      precision: flags.word("precision", ["f32", "f16"]),
      weights: flags.word("weights", ["ema", "raw"]),
    }),
    signal,
  };
}

/** How to read the source. */
export function sourceOptions(flags: Flags, stop: AbortSignal): SourceOptions {
  return {
    ...given({ size: flags.size("raw-size"), fps: flags.number("fps", 0.01, 1000, false) }),
    live: flags.has("live"),
    stop,
  };
}

/** Options of sending that flags set. */
type EncodeFlags = Pick<
  SendOptions,
  "width" | "height" | "fit" | "cropSeed" | "tail" | "payload" | "keyEvery"
>;

/** How frames become windows, and tokens messages. */
export function encodeOptions(flags: Flags): EncodeFlags {
  const { width, height } = flags.size("size") ?? { width: 128, height: 128 };
  if (width % 8 || height % 8 || width > 1024 || height > 1024) {
    throw new UsageError(
      `--size ${flags.text("size")}: allowed are multiples of 8 from 8 to 1024`,
    );
  }
  return {
    width,
    height,
    ...given<Omit<EncodeFlags, "width" | "height">>({
      fit: flags.word("fit", ["crop", "pad", "stretch"]),
      cropSeed: flags.number("crop-seed", 0, 2 ** 31 - 1),
      tail: flags.word("tail", ["pad", "exact", "drop"]),
      payload: flags.word("payload", PAYLOAD_FORMS),
      keyEvery: flags.number("key-every", 1, 1_000_000),
    }),
  };
}

/** Refuses, before anything is sent, a tail that the model cannot encode. */
export function requireTail({ tail }: EncodeFlags, encoder: WindowEncoder): void {
  if (tail !== "exact" || !encoder.fullWindows) return;
  throw new UsageError(
    `--tail exact: allowed are pad and drop with ${encoder.description}, which takes full windows only`,
  );
}

/** The queue and what it does when it is full. */
export function flowOptions(flags: Flags): { queue?: number; policy?: Policy } {
  return given({
    queue: flags.number("queue", 2, 4),
    policy: flags.word("policy", POLICIES),
  });
}

/** How to open the channel. */
export function channelOptions(flags: Flags): { secret?: string; timeout?: number } {
  const seconds = flags.number("patience", 0, 86_400, false);
  return given({
    secret: flags.text("secret"),
    timeout: seconds === undefined ? undefined : seconds * 1000,
  });
}
