/**
 * From a model's name to a file on this machine: our own downloads, files that PyTorch, Hugging
 * Face's tools or OpenAI's CLIP have fetched before, or a download from the authors' own address.
 *
 * Environment: `VCS_CACHE` moves our folder; `TORCH_HOME`, `HF_HOME`, `HF_HUB_CACHE` say where the
 * other tools keep theirs; `HF_TOKEN` and `HF_ENDPOINT` are used for the hub; `HF_HUB_OFFLINE` or
 * `VCS_OFFLINE` forbids fetching.
 *
 * @example A path is a model reference, too
 * ```ts
 * import { resolveModel } from "@vcs/onnx/store";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".th" });
 * assert.equal(await resolveModel(path), path);
 * await Deno.remove(path);
 * ```
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { isFile } from "@vcs/transport/internal";
import {
  clipModels,
  type Environment,
  huggingFaceEndpoint,
  huggingFaceHub,
  huggingFaceToken,
  isOffline,
  modelDirectory,
  torchCheckpoints,
} from "./cache/paths.ts";
import { download, type DownloadProgress, sha256Of } from "./cache/download.ts";
import { OnnxError } from "./errors.ts";
import { Passing, type Patience, persistently, Stall } from "./cache/requests.ts";
import {
  findModel,
  type HubFile,
  type Model,
  type ModelFile,
  MODELS,
  type UrlFile,
} from "./cache/models.ts";

/** Settings of a look into the caches. */
export interface StoreOptions {
  /** Environment variables to go by; those of the process where not given. */
  env?: Environment;
}

/** Settings of a search for a model's file. What an aborted download got is used by the next one. */
export interface ResolveOptions extends StoreOptions, Patience {
  /** Called as bytes arrive, with the name of the file. */
  onProgress?: (file: string, progress: DownloadProgress) => void;
  /** Looks only on this machine; what `HF_HUB_OFFLINE` says where not given. */
  offline?: boolean;
}

/** A file on this machine that belongs to a model. */
export interface LocalModel {
  /** Path of the file. */
  readonly path: string;
  /** Whose folder it lies in. */
  readonly owner: "vcs" | "torch" | "clip" | "huggingface";
}

async function firstFile(candidates: readonly LocalModel[]): Promise<LocalModel | undefined> {
  for (const candidate of candidates) {
    if (await isFile(candidate.path)) return candidate;
  }
}

/** Path of a model's file in our own folder. */
function ownPath(file: ModelFile, env: Environment): string {
  const folder = "repository" in file ? file.repository.replaceAll("/", "--") : "";
  return join(modelDirectory(env), folder, file.file);
}

/** Places of a hub's file in Hugging Face's cache: the main branch first, then other revisions. */
async function hubCandidates(
  { repository, file }: HubFile,
  env: Environment,
): Promise<LocalModel[]> {
  const folder = join(huggingFaceHub(env), `models--${repository.replaceAll("/", "--")}`);
  const main = await Deno.readTextFile(join(folder, "refs", "main")).catch(() => "");
  const revisions = main ? [main.trim()] : [];
  try {
    for await (const entry of Deno.readDir(join(folder, "snapshots"))) revisions.push(entry.name);
  } catch { /* No such cache. */ }
  return [...new Set(revisions)].map((revision) => ({
    path: join(folder, "snapshots", revision, file),
    owner: "huggingface",
  }));
}

/** Places where another tool keeps a file. */
async function otherCandidates(file: ModelFile, env: Environment): Promise<LocalModel[]> {
  if ("repository" in file) return await hubCandidates(file, env);
  if (file.cache === "torch") {
    return [{ path: join(torchCheckpoints(env), file.file), owner: "torch" }];
  }
  if (file.cache === "clip") return [{ path: join(clipModels(), file.file), owner: "clip" }];
  return [];
}

/** Finds a model's file on this machine: in our folder, then in those of other tools. */
export async function findLocal(
  model: Model,
  { env = Deno.env }: StoreOptions = {},
): Promise<LocalModel | undefined> {
  for (const file of model.files) {
    const own: LocalModel = { path: ownPath(file, env), owner: "vcs" };
    const found = await firstFile([own, ...await otherCandidates(file, env)]);
    if (found) return found;
  }
}

/** Most redirections from one address of the hub to another. */
const MAX_MOVES = 8;

/** What the hub knows of a large file. */
interface HubFacts {
  readonly size?: number;
  readonly sha256?: string;
}

/** Where a file of the hub is, how to ask for it, and what it must be. */
interface HubAnswer extends HubFacts {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
}

