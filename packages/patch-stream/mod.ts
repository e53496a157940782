/**
 * Samples a video uniformly and keeps the patches that carry the energy.
 *
 * As a command: `deno run -A jsr:@vcs/patch-stream [options] <video…>`. As a library:
 *
 * @example
 * ```ts ignore
 * import { patchStream } from "@vcs/patch-stream";
 *
 * using session = await patchStream({ videoPath: "clip.mp4", kKeep: 512 });
 * const { patches, fields, scores } = session.next(64);
 * ```
 *
 * @module
 */
export * from "./config.ts";
export * from "./decode_only.ts";
export * from "./errors.ts";
export * from "./grid.ts";
export * from "./patch_stream.ts";
export * from "./patch_stream_all.ts";
export * from "./process.ts";
export * from "./process_cpu.ts";
export * from "./sampling.ts";
export * from "./save.ts";
export * from "./select.ts";
export * from "./session.ts";
export * from "./view.ts";

if (import.meta.main) {
  const [{ runMain }, { main }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./cli.ts"),
  ]);
  await runMain("patch-stream", main);
}
