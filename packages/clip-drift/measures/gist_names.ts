/**
 * Names of the models that need no weights.
 *
 * @module
 */

/** GIST, and GIST with a part for the colours, whose embeddings cannot be compared with GIST's. */
export const GIST_NAMES: readonly GistName[] = ["gist", "gist-colour"];

/** Name of a model that needs no weights. */
export type GistName = "gist" | "gist-colour";

/** Whether a model is one that needs no weights. */
export function isGist(model: string | undefined): model is GistName {
  return (GIST_NAMES as readonly (string | undefined)[]).includes(model);
}
