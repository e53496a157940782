/**
 * Which activation weights were trained with.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Activation } from "./graph.ts";
import type { EncoderModel } from "../vit/models.ts";

/** What the configuration beside a file of unknown origin says of its activation. */
async function fileActivation(path: string): Promise<Activation | undefined> {
  for (const name of ["config.json", "open_clip_config.json"]) {
    const text = await Deno.readTextFile(join(dirname(path), name)).catch(() => "");
    if (/"hidden_act"\s*:\s*"quick_gelu"|"quick_gelu"\s*:\s*true/.test(text)) return "quick_gelu";
    if (/"hidden_act"\s*:\s*"gelu"|"quick_gelu"\s*:\s*false/.test(text)) return "gelu";
    if (name === "open_clip_config.json" && text !== "") return "gelu";
  }
}

/** A file of weights, and the entry of the catalogue that it was had by. */
export interface FoundWeights {
  /** The file. */
  readonly path: string;
  /** What the catalogue knows of it. */
  readonly entry: EncoderModel | undefined;
}

/** The activation that is asked for, else that of the training, else that of OpenAI's weights. */
export async function chooseActivation(
  { activation, model }: { readonly activation?: Activation; readonly model?: string },
  { path, entry }: FoundWeights,
): Promise<{ activation: Activation; isActivationAssumed?: boolean }> {
  if (activation !== undefined) return { activation };
  if (/-quickgelu$/i.test(model ?? "")) return { activation: "quick_gelu" };
  const found = entry?.activation ?? await fileActivation(path);
  return found === undefined
    ? { activation: "quick_gelu", isActivationAssumed: true }
    : { activation: found };
}
