/**
 * What the packages of this workspace share and do not publish as an interface: it may change with
 * any version.
 *
 * @module
 */
export * from "./flow/abort.ts";
export * from "./flow/idle.ts";
export * from "./flow/replay_window.ts";
export * from "./flow/retry.ts";
export * from "./formats/crc32.ts";
export * from "./formats/transpose.ts";
export * from "./io/buffered_reader.ts";
export * from "./io/bytes.ts";
export * from "./io/defined.ts";
export * from "./io/files.ts";
export * from "./io/write_all.ts";