/** Asks the hub for the place, size and SHA-256 of a file. */
async function askHub(
  { repository, file }: HubFile,
  { env = Deno.env, ...patience }: ResolveOptions,
): Promise<HubAnswer> {
  const url = `${huggingFaceEndpoint(env)}/${repository}/resolve/main/${file}`;
  const token = await huggingFaceToken(env);
  const headers: HubAnswer["headers"] = token ? { authorization: `Bearer ${token}` } : {};
  try {
    return {
      url,
      headers,
      ...await persistently(() => hubFacts(url, headers, patience), patience),
    };
  } catch (error) {
    if (!(error instanceof Passing)) throw error;
    throw new OnnxError("download-failed", `Cannot download ${url}: ${error.message}`);
  }
}

/**
 * What the hub's answer says of a file. The redirection to a large file names it in its own headers;
 * that of a renamed repository does not, and is followed.
 */
async function hubFacts(
  url: string,
  headers: HubAnswer["headers"],
  patience: Patience,
): Promise<HubFacts> {
  let at = url;
  for (let moves = 0; moves <= MAX_MOVES; moves++) {
    using stall = new Stall(patience);
    const answer = await stall.fetch(at, { method: "HEAD", headers, redirect: "manual" });
    await answer.body?.cancel();
    if (answer.status >= 400) throw hubRefusal(url, answer.status, "authorization" in headers);
    const facts = linkedFile(answer.headers);
    const next = new URL(answer.headers.get("location") ?? at, at);
    const isMoved = next.href !== at && next.origin === new URL(at).origin;
    if (!isMoved || facts.size !== undefined || facts.sha256 !== undefined) return facts;
    at = next.href;
  }
  return {};
}

function linkedFile(headers: Headers): HubFacts {
  const size = Number(headers.get("x-linked-size") ?? NaN);
  const tag = headers.get("x-linked-etag")?.replaceAll('"', "") ?? "";
  return {
    ...(Number.isSafeInteger(size) ? { size } : {}),
    ...(/^[0-9a-f]{64}$/.test(tag) ? { sha256: tag } : {}),
  };
}

function hubRefusal(url: string, status: number, hasToken: boolean): OnnxError {
  const closed = status === 401 || status === 403;
  const advice = !closed
    ? ""
    : hasToken
    ? "; the token does not open it: accept the model's terms on its page"
    : "; it may need a token: set HF_TOKEN";
  return new OnnxError(
    "download-failed",
    `Cannot download ${url}: the hub answered ${status}${advice}`,
  );
}

/** Downloads one of a model's files into our folder. */
async function fetchFile(file: ModelFile, options: ResolveOptions): Promise<string> {
  const { env = Deno.env, onProgress, ...rest } = options;
  const path = ownPath(file, env);
  const source = "repository" in file
    ? await askHub(file, options)
    : { url: file.url, ...(file.sha256 ? { sha256: file.sha256 } : {}) };
  const { url, ...expected } = source;
  await download(url, path, {
    ...rest,
    ...expected,
    onProgress: (progress) => onProgress?.(file.file, progress),
  });
  if (source.sha256) await Deno.writeTextFile(`${path}.sha256`, source.sha256);
  return path;
}

/** How a person gets the file onto this machine. */
function advice(files: readonly ModelFile[], env: Environment): string {
  const file = files[0]!;
  const url = "repository" in file
    ? `https://huggingface.co/${file.repository}/resolve/main/${file.file}`
    : file.url;
  return `fetch ${url} with another machine and put it at ${
    ownPath(file, env)
  }, or give the path of the file in place of the name`;
}

function missing(
  name: string,
  files: readonly ModelFile[],
  reason: string,
  env: Environment,
): OnnxError {
  return new OnnxError(
    "model-missing",
    `Cannot find ${name} on this machine: ${reason}; ${advice(files, env)}`,
  );
}

