/**
 * Where model files lie: in our own cache, and in the caches of PyTorch, Hugging Face and OpenAI's CLIP,
 * by the rules and the environment variables of those tools.
 *
 * @module
 */
import { homedir } from "node:os";
import { join } from "node:path";
import {
  cacheDirectory,
  type Environment,
  isSet,
  sharedCache,
  variable,
} from "@vcs/transport/internal";

/** Folder of downloaded models in our cache. */
export function modelDirectory(env: Environment = Deno.env): string {
  return join(cacheDirectory(env), "models");
}

/** Folder of graphs and their weights that were built from checkpoints, in our cache. */
export function graphDirectory(env: Environment = Deno.env): string {
  return join(cacheDirectory(env), "graphs");
}

/** Checkpoints that `torch.hub` downloaded: `$TORCH_HOME/hub/checkpoints`. */
export function torchCheckpoints(env: Environment = Deno.env): string {
  return join(variable(env, "TORCH_HOME") ?? join(sharedCache(env), "torch"), "hub", "checkpoints");
}

/** Models that OpenAI's `clip` package downloaded. */
export function clipModels(): string {
  return join(homedir(), ".cache", "clip");
}

function huggingFaceHome(env: Environment): string {
  return variable(env, "HF_HOME") ?? join(sharedCache(env), "huggingface");
}

/** Repositories that Hugging Face's tools downloaded: `HF_HUB_CACHE`, else `$HF_HOME/hub`. */
export function huggingFaceHub(env: Environment = Deno.env): string {
  return variable(env, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ??
    join(huggingFaceHome(env), "hub");
}

/** URL of the Hugging Face hub: `HF_ENDPOINT`, else the public one. */
export function huggingFaceEndpoint(env: Environment = Deno.env): string {
  return (variable(env, "HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, "");
}

/** The user's token for the hub: `HF_TOKEN`, else the file that `hf auth login` writes. */
export async function huggingFaceToken(env: Environment = Deno.env): Promise<string | undefined> {
  const token = variable(env, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
  if (token) return token.trim();
  const file = variable(env, "HF_TOKEN_PATH") ?? join(huggingFaceHome(env), "token");
  const text = await Deno.readTextFile(file).catch(() => "");
  return text.trim() || undefined;
}

/** Whether the user forbids fetching models: `HF_HUB_OFFLINE` or `VCS_OFFLINE` is set. */
export function isOffline(env: Environment = Deno.env): boolean {
  return isSet(env, "HF_HUB_OFFLINE") || isSet(env, "VCS_OFFLINE");
}
