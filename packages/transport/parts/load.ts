/**
 * Loads a part into this process.
 *
 * @module
 */
import { join } from "node:path";
import { builtin } from "../io/builtin.ts";
import { installPart } from "./install.ts";
import type { Part } from "./part.ts";

/** Settings of {@linkcode lazyPart}. */
export interface LazyOptions<T> {
  /** Name of the module. Default: the part's first package. */
  readonly module?: string;
  /** Called with the module before anybody gets it. */
  readonly prepare?: (module: T) => void;
}

/**
 * A module of a part, which is fetched and loaded at the first call; where that fails, all further
 * calls fail alike, for a process that has work for every frame must not try for every frame. `T` is
 * what the caller uses of the module.
 *
 * The function that is returned throws {@linkcode TransportError}: `unsupported` where the part has
 * nothing for this platform, `part-missing` where it cannot be fetched or kept, `checksum` where
 * other bytes came.
 */
export function lazyPart<T>(part: Part, options: LazyOptions<T> = {}): () => Promise<T> {
  const { module = part.packages[0]!.name, prepare = () => {} } = options;
  let loading: Promise<T> | undefined;
  const load = async () => {
    const folder = await installPart(part);
    const loaded: T = builtin("node:module").createRequire(join(folder, "part.cjs"))(module);
    prepare(loaded);
    return loaded;
  };
  return () => loading ??= load();
}