/** Tries the places of a model one after the other. */
async function fetchModel(
  name: string,
  files: readonly ModelFile[],
  options: ResolveOptions,
): Promise<string> {
  const { env = Deno.env, offline = isOffline(env) } = options;
  if (offline) {
    throw missing(name, files, "fetching is forbidden (HF_HUB_OFFLINE or VCS_OFFLINE)", env);
  }
  const reasons: string[] = [];
  for (const file of files) {
    try {
      return await fetchFile(file, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof OnnxError && error.code === "checksum-mismatch") throw error;
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new OnnxError(
    "download-failed",
    `Cannot get ${name}: ${reasons.join("; ")}; ${advice(files, env)}`,
  );
}

/** A file named by its address; its name in our folder tells addresses apart. */
function urlFile(url: string): UrlFile {
  const name = basename(new URL(url).pathname) || "model";
  const digest = createHash("sha256").update(url).digest("hex").slice(0, 8);
  return { file: `${digest}-${name}`, url };
}

/** A reference like `hf:owner/name/folder/file.safetensors`. */
function hubFile(reference: string): HubFile | undefined {
  const [, repository, file] = /^hf:([\w.-]+\/[\w.-]+)\/([\w./-]+)$/.exec(reference) ?? [];
  if (!repository || !file || file.split("/").includes("..")) return undefined;
  return { repository, file };
}

/** The model that a reference names, or undefined where it can only be a path. */
function modelOf(reference: string): Model | undefined {
  const known = findModel(reference);
  if (known) return known;
  const file = /^https?:\/\//.test(reference) ? urlFile(reference) : hubFile(reference);
  return file && { name: reference, aliases: [], about: reference, bytes: 0, files: [file] };
}

/**
 * Gives the path of a model's file, fetching it where it is not on this machine.
 *
 * @param reference an official name (`encodec_48khz`, `ViT-B-32/openai`), a path, an address, or
 * `hf:owner/name/file` for a file on the Hugging Face hub
 * @throws {OnnxError} `model-unknown` where the reference is neither a name nor a file,
 * `model-missing` where it would have to be fetched and that is forbidden, `download-failed`
 * where it cannot be fetched, `checksum-mismatch` where other bytes came.
 */
export async function resolveModel(
  reference: string,
  options: ResolveOptions = {},
): Promise<string> {
  const model = modelOf(reference);
  if (model) {
    return (await findLocal(model, options))?.path ??
      await fetchModel(model.name, model.files, options);
  }
  if (await isFile(reference)) return reference;
  throw new OnnxError(
    "model-unknown",
    `Cannot find model ${reference}: no such file, and the official models are ${
      MODELS.map((m) => m.name).join(", ")
    }`,
  );
}

/** What a check of a model's file found. */
export interface Verification {
  /** The file that was read. */
  readonly local: LocalModel;
  /** SHA-256 of its bytes. */
  readonly found: string;
  /** What it must begin with, or undefined where the authors publish nothing. */
  readonly wanted: string | undefined;
  /** Whether the bytes are right; true where nothing is published. */
  readonly right: boolean;
}

/** SHA-256 that a file must have: published, named by Hugging Face's cache, or noted when it was fetched. */
async function wantedSha256(model: Model, local: LocalModel): Promise<string | undefined> {
  if (local.owner === "huggingface") {
    const blob = basename(await Deno.realPath(local.path));
    return /^[0-9a-f]{64}$/.test(blob) ? blob : undefined;
  }
  const file = model.files.find((f) => f.file === basename(local.path));
  if (file && "url" in file && file.sha256) return file.sha256;
  return await Deno.readTextFile(`${local.path}.sha256`).catch(() => undefined);
}

/**
 * Reads a model's file and compares its SHA-256 with the published one.
 *
 * @throws {OnnxError} `model-unknown` where the name is not an official one, `model-missing`
 * where the model is not on this machine.
 */
export async function verifyModel(
  name: string,
  { env = Deno.env, signal }: StoreOptions & { signal?: AbortSignal } = {},
): Promise<Verification> {
  const model = mustFind(name);
  const local = await findLocal(model, { env });
  if (!local) throw missing(model.name, model.files, "no cache holds it", env);
  const [wanted, found] = [await wantedSha256(model, local), await sha256Of(local.path, signal)];
  return { local, found, wanted, right: wanted === undefined || found.startsWith(wanted) };
}

/**
 * Removes a model's file from our own folder; files of other tools are left alone.
 *
 * @returns paths that were removed
 * @throws {OnnxError} `model-unknown` where the name is not an official one.
 */
export async function removeModel(
  name: string,
  { env = Deno.env }: StoreOptions = {},
): Promise<string[]> {
  const removed: string[] = [];
  for (const file of mustFind(name).files) {
    for (const suffix of ["", ".sha256", ".part", ".part.tag"]) {
      const path = ownPath(file, env) + suffix;
      await Deno.remove(path).then(() => removed.push(path), () => {});
    }
  }
  return removed;
}

function mustFind(reference: string): Model {
  const model = modelOf(reference);
  if (model) return model;
  throw new OnnxError(
    "model-unknown",
    `Cannot find model ${reference}: the official models are ${
      MODELS.map((m) => m.name).join(", ")
    }`,
  );
}
