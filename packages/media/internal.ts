/**
 * What the packages of this workspace share and do not publish as an interface: it may change with
 * any version.
 *
 * @module
 */
export * from "./pcm.ts";
