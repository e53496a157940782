/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export {
  download,
  type DownloadOptions,
  type DownloadProgress,
  sha256Of,
} from "./cache/download.ts";
export { graphDirectory } from "./cache/paths.ts";
export { deviceKind } from "./command/device_kind.ts";
export { DownloadBar } from "./command/download_bar.ts";
export { hasExactSignedProducts } from "./runtime/byte_products.ts";
export { modelCommands } from "./command/model_commands.ts";
