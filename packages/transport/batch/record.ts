/**
 * What a batch takes and makes: an item in, a record out.
 *
 * @module
 */
import { CodedError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";

/** Something to work on. */
export interface BatchItem {
  /** Its name in the output, unique in a batch: segments with slashes between them. */
  readonly key: string;
  /** A path or a URL. */
  readonly source: string;
  /** Second to begin at. Default: the beginning. */
  readonly from?: number;
  /** Second to end at. Default: the end. */
  readonly to?: number;
}

/** What became of an item. */
export interface BatchRecord {
  /** Tensors by name: letters, digits and underscores. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** What else there is to say, by name; of one type in all records. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** What was read of a source elsewhere; told at the end and not kept, for it is another each time. */
  readonly received?: BatchReceived;
}

/** What was read of sources elsewhere. */
export interface BatchReceived {
  /** Bytes that came over the network. */
  readonly bytes: number;
  /** Bytes of the files that they are of. */
  readonly of: number;
}

/** The sum of what was read; undefined where nothing was. */
export function receivedInAll(all: Iterable<BatchReceived | undefined>): BatchReceived | undefined {
  let sum: BatchReceived | undefined;
  for (const one of all) {
    if (one) sum = { bytes: one.bytes + (sum?.bytes ?? 0), of: one.of + (sum?.of ?? 0) };
  }
  return sum;
}

/** A record as a file. */
export interface RecordFile {
  /** Extension, without a dot. */
  readonly extension: string;
  /** Content. */
  readonly bytes: Uint8Array;
}

/** What makes a file of a record, where every item becomes one. */
export type RecordEncoder = (record: BatchRecord) => RecordFile | Promise<RecordFile>;

/** Why a key cannot be one; undefined where it can. */
export function keyFault(key: string): string | undefined {
  if (key === "") return "it is empty";
  // deno-lint-ignore no-control-regex -- these are what must not get into names
  if (/[\0-\x1f\x7f\\]/.test(key)) return "it has a control character or a backslash";
  const segments = key.split("/");
  if (segments.some((segment) => segment === "")) return "a segment is empty";
  if (segments.some((segment) => segment === "." || segment === "..")) {
    return "a segment is . or ..";
  }
  // Names are at most 255 bytes long in most file systems; ours have something behind the key.
  const isLong = segments.some((segment) => new TextEncoder().encode(segment).length > 200);
  return isLong ? "a segment has more than 200 bytes" : undefined;
}

/** Whether a source is in a store, and nobody but the store can read it. */
export function isStored(source: string): boolean {
  return /^s3:\/\//i.test(source);
}

/** Why an item failed: a code that is stable, and a message. */
export interface ItemFailure {
  /** Code of the error, or its name where it has none. */
  readonly code: string;
  /** Its message. */
  readonly message: string;
}

/** What an error says about an item. */
export function failureOf(error: unknown): ItemFailure {
  if (!(error instanceof Error)) return { code: "Error", message: String(error) };
  const { code } = error as Error & { code?: unknown };
  const isCoded = error instanceof CodedError || typeof code === "string";
  return { code: isCoded ? String(code) : error.name, message: error.message || error.name };
}
