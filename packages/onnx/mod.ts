/**
 * Official checkpoints, graphs and devices: networks in ONNX Runtime without Python.
 *
 * @module
 */
export * from "./byte_products.ts";
export * from "./cache_paths.ts";
export * from "./checkpoint.ts";
export * from "./checkpoint_weights.ts";
export * from "./devices.ts";
export * from "./download.ts";
export * from "./errors.ts";
export * from "./graph.ts";
export * from "./layers.ts";
export * from "./model.ts";
export * from "./model_cache.ts";
export * from "./model_tensors.ts";
export * from "./models.ts";
export * from "./network_weights.ts";
export * from "./session.ts";
export * from "./store.ts";
export * from "./weights.ts";

if (import.meta.main) {
  const [{ runCommand }, { onnx }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./cli.ts"),
  ]);
  await runCommand(onnx);
}
