/**
 * What one wants to know when something does not run: devices and why they are missing, versions,
 * caches, and what a checkpoint holds, lacks and has too much. `doctor_lines.ts` says it to people.
 *
 * @module
 */
import { type Environment, environment, partsDirectory } from "@vcs/transport/internal";
import { dtypeSize, elementCount } from "@vcs/transport/tensor";
import {
  graphDirectory,
  huggingFaceHub,
  huggingFaceToken,
  isOffline,
  modelDirectory,
  torchCheckpoints,
} from "../cache/paths.ts";
import { type CheckpointOptions, openCheckpoint, type TensorSource } from "../checkpoint.ts";
import { stateDict } from "../torch/checkpoint_weights.ts";
import { type DeviceReport, listDevices, resolveDevice } from "../devices.ts";
import { type CudaReport, inspectCuda } from "../cuda/problems.ts";
import { chooseLibrary, ownLibrary } from "../runtime/library.ts";
import { availableProviders } from "../runtime/providers.ts";
import { NetworkWeights, type WeightReport } from "../graph/network_weights.ts";
import { ALLOWED_VERSIONS, loadRuntime } from "../runtime/ort.ts";
import type { Model, ModelCatalog, TensorShapes } from "../store.ts";

/** A folder and what is in it. */
export interface FolderReport {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

/** Our own cache. */
export interface CacheReport {
  readonly models: FolderReport;
  readonly graphs: FolderReport;
  readonly parts: FolderReport;
}

/** ONNX Runtime as this process opens it. */
export interface RuntimeReport {
  readonly version: string;
  readonly allowed: string;
  readonly path: string;
  /** Why it is this library. */
  readonly why: string;
  /** Names of the execution providers that it was built with. */
  readonly providers: readonly string[];
}

/** This machine: versions, devices with the reasons of those that do not work, caches, settings. */
export interface MachineReport {
  readonly deno: string;
  readonly target: string;
  readonly runtime: RuntimeReport;
  /** CUDA: the build, the driver, and what is missing, with what helps. */
  readonly cuda: CudaReport;
  readonly devices: readonly DeviceReport[];
  /** The device that `auto` takes. */
  readonly auto: string;
  readonly cache: CacheReport;
  /** Where PyTorch keeps what it has fetched. */
  readonly torch: string;
  /** Where Hugging Face's tools do, and whether there is a token. */
  readonly huggingFace: { readonly path: string; readonly token: boolean };
  /** Whether fetching is forbidden. */
  readonly offline: boolean;
}

/** A checkpoint. */
export interface CheckpointReport {
  readonly path: string;
  readonly bytes: number;
  readonly format: string;
  readonly tensors: {
    readonly count: number;
    readonly bytes: number;
    /** Numbers of tensors by element type. */
    readonly types: Readonly<Record<string, number>>;
  };
  /** What the file says besides its tensors. */
  readonly values: Readonly<Record<string, unknown>>;
  /** How it fits the closest model; null where it is close to none. */
  readonly fit: Fit | null;
  /** Whether no weight of that model is missing. */
  readonly complete: boolean;
}

/** How a file fits the tensors of one model, or of several that have the same. */
export interface Fit extends WeightReport {
  readonly models: readonly string[];
  /** Number of the model's weights. */
  readonly weights: number;
}

/** Files and bytes below a folder. */
async function inspectFolder(path: string): Promise<FolderReport> {
  let [files, bytes] = [0, 0];
  try {
    for await (const entry of Deno.readDir(path)) {
      const below = `${path}/${entry.name}`;
      const inside = entry.isDirectory
        ? await inspectFolder(below)
        : { files: 1, bytes: (await Deno.stat(below)).size };
      files += inside.files;
      bytes += inside.bytes;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return { path, files, bytes };
}

/** Looks into our own cache. */
export async function inspectCache(env: Environment = environment): Promise<CacheReport> {
  return {
    models: await inspectFolder(modelDirectory(env)),
    graphs: await inspectFolder(graphDirectory(env)),
    parts: await inspectFolder(partsDirectory(env)),
  };
}

/** Looks at this machine. */
export async function inspectMachine(env: Environment = environment): Promise<MachineReport> {
  const { path, why } = await chooseLibrary();
  const runtime = loadRuntime(path);
  const token = await huggingFaceToken(env);
  return {
    deno: Deno.version.deno,
    target: Deno.build.target,
    runtime: {
      ...{ version: runtime.version, allowed: ALLOWED_VERSIONS, path, why },
      providers: availableProviders(runtime),
    },
    cuda: await inspectCuda(ownLibrary()),
    devices: await listDevices(),
    auto: (await resolveDevice("auto")).device,
    cache: await inspectCache(env),
    torch: torchCheckpoints(env),
    huggingFace: { path: huggingFaceHub(env), token: token !== undefined },
    offline: isOffline(env),
  };
}

/** How a file fits a model, and how well: a matching shape counts more than a name. */
function fit(
  source: TensorSource,
  file: TensorSource,
  model: string,
  shapes: TensorShapes,
): { fit: Fit & { models: string[] }; share: number } {
  // Under other names nothing says which of the file's own are left over.
  const weights = new NetworkWeights(source, {
    ignore: (name) => source !== file && file.has(name),
  });
  for (const [name, shape] of shapes) weights.get(name, shape);
  const report = weights.report();
  const score = 2 * report.matched.length + report.mismatched.length;
  return { fit: { models: [model], weights: shapes.size, ...report }, share: score / shapes.size };
}

/** The models of which a file has most, or null where it has little of any. */
async function closest(source: TensorSource, { models }: ModelCatalog): Promise<Fit | null> {
  let best: ReturnType<typeof fit> | undefined;
  const close = async ({ name, tensors, renamed }: Model) => {
    const shapes = await tensors!();
    const own = fit(source, source, name, shapes);
    const other = renamed && fit(renamed(source), source, name, shapes);
    return other && other.share > own.share ? other : own;
  };
  for (const model of models) {
    if (!model.tensors) continue;
    const found = await close(model);
    const { name } = model;
    const isSame = best?.share === found.share && best.fit.weights === found.fit.weights;
    if (isSame) best?.fit.models.push(name);
    else if (found.share > (best?.share ?? 0.2)) best = found;
  }
  return best?.fit ?? null;
}

/** Number of tensors and bytes, by element type. */
function contents(source: TensorSource): CheckpointReport["tensors"] {
  const types: Record<string, number> = {};
  let bytes = 0;
  for (const name of source.names) {
    const { dtype, shape } = source.info(name);
    types[dtype] = (types[dtype] ?? 0) + 1;
    bytes += elementCount(shape) * dtypeSize(dtype);
  }
  return { count: source.names.length, bytes, types };
}

/**
 * Looks into a checkpoint: its format, what it holds, and which weights of the closest model of a
 * catalogue match, are missing, have another shape or are left over.
 *
 * @param reference path of a file, or name of a model that is on this machine; nothing is fetched
 * @throws {OnnxError} `checkpoint-invalid` or `checkpoint-refused` where the file cannot be read,
 * `model-unknown` or `model-missing` where there is no such file.
 */
export async function inspectCheckpoint(
  catalog: ModelCatalog,
  reference: string,
  { signal, ...options }: CheckpointOptions & { readonly signal?: AbortSignal } = {},
): Promise<CheckpointReport> {
  const path = await catalog.resolve(reference, { offline: true });
  signal?.throwIfAborted();
  using checkpoint = await openCheckpoint(path, options);
  const fit = await closest(stateDict(checkpoint), catalog);
  const values = [...checkpoint.metadata].filter(([name]) => !/[./]/.test(name));
  return {
    path,
    bytes: (await Deno.stat(path)).size,
    format: checkpoint.format,
    tensors: contents(checkpoint),
    values: Object.fromEntries(values),
    fit,
    complete: fit === null || fit.matched.length === fit.weights,
  };
}
