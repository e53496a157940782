/**
 * Official checkpoints, graphs and devices: networks in ONNX Runtime without Python.
 *
 * @module
 */
export * from "./devices.ts";
export * from "./errors.ts";
export * from "./graph.ts";
export * from "./layers.ts";
export * from "./model.ts";
export * from "./network_weights.ts";
export * from "./session.ts";
export * from "./weights.ts";
