/**
 * What a person wants to know when something does not run: devices and why they are missing,
 * versions, caches, and what a checkpoint holds, lacks and has too much.
 *
 * @module
 */
import type { Environment } from "@vcs/transport/internal";
import { dtypeSize, elementCount } from "@vcs/transport/tensor";
import {
  graphDirectory,
  huggingFaceHub,
  huggingFaceToken,
  isOffline,
  modelDirectory,
  torchCheckpoints,
} from "../cache/paths.ts";
import { openCheckpoint, type TensorSource } from "../checkpoint.ts";
import { stateDict } from "../torch/checkpoint_weights.ts";
import { listDevices, resolveDevice } from "../devices.ts";
import { findLibrary } from "../runtime/library.ts";
import { NetworkWeights, type WeightReport } from "../graph/network_weights.ts";
import { ALLOWED_VERSIONS, loadRuntime } from "../runtime/ort.ts";
import type { ModelCatalog, TensorShapes } from "../store.ts";

/** Names that are listed of each kind, before "and N more". */
const SHOWN = 8;

function row(label: string, text: string): string {
  return `${label.padEnd(14)}${text}`;
}

/** Files and bytes below a folder. */
async function sizeOf(folder: string): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      const inside = entry.isDirectory
        ? await sizeOf(path)
        : { files: 1, bytes: (await Deno.stat(path)).size };
      files += inside.files;
      bytes += inside.bytes;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return { files, bytes };
}

async function cacheRow(label: string, folder: string): Promise<string> {
  const { files, bytes } = await sizeOf(folder);
  const amount = files === 0 ? "empty" : `${files} files, ${(bytes / 1e6).toFixed(1)} MB`;
  return row(label, `${folder} (${amount})`);
}

/** Lines about our own cache: its folders, and how much is in them. */
export async function describeCache(env: Environment = Deno.env): Promise<string[]> {
  return [
    await cacheRow("Models", modelDirectory(env)),
    await cacheRow("Graphs", graphDirectory(env)),
  ];
}

/**
 * Lines about this machine: versions, devices with the reasons of those that do not work, caches
 * and settings.
 */
export async function describeMachine(env: Environment = Deno.env): Promise<string[]> {
  const library = loadRuntime(await findLibrary());
  const devices = await listDevices();
  const { device } = await resolveDevice("auto");
  const token = await huggingFaceToken(env);
  return [
    row("Deno", `${Deno.version.deno}, ${Deno.build.target}`),
    row("ONNX Runtime", `${library.version} (${ALLOWED_VERSIONS} is taken), ${library.path}`),
    ...devices.map((d) => row(`  ${d.device}`, d.reason)),
    row("  auto", `takes ${device}`),
    ...await describeCache(env),
    row("PyTorch", torchCheckpoints(env)),
    row("Hugging Face", `${huggingFaceHub(env)}, ${token ? "with a token" : "no token"}`),
    row("Fetching", isOffline(env) ? "forbidden (HF_HUB_OFFLINE or VCS_OFFLINE)" : "allowed"),
  ];
}

/** How a file fits the tensors of one model, or of several that have the same. */
interface Fit {
  readonly models: string[];
  readonly report: WeightReport;
  readonly total: number;
  readonly share: number;
}

/** A matching shape counts more than a name. */
function fit(source: TensorSource, model: string, shapes: TensorShapes): Fit {
  const weights = new NetworkWeights(source);
  for (const [name, shape] of shapes) weights.get(name, shape);
  const report = weights.report();
  const score = 2 * report.matched.length + report.mismatched.length;
  return { models: [model], report, total: shapes.size, share: score / shapes.size };
}

/** The models of which a file has most, or undefined where it has little of any. */
async function closest(source: TensorSource, { models }: ModelCatalog): Promise<Fit | undefined> {
  let best: Fit | undefined;
  for (const { name, tensors } of models) {
    if (!tensors) continue;
    const found = fit(source, name, await tensors());
    if (best && found.share === best.share && found.total === best.total) best.models.push(name);
    else if (found.share > (best?.share ?? 0.2)) best = found;
  }
  return best;
}

function someNames(label: string, names: readonly string[]): string[] {
  if (names.length === 0) return [row(label, "none")];
  const shown = names.slice(0, SHOWN).map((name, i) => row(i === 0 ? label : "", name));
  const rest = names.length - SHOWN;
  return rest > 0 ? [...shown, row("", `and ${rest} more`)] : shown;
}

/** Number of tensors and bytes, by element type. */
function contents(source: TensorSource): string {
  const counts = new Map<string, number>();
  let bytes = 0;
  for (const name of source.names) {
    const { dtype, shape } = source.info(name);
    counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
    bytes += elementCount(shape) * dtypeSize(dtype);
  }
  const types = [...counts].map(([dtype, count]) => `${count} of ${dtype}`).join(", ");
  return `${source.names.length}, ${(bytes / 1e6).toFixed(1)} MB${types && `: ${types}`}`;
}

/** How a checkpoint's tensors fit the model that they are closest to. */
async function fitLines(
  source: TensorSource,
  catalog: ModelCatalog,
): Promise<{ lines: string[]; complete: boolean }> {
  const names = catalog.models.filter(({ tensors }) => tensors).map(({ name }) => name);
  if (names.length === 0) return { lines: [], complete: true };
  const best = await closest(source, catalog);
  if (!best) return { lines: [row("Model", `none of ${names.join(", ")}`)], complete: true };
  const { matched, missing, mismatched, unexpected } = best.report;
  const fits = `${matched.length} of ${best.total} weights match`;
  return {
    lines: [
      row("Model", `${best.models.join(", ")}: ${fits}`),
      ...someNames("Missing", missing),
      ...someNames("Other shape", mismatched),
      ...someNames("Unexpected", unexpected),
    ],
    complete: matched.length === best.total,
  };
}

/**
 * Lines about a checkpoint: its format, what it holds, and which weights of the closest model of a
 * catalogue match, are missing, have another shape or are left over.
 *
 * @param reference path of a file, or name of a model that is on this machine; nothing is fetched
 * @returns the lines, and whether no weight of the model is missing
 * @throws {OnnxError} `checkpoint-invalid` or `checkpoint-refused` where the file cannot be read,
 * `model-unknown` or `model-missing` where there is no such file.
 */
export async function describeCheckpoint(
  catalog: ModelCatalog,
  reference: string,
  signal?: AbortSignal,
): Promise<{ lines: string[]; complete: boolean }> {
  const path = await catalog.resolve(reference, { offline: true });
  signal?.throwIfAborted();
  using checkpoint = await openCheckpoint(path);
  const source = stateDict(checkpoint);
  const { lines, complete } = await fitLines(source, catalog);
  const { size } = await Deno.stat(path);
  const values = [...checkpoint.metadata].filter(([name]) => !/[./]/.test(name))
    .slice(0, SHOWN).map(([name, value]) => `${name} = ${value}`);
  return {
    lines: [
      row("File", `${path} (${(size / 1e6).toFixed(1)} MB)`),
      row("Format", checkpoint.format),
      row("Tensors", contents(checkpoint)),
      ...values.map((text, i) => row(i === 0 ? "Values" : "", text)),
      ...lines,
    ],
    complete,
  };
}
