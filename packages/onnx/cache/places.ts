/**
 * Where a model's file lies on this machine: in our folder, or where PyTorch, OpenAI's CLIP or
 * Hugging Face's tools have put it.
 *
 * @module
 */
import { join } from "node:path";
import { broughtDirectory, builtin, type Environment, isFile } from "@vcs/transport/internal";
import type { HubFile, LocalModel, ModelFile } from "../store.ts";
import { clipModels, huggingFaceHub, modelDirectory, torchCheckpoints } from "./paths.ts";

/** Path of a model's file in our own folder. */
export function ownPath(file: ModelFile, env: Environment): string {
  const folder = "repository" in file ? file.repository.replaceAll("/", "--") : "";
  return join(modelDirectory(env), folder, file.file);
}

/** Places of a hub's file in Hugging Face's cache: the main branch first, then other revisions. */
async function hubPlaces({ repository, file }: HubFile, env: Environment): Promise<LocalModel[]> {
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
async function otherPlaces(file: ModelFile, env: Environment): Promise<LocalModel[]> {
  if ("repository" in file) return await hubPlaces(file, env);
  if (file.cache === "torch") {
    return [{ path: join(torchCheckpoints(env), file.file), owner: "torch" }];
  }
  if (file.cache === "clip") return [{ path: join(clipModels(env), file.file), owner: "clip" }];
  return [];
}

/** Place of a file that a program brings along. */
function broughtPlace(file: ModelFile, env: Environment): LocalModel[] {
  const brought = broughtDirectory(env);
  if (brought === undefined) return [];
  return [{ path: ownPath(file, new Map([["VCS_CACHE", brought]])), owner: "package" }];
}

/** Places of a file: with the program, in its package, in our folder, where others keep it. */
async function placesOf(file: ModelFile, env: Environment): Promise<LocalModel[]> {
  const brought = broughtPlace(file, env);
  if ("url" in file && file.url.startsWith("file:")) {
    return [...brought, { path: builtin("node:url").fileURLToPath(file.url), owner: "package" }];
  }
  const own: LocalModel = { path: ownPath(file, env), owner: "vcs" };
  return [...brought, own, ...await otherPlaces(file, env)];
}

/** Whether a file is there; folders of other tools need not be open to this process. */
async function isThere({ path, owner }: LocalModel): Promise<boolean> {
  const isOurs = owner === "vcs" || owner === "package";
  return isOurs ? await isFile(path) : await isFile(path).catch(() => false);
}

/** The first of these files that is on this machine: of each, our own copy before those of others. */
export async function firstLocal(
  files: readonly ModelFile[],
  env: Environment,
): Promise<LocalModel | undefined> {
  for (const file of files) {
    for (const place of await placesOf(file, env)) {
      if (await isThere(place)) return place;
    }
  }
}
