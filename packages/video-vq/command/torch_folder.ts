/**
 * Windows that PyTorch's own `torch.save` wrote, a file each: `window_000.pt` and so on, with
 * `quant` or `indices` as the only tensor. Nothing in a file is executed.
 *
 * @module
 */
import { memoryChannel, type Receiver } from "@vcs/transport/channel";
import { message } from "@vcs/transport/message";
import { tensorMessage } from "@vcs/transport/portable";
import type { Tensor } from "@vcs/transport/tensor";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { OnnxError } from "@vcs/onnx/errors";
import { fileURLToPath } from "node:url";
import { VideoVqError } from "../errors.ts";

/** Longest file that is read. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Whether a reference is that of a folder of PyTorch's files: `file:out/?format=pt`. */
export function isTorchFolder(url: URL): boolean {
  return url.protocol === "file:" && url.searchParams.get("format") === "pt";
}

/**
 * Opens a folder: gives the windows that are in it, by number, and ends after the last one.
 *
 * @param url as `file:out/?format=pt`, with `prefix` if names begin with another word than `window`
 * @throws {VideoVqError} `bad-source` if there are no such files.
 */
export async function openTorchFolder(url: URL): Promise<Receiver> {
  const folder = new URL(url);
  folder.search = "";
  const path = fileURLToPath(folder);
  const names = await windowNames(path, url.searchParams.get("prefix") ?? "window");
  if (names.length === 0) {
    throw new VideoVqError(
      "bad-source",
      `Cannot read ${path}: found no windows in the folder, expected window_000.pt and so on`,
    );
  }
  const { sender, receiver } = memoryChannel();
  const sending = async () => {
    for (const [sequence, name] of names.entries()) {
      const end = sequence === names.length - 1;
      const tensors = await readTensors(`${path}/${name}`);
      // What cannot be read is a damaged window to the receiver, as from any other channel.
      const fields = { sequence, end };
      const damaged = message(new Uint8Array(1), fields);
      await sender.send(tensors ? tensorMessage(tensors, fields) : damaged);
    }
    await sender.flush();
  };
  sending().catch(() => {}).finally(() => sender.close()); // a receiver that was closed takes no more
  return receiver;
}

async function windowNames(path: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) {
    const middle = name.startsWith(`${prefix}_`) && name.slice(prefix.length + 1);
    if (middle && /^\d{1,16}(\.end)?\.pt$/.test(middle)) names.push(name);
  }
  return names.sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** The tensors of a file by the last part of their names; undefined if it cannot be read. */
async function readTensors(path: string): Promise<Record<string, Tensor> | undefined> {
  const { size } = await Deno.stat(path);
  if (size > MAX_BYTES) return undefined;
  try {
    using checkpoint = await openCheckpoint(path);
    const tensors: Record<string, Tensor> = {};
    for (const name of checkpoint.names) tensors[name || "tokens"] = await checkpoint.read(name);
    return tensors;
  } catch (error) {
    if (error instanceof OnnxError) return undefined;
    throw error;
  }
}
