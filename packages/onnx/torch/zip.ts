/**
 * PyTorch's zip layout, since version 1.6: `<root>/data.pkl` is the pickled tree, `<root>/data/<key>`
 * the bytes of each storage, `<root>/byteorder` their order. TorchScript archives are the same with
 * code beside it, which is never looked at.
 *
 * @module
 */
import { type ByteSource, type ZipEntry, ZipReader } from "@vcs/transport/portable";
import type { Budget } from "./budget.ts";
import { OnnxError } from "../errors.ts";
import { readPickle } from "./pickle.ts";
import { refusingUnknown, type StorageId, type TorchArchive, torchHost } from "./archive.ts";
import type { TorchStorage } from "./tensor.ts";

const TREE = "/data.pkl";

function invalid(source: ByteSource, what: string): OnnxError {
  return new OnnxError("checkpoint-invalid", `Cannot read checkpoint ${source.name}: ${what}`);
}

/** Finds `<root>/data.pkl`, whatever the root is called. */
function findTree(source: ByteSource, zip: ZipReader): ZipEntry {
  const [tree, ...more] = [...zip.entries.values()].filter(({ name }) => name.endsWith(TREE));
  if (!tree) throw invalid(source, `the archive has no entry that ends in ${TREE}`);
  if (more.length > 0) throw invalid(source, `the archive has several entries that end in ${TREE}`);
  return tree;
}

async function isBigEndian(source: ByteSource, zip: ZipReader, root: string): Promise<boolean> {
  const entry = zip.entries.get(`${root}/byteorder`);
  if (!entry) return false;
  const word = entry.size <= 16 ? new TextDecoder().decode(await zip.read(entry)) : "";
  if (word === "little" || word === "big") return word === "big";
  throw invalid(source, `byteorder is ${JSON.stringify(word)}, little and big are allowed`);
}

function resolver(source: ByteSource, zip: ZipReader, root: string) {
  return ({ key, storage }: StorageId): TorchStorage => {
    const entry = zip.entries.get(`${root}/data/${key}`);
    if (!entry) throw invalid(source, `storage ${JSON.stringify(key)} is not in the archive`);
    if (entry.size >= storage.byteLength) return storage;
    throw invalid(
      source,
      `storage ${key} has ${entry.size} bytes, its tensors take ${storage.byteLength}`,
    );
  };
}

/** Reads a range of a record; where it is the whole record its CRC-32 is checked. */
async function readRecord(zip: ZipReader, entry: ZipEntry, from: number, length: number) {
  if (length === entry.size) return await zip.read(entry);
  if (entry.stored) return await zip.readRange(entry, from, length);
  const part = new Uint8Array(length);
  let at = -from;
  for await (const chunk of zip.stream(entry)) {
    const wanted = chunk.subarray(Math.max(0, -at), Math.max(0, length - at));
    part.set(wanted, Math.min(length, Math.max(0, at)));
    at += chunk.length;
  }
  return part;
}

/**
 * Opens the zip layout.
 *
 * @param source the file
 * @param allowed names of further data classes
 * @param budget memory for the tree
 * @throws {OnnxError} `checkpoint-invalid`, `checkpoint-refused` or `limit`
 */
export async function openTorchZip(
  source: ByteSource,
  allowed: ReadonlySet<string>,
  budget: Budget,
): Promise<TorchArchive> {
  const zip = await ZipReader.open(source, { zeroCrcMeansNone: true });
  const tree = findTree(source, zip);
  const rootName = tree.name.slice(0, -TREE.length);
  const bigEndian = await isBigEndian(source, zip, rootName);
  const host = torchHost(allowed, resolver(source, zip, rootName));
  budget.spend(tree.size);
  const bytes = await zip.read(tree);
  const { value } = refusingUnknown(host, () => readPickle(bytes, host, 0, budget));
  return {
    format: zip.entries.has(`${rootName}/constants.pkl`) ? "torchscript" : "torch",
    root: value,
    bigEndian,
    read: (storage, from, length) =>
      readRecord(zip, zip.entries.get(`${rootName}/data/${storage.key}`)!, from, length),
  };
}
