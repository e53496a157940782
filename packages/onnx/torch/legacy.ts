/**
 * PyTorch's layout before version 1.6: five pickles one after another (magic number, protocol,
 * system, tree, storage keys), then per key a 64-bit number of elements and the raw bytes.
 *
 * @module
 */
import type { ByteSource } from "@vcs/transport/portable";
import { dtypeSize } from "@vcs/transport/tensor";
import { Budget } from "./budget.ts";
import { OnnxError } from "../errors.ts";
import { readPickle } from "./pickle.ts";
import { brief, PickleCut, pickleError } from "./pickle_input.ts";
import { PickleTuple } from "./pickle_values.ts";
import {
  refusingUnknown,
  type StorageId,
  type TorchArchive,
  type TorchHost,
  torchHost,
} from "./archive.ts";
import type { TorchStorage } from "./tensor.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const FIRST_WINDOW = 1 << 18;
const MAX_WINDOW = 1 << 26;

interface Pickles {
  values: unknown[];
  /** Storages of the tree by key. */
  storages: Map<string, TorchStorage>;
  /** Where the storages' bytes begin. */
  end: number;
}

/** A view of another storage, as the last field of a legacy persistent id has it. */
function viewed({ storage, view }: StorageId): TorchStorage {
  if (view === null || view === undefined) return storage;
  const [, offset, count] = view instanceof PickleTuple ? view.items : [];
  const width = dtypeSize(storage.dtype ?? "U8");
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(count)) {
    throw pickleError("a view of a storage without an offset and a number of elements");
  }
  const byteOffset = (offset as number) * width;
  const byteLength = (count as number) * width;
  if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > storage.byteLength) {
    throw pickleError("a view that leaves its storage");
  }
  return { ...storage, byteOffset, byteLength };
}

function readHeadOf(bytes: Uint8Array, allowed: ReadonlySet<string>, budget: Budget): Pickles {
  const storages = new Map<string, TorchStorage>();
  const host = torchHost(allowed, (id) => {
    storages.set(id.key, id.storage);
    return viewed(id);
  });
  return refusingUnknown(host, () => ({ ...readPickles(bytes, host, budget), storages }));
}

function readPickles(
  bytes: Uint8Array,
  host: TorchHost,
  budget: Budget,
): Omit<Pickles, "storages"> {
  const values: unknown[] = [];
  let end = 0;
  while (values.length < 5) {
    const result = readPickle(bytes, host, end, budget);
    values.push(result.value);
    end = result.end;
    if (values.length === 1 && values[0] !== MAGIC) {
      throw pickleError("it does not begin with PyTorch's magic number");
    }
  }
  if (values[1] !== PROTOCOL) throw pickleError(`PyTorch protocol ${brief(values[1])}`);
  return { values, end };
}

/** Reads the pickles without knowing how long they are: with more of the file until they fit. */
async function readHead(
  source: ByteSource,
  allowed: ReadonlySet<string>,
  { total }: Budget,
): Promise<Pickles> {
  for (let size = FIRST_WINDOW;; size *= 4) {
    const bytes = await source.read(0, Math.min(size, source.size));
    try {
      return readHeadOf(bytes, allowed, new Budget(total));
    } catch (error) {
      const more = bytes.length < source.size && size < MAX_WINDOW;
      if (!(error instanceof PickleCut) || !more) throw error;
    }
  }
}

/** Finds where each storage's bytes begin, from the numbers of elements between them. */
async function findStorages(source: ByteSource, head: Pickles): Promise<Map<string, number>> {
  const keys = head.values[4];
  if (!Array.isArray(keys)) throw pickleError("the storage keys are not a list");
  const offsets = new Map<string, number>();
  let at = head.end;
  for (const key of keys) {
    const storage = typeof key === "string" ? head.storages.get(key) : undefined;
    if (!storage || offsets.has(storage.key)) {
      throw pickleError(`storage key ${brief(key)} is unknown or comes twice`);
    }
    const field = await source.read(at, 8);
    const count = Number(new DataView(field.buffer, field.byteOffset).getBigInt64(0, true));
    if (count * dtypeSize(storage.dtype ?? "U8") !== storage.byteLength) {
      throw pickleError(`storage ${storage.key} declares ${count} elements, its tensors others`);
    }
    offsets.set(storage.key, at + 8);
    at += 8 + storage.byteLength;
  }
  if (at > source.size) throw pickleError(`the storages end at ${at}, the file at ${source.size}`);
  return offsets;
}

/**
 * Opens the legacy layout.
 *
 * @param source the file
 * @param allowed names of further data classes
 * @param budget memory for the tree
 * @throws {OnnxError} `checkpoint-invalid`, `checkpoint-refused` or `limit`
 */
export async function openTorchLegacy(
  source: ByteSource,
  allowed: ReadonlySet<string>,
  budget: Budget,
): Promise<TorchArchive> {
  const head = await readHead(source, allowed, budget);
  const offsets = await findStorages(source, head);
  for (const key of head.storages.keys()) {
    if (offsets.has(key)) continue;
    throw new OnnxError(
      "checkpoint-invalid",
      `Cannot read checkpoint ${source.name}: storage ${key} is not in the file`,
    );
  }
  return {
    format: "torch-legacy",
    root: head.values[3],
    // Whatever the third pickle says of the writer: PyTorch has always written these little-endian.
    bigEndian: false,
    read: (storage, from, length) =>
      source.read(offsets.get(storage.key)! + storage.byteOffset + from, length),
  };
}
