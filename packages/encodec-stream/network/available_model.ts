/**
 * Which model can be used without fetching anything.
 *
 * @module
 */
import { CODEC_MODELS } from "./catalog.ts";
import { type ModelName, TINY_MODEL } from "../models.ts";

/**
 * The model to use if nothing is to be fetched: the one asked for if its weights are on this
 * machine, else the small one that is bundled with this package.
 */
export async function availableModel(wanted: ModelName): Promise<ModelName> {
  return await CODEC_MODELS.findLocal(wanted) ? wanted : TINY_MODEL;
}
