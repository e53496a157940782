/**
 * Tensors, their file formats, bounded flow and channels between machines.
 *
 * @module
 */
export * from "./byte_source.ts";
export * from "./channel.ts";
export * from "./flow/clock.ts";
export * from "./delivery.ts";
export * from "./errors.ts";
export * from "./flow.ts";
export * from "./message.ts";
export * from "./message_stream.ts";
export * from "./message_tensors.ts";
export * from "./npy.ts";
export * from "./npz.ts";
export * from "./pacer.ts";
export * from "./pt.ts";
export * from "./resequence.ts";
export * from "./safetensors.ts";
export * from "./tensor.ts";
export * from "./tensor_convert.ts";
export * from "./tensor_layout.ts";
export * from "./zip_reader.ts";
export * from "./zip_writer.ts";

if (import.meta.main) {
  const [{ runCommand }, { transport }] = await Promise.all([
    import("./command/run.ts"),
    import("./channel_cli.ts"),
  ]);
  await runCommand(transport);
}
