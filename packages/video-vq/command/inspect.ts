/**
 * `video-vq inspect`: the windows of a stream, without decoding them to frames.
 *
 * @module
 */
import {
  channelOptions,
  type Invocation,
  isFile,
  type OptionValues,
  print,
  UsageError,
} from "@vcs/transport/internal";
import type { Message } from "@vcs/transport/message";
import { pathToFileURL } from "node:url";
import { VideoVqError } from "../errors.ts";
import { TokenDecoder } from "../coder/range_coder.ts";
import { messageWindow } from "../stream/window_message.ts";
import type { INSPECT, INSPECT_OPERANDS } from "./options.ts";

/** What a line says of a window. */
interface WindowReport {
  readonly sequence: number;
  readonly stream: string;
  readonly model: string;
  readonly pts: number;
  readonly bytes: number;
  readonly form: string;
  readonly flags: string;
  readonly frames?: number;
  readonly size?: string;
  readonly latent?: string;
  readonly fps?: number;
  readonly ones?: number;
  readonly same?: number;
  readonly problem?: string;
}

/** Runs `inspect`; exit code 1 for windows that cannot be read. */
export async function inspect(
  { options, operands, signal: stop }: Invocation<typeof INSPECT, typeof INSPECT_OPERANDS>,
): Promise<number> {
  const inspector = new Inspector();
  if (!options.json) print(HEAD);
  for await (const message of messagesOf(operands.stream, options, stop)) {
    const report = inspector.report(message);
    if (report) print(options.json ? JSON.stringify(report) : lineOf(report));
  }
  return inspector.problems > 0 ? 1 : 0;
}

/** A path of a file is a journal, everything else a channel. */
async function* messagesOf(
  reference: string,
  options: OptionValues<typeof INSPECT>,
  stop: AbortSignal,
): AsyncGenerator<Message> {
  if (await isFile(reference)) {
    const { WindowJournal } = await import("../stream/journal.ts");
    yield* WindowJournal.read(reference);
    return;
  }
  const url = peekedUrl(reference);
  const { openReceiver } = await import("@vcs/transport/channel");
  await using channel = await openReceiver(url, channelOptions(options));
  try {
    for (;;) {
      const delivery = await channel.receive({ signal: stop });
      if (!delivery) return;
      yield delivery.message;
      await delivery.accept();
      if (delivery.message.end) return;
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

/** Folders are only read, and a publisher sends every subscriber a copy. */
const PEEKED = ["file:", "zmq+sub:"];

/** A URL that can be read without taking windows from their receiver. */
function peekedUrl(reference: string): URL {
  const url = URL.parse(reference, pathToFileURL(`${Deno.cwd()}/`));
  if (!url || !PEEKED.includes(url.protocol)) {
    throw new UsageError(
      `Cannot inspect ${reference}: it would take the windows from their receiver, expected a journal, file:folder/ or zmq+sub://…`,
    );
  }
  url.searchParams.delete("limit"); // without it, a receiver deletes nothing
  return url;
}

/** Reads windows one after the other, as a decoder would. */
class Inspector {
  readonly #coder = new TokenDecoder();
  #before: Uint8Array | undefined;
  problems = 0;

  /** Describes a window; undefined for a message that only ends the stream. */
  report(message: Message): WindowReport | undefined {
    if (message.end && message.payload.length === 0) return undefined;
    const { sequence, streamId: stream, modelId: model, pts, key, end, afterDrop } = message;
    const common = {
      sequence,
      stream,
      model,
      pts,
      bytes: message.payload.length,
      form: message.format === "bytes"
        ? ((message.payload[1] ?? 0) % 2 === 1 ? "range" : "packed")
        : "tensors",
      flags: [key && "key", end && "end", afterDrop && "after-drop"].filter(Boolean).join(","),
    };
    try {
      return { ...common, ...this.#read(message) };
    } catch (error) {
      if (!(error instanceof VideoVqError)) throw error;
      this.problems++;
      return { ...common, problem: error.message };
    }
  }

  #read(message: Message) {
    const window = messageWindow(message, this.#coder);
    const { shape, packed } = window.tokens;
    const bits = shape.channels * shape.frames * shape.height * shape.width;
    const before = this.#before?.length === packed.length ? this.#before : undefined;
    this.#before = packed;
    return {
      frames: window.validFrames,
      size: `${window.width}x${window.height}`,
      latent: `${shape.channels}x${shape.frames}x${shape.height}x${shape.width}`,
      fps: window.frameRate[0] / window.frameRate[1],
      ones: bitCount(packed) / bits,
      ...(before && { same: 1 - bitCount(packed.map((byte, i) => byte ^ before[i]!)) / bits }),
    };
  }
}

function bitCount(bytes: Uint8Array): number {
  let count = 0;
  for (let byte of bytes) {
    for (; byte > 0; byte >>= 1) count += byte & 1;
  }
  return count;
}

const COLUMNS = [8, 10, 8, 8, 7, 9, 13, 7, 7, 7, 0] as const;

const HEAD = columns(
  ["window", "pts", "bytes", "form", "frames", "size", "latent", "fps", "ones", "same", "flags"],
);

function lineOf(r: WindowReport): string {
  const line = columns([
    String(r.sequence),
    r.pts.toFixed(3),
    String(r.bytes),
    r.form,
    String(r.frames ?? "-"),
    r.size ?? "-",
    r.latent ?? "-",
    r.fps?.toFixed(2) ?? "-",
    r.ones?.toFixed(3) ?? "-",
    r.same?.toFixed(3) ?? "-",
    r.flags,
  ]);
  return r.problem === undefined ? line : `${line}  ${r.problem}`;
}

function columns(cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padEnd(COLUMNS[i]!)).join(" ").trimEnd();
}
