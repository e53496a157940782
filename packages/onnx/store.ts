/**
 * From a model's name to a file on this machine: our own downloads, files that PyTorch, Hugging
 * Face's tools or OpenAI's CLIP have fetched before, or a download from the authors' own URL.
 *
 * This package knows no model. Who has some describes them as {@linkcode Model} and puts them into
 * a {@linkcode ModelCatalog}; a path, a URL and `hf:owner/name/file` work with any catalogue.
 *
 * Environment: `VCS_CACHE` moves our folder; `TORCH_HOME`, `HF_HOME`, `HF_HUB_CACHE` say where the
 * other tools keep theirs; `VCS_LOCK` names the list of what came at first downloads; `HF_TOKEN` and
 * `HF_ENDPOINT` are used for the hub; `HF_HUB_OFFLINE` or `VCS_OFFLINE` forbids fetching.
 *
 * @example A catalogue of one model, which PyTorch has fetched before
 * ```ts
 * import { ModelCatalog } from "@vcs/onnx/store";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * const file = "denoiser-9a129038.th";
 * await Deno.mkdir(`${folder}/hub/checkpoints`, { recursive: true });
 * await Deno.writeTextFile(`${folder}/hub/checkpoints/${file}`, "weights");
 *
 * const models = new ModelCatalog([{
 *   name: "denoiser",
 *   aliases: [file],
 *   about: "takes noise out of speech",
 *   bytes: 7,
 *   files: [{ file, url: `https://example.com/${file}`, sha256: "9a129038", cache: "torch" }],
 * }], { env: new Map([["TORCH_HOME", folder], ["VCS_CACHE", folder]]) });
 * const path = await models.resolve("denoiser");
 * assert.ok(path.endsWith(file));
 * assert.equal((await models.verify("denoiser")).right, true);
 * assert.equal(await models.resolve(path), path);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */
import { basename, parse } from "node:path";
import {
  builtin,
  type DownloadProgress,
  type Environment,
  environment,
  isFile,
  megabytes,
  printable,
  type RequestOptions,
  say,
  sha256Of,
} from "@vcs/transport/internal";
import { fetchFile } from "./cache/fetch_file.ts";
import { fileIdentity } from "./cache/identity.ts";
import { isPinned, lockEntry } from "./cache/model_lock.ts";
import { graphDirectory, huggingFaceEndpoint, isOffline } from "./cache/paths.ts";
import { firstLocal, ownPath } from "./cache/places.ts";
import type { TensorSource } from "./checkpoint.ts";
import { OnnxError } from "./errors.ts";

export type { DownloadProgress, Environment, RequestOptions } from "@vcs/transport/internal";

/** A place where a model's file is published. */
export type ModelFile = UrlFile | HubFile;

/** A file at a URL. */
export interface UrlFile {
  /** Name of the file. */
  readonly file: string;
  /** URL; a `file:` URL is read where it is. */
  readonly url: string;
  /**
   * SHA-256 in hexadecimal, or the first digits of it that the authors put into the name. What is
   * not published is noted at the first download, and must be the same with every later one.
   */
  readonly sha256?: string;
  /** Other tool whose cache may hold the file under the same name. */
  readonly cache?: "torch" | "clip";
  /** Bytes of the file. Default: any number. */
  readonly size?: number;
}

/** A file in a repository of the Hugging Face hub. */
export interface HubFile {
  /** Name of the file. */
  readonly file: string;
  /** Repository, as `owner/name`. */
  readonly repository: string;
  /** Its commit, in hexadecimal. Default: that of the first download, at first the main branch's. */
  readonly revision?: string;
  /** SHA-256 in hexadecimal. Default: what the hub says, the same with every download. */
  readonly sha256?: string;
  /** Bytes of the file. Default: what the hub says. */
  readonly size?: number;
}

/** Shapes of tensors by name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

/** A model that can be had by its name. */
export interface Model {
  /** Its name in commands and options. */
  readonly name: string;
  /** Other spellings. */
  readonly aliases: readonly string[];
  /** What it is, in a line. */
  readonly about: string;
  /** Bytes of the file, about. */
  readonly bytes: number;
  /** Where it is published; the first that can be had is taken. */
  readonly files: readonly ModelFile[];
  /** The tensors of its file that running it takes, by which a file is recognised. */
  readonly tensors?: () => Promise<TensorShapes>;
  /** A file of the model that others made, under the names of its own. Default: as it is. */
  readonly renamed?: (file: TensorSource) => TensorSource;
}

/** Settings of a catalogue. */
export interface CatalogOptions {
  /** Environment variables to go by. Default: those of the process. */
  readonly env?: Environment;
  /** What else to say of a name that the catalogue does not have. Default: nothing. */
  readonly hint?: (name: string) => string;
}

/** Settings of a search for a model's file. What an aborted download got is used by the next one. */
export interface ResolveOptions extends RequestOptions {
  /** Called as bytes arrive, with the name of the file. */
  onProgress?: (file: string, progress: DownloadProgress) => void;
  /** Called with lines for people: what is fetched from whom, and faults. Default: stderr. */
  onLine?: (line: string) => void;
  /** Looks only on this machine. Default: what `HF_HUB_OFFLINE` or `VCS_OFFLINE` says. */
  offline?: boolean;
}

