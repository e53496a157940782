/**
 * What a reader is to the tests of memory, and files that several of them are tried with.
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";

/** Makes a file. */
export type File = () => Uint8Array | Promise<Uint8Array>;

/** A reader, and files of both kinds. */
export interface Reader {
  /** The export's name, and what is special about the call. */
  readonly name: string;
  /** Reads a file, whose bytes lie in memory and at a path. */
  readonly read: (bytes: Uint8Array<ArrayBuffer>, path: string) => unknown;
  /** Megabytes that the reader's budget allows it. Default: 0. */
  readonly budget?: number;
  /** Megabytes that a network takes beyond its input and output. Default: 0. */
  readonly work?: number;
  /** Files of those who mean harm. */
  readonly hostile: Readonly<Record<string, File>>;
  /** How those end. Default: with `limit`. */
  readonly ends?: RegExp;
  /** Whether each file has a process of its own: one leaves much that the next would be blamed for. */
  readonly isApart?: boolean;
  /** Names readers of one list that need so little that they share a process. Default: alone. */
  readonly group?: string;
  /** A large file that must be read. */
  readonly honest: File;
  /** Megabytes that come out of it and are held at once. */
  readonly out: number;
}

/** A file that is made once. */
export function once(make: File): File {
  let made: ReturnType<File> | undefined;
  return () => made ??= make();
}

/** A stream of bytes that are there already. */
export function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(function* () {
    for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
  }());
}

/** Takes everything. */
export async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

/** Bytes of a text in UTF-8. */
export const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

/** A safetensors file whose header says one thing over and over, about to a length. */
export function safetensorsHeader(
  start: string,
  each: (i: number) => string,
  end: string,
  length: number,
): Uint8Array<ArrayBuffer> {
  const parts = [start];
  let size = 0;
  while (size < length) size += parts.at(parts.push(each(parts.length)) - 1)!.length;
  const json = text(parts.join("").replace(/,$/, "") + end);
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A safetensors file whose header is longer than any may be. */
export const LONG_HEADER: File = once(() =>
  safetensorsHeader("{", (i) => `"${i.toString().padEnd(200)}":{},`, "}", 17 << 20)
);

/** Small tensors, by name. */
export function smallTensors(count: number): Map<string, Tensor> {
  const one = tensor("U8", [1]);
  return new Map(Array.from({ length: count }, (_, i) => [`layers.${i}.attention.weight`, one]));
}
