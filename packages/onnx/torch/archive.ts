/**
 * What the layouts of PyTorch's files have in common: a tree of data whose tensors point into
 * storages, and the bytes of those storages.
 *
 * @module
 */
import type { PickleHost } from "./pickle.ts";
import { OnnxError } from "../errors.ts";
import { brief, PickleCut, pickleError } from "./pickle_input.ts";
import { PickleGlobal, PickleTuple } from "./pickle_values.ts";
import { acceptGlobal, constructTorch, refuseUnknown, storageDType } from "./globals.ts";
import { dtypeSize } from "@vcs/transport/tensor";
import type { TorchStorage } from "./tensor.ts";

/** An opened file of PyTorch. */
export interface TorchArchive {
  /** Which layout it is. */
  readonly format: "torch" | "torchscript" | "torch-legacy";
  /** The pickled tree; its tensors are {@linkcode TorchTensor}. */
  readonly root: unknown;
  /** Whether the bytes of elements lie in big-endian order. */
  readonly bigEndian: boolean;
  /** Reads a range of a storage's bytes. */
  read(storage: TorchStorage, from: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The fields of the persistent id of a storage. */
export interface StorageId {
  /** Dotted name of the storage's class. */
  readonly className: string;
  /** Name of the record that holds its bytes. */
  readonly key: string;
  /** The storage itself. */
  readonly storage: TorchStorage;
  /** What stands behind the number of elements: legacy files describe views there. */
  readonly view: unknown;
}

/**
 * Reads a persistent id: `("storage", class, key, location, elements)`. The location (`cpu`,
 * `cuda:0`, `npu:0`) says where the storage was when it was saved, and is ignored.
 */
export function parseStorageId(id: unknown): StorageId {
  if (!(id instanceof PickleTuple)) throw pickleError("a persistent id that is not a tuple");
  const [kind, type, key, , count, view] = id.items;
  if (kind !== "storage") throw pickleError(`a persistent id of kind ${brief(kind)}`);
  const dtype = type instanceof PickleGlobal ? storageDType(type.name) : undefined;
  if (dtype === undefined) throw pickleError("a storage of a class that is not known");
  if (typeof key !== "string" || !Number.isSafeInteger(count) || (count as number) < 0) {
    throw pickleError("a storage without a key and a number of elements");
  }
  const width = dtype === "bytes" ? 1 : dtypeSize(dtype);
  const storage = {
    key,
    dtype: dtype === "bytes" ? undefined : dtype,
    byteOffset: 0,
    byteLength: (count as number) * width,
  };
  return { className: (type as PickleGlobal).name, key, storage, view };
}

/** The host that reads PyTorch's pickles. */
export interface TorchHost extends PickleHost {
  /** Names that are not on the list, so far. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * The host that reads PyTorch's pickles.
 *
 * @param allowed names of further data classes
 * @param resolve finds the storage of a persistent id
 */
export function torchHost(
  allowed: ReadonlySet<string>,
  resolve: (id: StorageId) => TorchStorage,
): TorchHost {
  const unknown = new Set<string>();
  return {
    unknown,
    global: (name) => acceptGlobal(name, allowed, unknown),
    construct: constructTorch,
    persistent: (id) => resolve(parseStorageId(id)),
  };
}

/**
 * Reads with a host to the end, and then refuses all names that are not on its list; they go before
 * faults that may follow from them.
 *
 * @throws {OnnxError} `checkpoint-refused`, or what `read` throws
 */
export function refusingUnknown<T>({ unknown }: TorchHost, read: () => T): T {
  try {
    const result = read();
    refuseUnknown(unknown);
    return result;
  } catch (error) {
    if (error instanceof OnnxError && error.code === "checkpoint-invalid") {
      if (!(error instanceof PickleCut)) refuseUnknown(unknown);
    }
    throw error;
  }
}