/** A file on this machine that belongs to a model. */
export interface LocalModel {
  /** Path of the file. */
  readonly path: string;
  /** Whose folder it lies in. */
  readonly owner: "vcs" | "torch" | "clip" | "huggingface" | "package";
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

/**
 * A file that is bundled with a package. Where the package is a folder of this machine it is read
 * in place; where the package came from a registry it is fetched once, like any other model.
 *
 * @param url where it lies, as `new URL("./weights.safetensors", import.meta.url)`
 * @param sha256 SHA-256 in hexadecimal, whose first digits distinguish it in our folder
 * @param size bytes
 */
export function packageFile(url: URL, sha256: string, size: number): UrlFile {
  const { name, ext } = parse(url.pathname);
  return { file: `${name}-${sha256.slice(0, 8)}${ext}`, url: url.href, sha256, size };
}

/** A file named by its URL; its name in our folder distinguishes URLs. */
function urlFile(url: string): UrlFile {
  const name = basename(new URL(url).pathname) || "model";
  const digest = builtin("node:crypto").createHash("sha256").update(url).digest("hex").slice(0, 8);
  return { file: `${digest}-${name}`, url };
}

/** A reference like `hf:owner/name/folder/file.safetensors`. */
function hubFile(reference: string): HubFile | undefined {
  const [, repository, file] = /^hf:([\w.-]+\/[\w.-]+)\/([\w./-]+)$/.exec(reference) ?? [];
  if (!repository || !file || file.split("/").includes("..")) return undefined;
  return { repository, file };
}

/** What a URL or a file of the hub is as a model. */
function unnamedModel(reference: string): Model | undefined {
  const file = /^https?:\/\//.test(reference) ? urlFile(reference) : hubFile(reference);
  return file && { name: reference, aliases: [], about: reference, bytes: 0, files: [file] };
}

/** How a person gets the file onto this machine. */
function hint([file]: readonly ModelFile[], env: Environment): string {
  if (!file) return "give the path of the file in place of the name";
  const url = "repository" in file
    ? `https://huggingface.co/${file.repository}/resolve/${file.revision ?? "main"}/${file.file}`
    : file.url;
  return `fetch ${url} with another machine and put it at ${
    ownPath(file, env)
  }, or give the path of the file in place of the name`;
}

function missing({ name, files }: Model, reason: string, env: Environment): OnnxError {
  return new OnnxError(
    "model-missing",
    `Cannot find ${name} on this machine: ${reason}; ${hint(files, env)}`,
  );
}

/** What is fetched, how much and from whom, in a line. */
function announcement({ name, bytes }: Model, file: ModelFile, env: Environment): string {
  const isOnHub = "repository" in file;
  const { host, pathname } = new URL(isOnHub ? huggingFaceEndpoint(env) : file.url);
  const unnamed = isOnHub ? file.file : basename(pathname);
  const what = bytes > 0 ? `${name} (${megabytes(bytes)})` : unnamed;
  return printable(`Fetching ${what} from ${host}`);
}

/** Tries the places of a model one after the other. */
async function fetchModel(
  model: Model,
  env: Environment,
  { offline = isOffline(env), ...options }: ResolveOptions,
): Promise<string> {
  if (offline) {
    throw missing(model, "fetching is forbidden (HF_HUB_OFFLINE or VCS_OFFLINE)", env);
  }
  const { onLine = say } = options;
  const reasons: string[] = [];
  for (const file of model.files) {
    onLine(announcement(model, file, env));
    try {
      return await fetchFile(file, env, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof OnnxError && error.code === "checksum-mismatch") throw error;
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new OnnxError(
    "download-failed",
    `Cannot get ${model.name}: ${reasons.join("; ")}; ${hint(model.files, env)}`,
  );
}

/** SHA-256 that a file must have: published, named by Hugging Face's cache, or noted when it was fetched. */
async function wantedSha256(
  { files }: Model,
  local: LocalModel,
  env: Environment,
): Promise<string | undefined> {
  const isThere = (f: ModelFile) => f.file === basename(local.path) || local.owner === "package";
  const file = files.find(isThere);
  if (file && isPinned(file)) return file.sha256;
  if (local.owner === "huggingface") {
    const blob = basename(await Deno.realPath(local.path));
    return /^[0-9a-f]{64}$/.test(blob) ? blob : undefined;
  }
  return file && ((await lockEntry(file, env))?.sha256 ?? file.sha256);
}

/**
 * Compares a file with what it must be, once per change of it.
 *
 * @returns what is wrong, or undefined
 */
async function findDamage(
  model: Model,
  local: LocalModel,
  env: Environment,
): Promise<string | undefined> {
  const { path, owner } = local;
  const wanted = await wantedSha256(model, local, env);
  if (wanted === undefined) return undefined;
  // What is bundled is small, and must not need the permission to write.
  const found = owner === "package"
    ? await sha256Of(path)
    : await fileIdentity(path, graphDirectory(env));
  if (found.startsWith(wanted)) return undefined;
  return `${path} is not ${model.name}: found SHA-256 ${found}, it must begin with ${wanted}`;
}

/** Every spelling of a model's name, in one case. */
function spellings({ name, aliases }: Model): string[] {
  return [name, ...aliases].map((spelling) => spelling.toLowerCase());
}

/** Models by name, and the way from a name to a file. */
export class ModelCatalog<M extends Model = Model> {
  /** The models. */
  readonly models: readonly M[];
  readonly #env: Environment | undefined;
  readonly #hint: (name: string) => string;

  /**
   * Makes a catalogue.
   *
   * @throws {TypeError} where two models share a name.
   */
  constructor(models: readonly M[], { env, hint = () => "" }: CatalogOptions = {}) {
    const names = models.flatMap(spellings);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new TypeError(`Cannot make a catalogue: found two models named ${twice}`);
    }
    this.models = models;
    this.#env = env;
    this.#hint = hint;
  }

  get #environment(): Environment {
    return this.#env ?? environment;
  }

  /** The model of a name or another spelling of it, whatever the case. */
  find(name: string): M | undefined {
    return this.models.find((model) => spellings(model).includes(name.toLowerCase()));
  }

  /**
   * Finds a model's file on this machine: in our folder, then in those of other tools.
   *
   * @param reference a name, a URL, or `hf:owner/name/file`
   * @returns undefined where it is not here, or is none of these.
   */
  async findLocal(reference: string): Promise<LocalModel | undefined> {
    const model = this.#modelOf(reference);
    return model && await firstLocal(model.files, this.#environment);
  }

  /**
   * Gives the path of a model's file, fetching it where it is not on this machine. A file that is
   * here is compared with what it must be, once per change of it; a damaged download is fetched again.
   *
   * @param reference a name, a path, a URL, or `hf:owner/name/file` for a file on the Hugging Face hub
   * @throws {OnnxError} `model-unknown` where the reference is neither a name nor a file,
   * `model-missing` where it would have to be fetched and that is forbidden, `download-failed`
   * where it cannot be fetched, `checksum-mismatch` where other bytes came.
   */
  async resolve(reference: string, options: ResolveOptions = {}): Promise<string> {
    const model = this.#modelOf(reference);
    if (model) {
      const local = await firstLocal(model.files, this.#environment);
      const damage = local && await findDamage(model, local, this.#environment);
      if (local && damage === undefined) return local.path;
      if (local) await this.#removeDamaged(local, `${damage}`, options);
      return await fetchModel(model, this.#environment, options);
    }
    if (await isFile(reference)) return reference;
    throw this.#unknown(reference, "neither a file nor a model of that name", "a path, ");
  }

  /**
   * Reads a model's file and compares its SHA-256 with the published one.
   *
   * @throws {OnnxError} `model-unknown` where there is no such model, `model-missing` where it is not
   * on this machine.
   */
  async verify(
    reference: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Verification> {
    const model = this.#known(reference);
    const local = await firstLocal(model.files, this.#environment);
    if (!local) throw missing(model, "no cache holds it", this.#environment);
    const [wanted, found] = [
      await wantedSha256(model, local, this.#environment),
      await sha256Of(local.path, signal),
    ];
    return { local, found, wanted, right: wanted === undefined || found.startsWith(wanted) };
  }

  /**
   * Removes a model's file from our own folder; files of other tools are left alone.
   *
   * @returns paths that were removed
   * @throws {OnnxError} `model-unknown` where there is no such model.
   */
  async remove(reference: string): Promise<string[]> {
    const removed: string[] = [];
    for (const file of this.#known(reference).files) {
      for (const suffix of ["", ".part", ".part.tag"]) {
        const path = ownPath(file, this.#environment) + suffix;
        await Deno.remove(path).then(() => removed.push(path), () => {});
      }
    }
    return removed;
  }

  /** Makes room for another download, where that is ours to do. */
  async #removeDamaged(
    { path, owner }: LocalModel,
    damage: string,
    { onLine = say, offline = isOffline(this.#environment) }: ResolveOptions,
  ): Promise<void> {
    if (owner !== "vcs" || offline) {
      throw new OnnxError(
        "checksum-mismatch",
        `Cannot use what lies here: ${damage}; remove it, or give its path in place of the name`,
      );
    }
    onLine(printable(`note: ${damage}; it is fetched again`));
    await Deno.remove(path);
  }

  /** The model that a reference names, or undefined where it can only be a path. */
  #modelOf(reference: string): Model | undefined {
    return this.find(reference) ?? unnamedModel(reference);
  }

  #known(reference: string): Model {
    const model = this.#modelOf(reference);
    if (model) return model;
    throw this.#unknown(reference, "no model of that name");
  }

  #unknown(reference: string, found: string, more = ""): OnnxError {
    const allowed = ["a URL", "hf:owner/name/file", ...this.models.map(({ name }) => name)];
    const hint = this.#hint(reference);
    return new OnnxError(
      "model-unknown",
      `Cannot find model ${reference}: found ${found}, expected ${more}${allowed.join(", ")}${
        hint && `; ${hint}`
      }`,
    );
  }
}
