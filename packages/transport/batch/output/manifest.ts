/**
 * What an output holds, written when a batch is through: counts, files with their SHA-256, versions
 * and settings. `merge` makes one of those of all parts.
 *
 * @module
 */
import type { OutputStore } from "./output_store.ts";
import { cannotMerge, countOf, filesOf, type MergeOptions, proveFiles } from "./prove_files.ts";
import type { BatchReceived } from "../record.ts";
import type { BatchSettings } from "../settings.ts";
import type { ShardSummary } from "./shards.ts";
import type { Split } from "../split.ts";

/** Numbers of a batch. */
export interface BatchCounts {
  /** Items that were listed, of all parts. */
  readonly listed: number;
  /** Items of this part, those of one key once. */
  readonly items: number;
  /** Items of this part whose key had come before. */
  readonly repeated: number;
  /** Items with a record. */
  readonly records: number;
  /** Items that failed. */
  readonly failed: number;
}

/** What an output holds. */
export interface Manifest {
  /** Name and version of the command, and versions of what it runs on. */
  readonly versions: Readonly<Record<string, string>>;
  /** What the records depend on. */
  readonly settings: BatchSettings;
  /** The part of the items; absent where all are in it. */
  readonly split?: Split;
  /** Numbers. */
  readonly counts: BatchCounts;
  /** How many items failed, by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** What a queue's workers read of sources elsewhere; absent where nothing was. */
  readonly received?: BatchReceived;
  /** Files, in the order of their names. */
  readonly files: readonly ShardSummary[];
}

/** Name of the manifest of a part, or of all. */
export function manifestName(stem: string): string {
  return stem === "shard" ? "manifest.json" : `manifest${stem.slice("shard".length)}.json`;
}

/** Writes a manifest. */
export async function writeManifest(
  store: OutputStore,
  stem: string,
  manifest: Manifest,
): Promise<void> {
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await store.write(manifestName(stem), new TextEncoder().encode(text));
}

/** Manifests of all parts that are there. */
async function manifests(store: OutputStore): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for await (const name of store.list("manifest-")) {
    if (!/^manifest-\d+-of-\d+\.json$/.test(name)) continue;
    const bytes = await store.read(name);
    if (bytes) found.push(JSON.parse(new TextDecoder().decode(bytes)));
  }
  return found.sort((a, b) => (a.split?.index ?? 0) - (b.split?.index ?? 0));
}

/**
 * Makes one manifest of those of all parts, after proving that all are there with every file that they
 * name.
 *
 * @throws {UsageError} where a part or a file is missing, or a part was not split as the others.
 */
export async function mergeManifests(
  store: OutputStore,
  options: MergeOptions = {},
): Promise<Manifest> {
  const parts = await manifests(store);
  const first = firstOf(store, parts);
  const merged = {
    ...{ versions: first.versions, settings: first.settings, counts: countsOf(store, parts) },
    failures: summed(parts.map(({ failures }) => failures)),
    files: parts.flatMap(({ files }) => files),
  };
  const { files } = merged;
  await proveFiles(store, filesOf(store, files), { ...options, total: countOf(files) });
  await writeManifest(store, "shard", merged);
  return merged;
}

/** The first part, after proving that all others are there and alike. */
function firstOf(store: OutputStore, parts: readonly Manifest[]): Manifest {
  const [first] = parts;
  if (first === undefined) {
    throw cannotMerge(store, "found no manifests of parts, expected those of --shard I/N");
  }
  const { count } = first.split ?? { count: 1 };
  const indices = new Set(parts.map(({ split }) => split?.index));
  const missing = Array.from({ length: count }, (_, i) => i).filter((i) => !indices.has(i));
  if (missing.length > 0) {
    const found = `found ${indices.size} of ${count} parts`;
    throw cannotMerge(store, `${found}, missing ${missing.join(", ")}`);
  }
  for (const { split, counts, settings } of parts) {
    const isAlike = split?.count === count && counts.listed === first.counts.listed &&
      JSON.stringify(settings) === JSON.stringify(first.settings);
    if (!isAlike) throw cannotMerge(store, unlike(split, counts.listed, first));
  }
  return first;
}

/** The numbers of all parts, which must make up what was listed. */
function countsOf(store: OutputStore, parts: readonly Manifest[]): BatchCounts {
  const sum = (of: (counts: BatchCounts) => number) =>
    parts.reduce((total, { counts }) => total + of(counts), 0);
  const counts = {
    listed: parts[0]!.counts.listed,
    items: sum(({ items }) => items),
    repeated: sum(({ repeated }) => repeated),
    records: sum(({ records }) => records),
    failed: sum(({ failed }) => failed),
  };
  const { listed, items, repeated, records, failed } = counts;
  if (items + repeated === listed && records + failed === items) return counts;
  throw cannotMerge(
    store,
    `found ${records} records, ${failed} failures and ${repeated} repeated items, ` +
      `expected ${listed} together`,
  );
}

function unlike(split: Split | undefined, listed: number, first: Manifest): string {
  return `part ${split?.index} is one of ${split?.count} with ${listed} items listed and other ` +
    `settings perhaps, expected the settings of part ${first.split?.index}, one of ` +
    `${first.split?.count} with ${first.counts.listed}`;
}

function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const counts of all) {
    for (const [code, count] of Object.entries(counts)) total[code] = (total[code] ?? 0) + count;
  }
  return total;
}
