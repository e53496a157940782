/**
 * Which model can be used without fetching anything.
 *
 * @module
 */
import { findModel } from "@vcs/onnx";
import { findLocal } from "@vcs/onnx/store";
import { type ModelName, TINY_MODEL } from "../models.ts";

/**
 * The model to use if nothing is to be fetched: the one asked for if its weights are on this
 * machine, else the small one that is bundled with this package.
 */
export async function availableModel(wanted: ModelName): Promise<ModelName> {
  const official = findModel(wanted);
  return official && await findLocal(official) ? wanted : TINY_MODEL;
}
