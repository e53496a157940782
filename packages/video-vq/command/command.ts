/**
 * The command `video-vq`: its subcommands, each of whose work is loaded when it is used.
 *
 * @module
 */
import { exportCommand, modelCommands } from "@vcs/onnx/internal";
import { ModelCatalog } from "@vcs/onnx/store";
import { type Command, command, setupCommand } from "@vcs/transport/internal";
import config from "../deno.json" with { type: "json" };
import { VIDEO_MODELS } from "../models.ts";
import { TINY_MODEL } from "../tiny/graph.ts";
import { TINY_WEIGHTS } from "../tiny/weights.ts";
import { batch } from "./batch.ts";
import {
  DECODE,
  DECODE_OPERANDS,
  ENCODE,
  ENCODE_OPERANDS,
  EXPORT,
  INSPECT,
  INSPECT_OPERANDS,
  PAGE,
  PAGE_OPERANDS,
  ROUNDTRIP,
  ROUNDTRIP_OPERANDS,
} from "./options.ts";

/** What the command can run. */
const MODELS = new ModelCatalog([...VIDEO_MODELS.models, ...TINY_WEIGHTS.models]);

const encode = command({
  name: "encode",
  about: "frames to tokens, into a channel",
  options: ENCODE,
  operands: ENCODE_OPERANDS,
  run: async (invocation) => await (await import("./encode.ts")).encode(invocation),
});

const decode = command({
  name: "decode",
  about: "tokens from a channel to frames",
  options: DECODE,
  operands: DECODE_OPERANDS,
  run: async (invocation) => await (await import("./decode.ts")).decode(invocation),
});

const roundtrip = command({
  name: "roundtrip",
  about: "both in one process: quality and bitrate",
  options: ROUNDTRIP,
  operands: ROUNDTRIP_OPERANDS,
  run: async (invocation) => await (await import("./roundtrip.ts")).roundtrip(invocation),
});

const inspect = command({
  name: "inspect",
  about: "the windows of a stream, without taking them from it",
  options: INSPECT,
  operands: INSPECT_OPERANDS,
  run: async (invocation) => await (await import("./inspect.ts")).inspect(invocation),
});

const page = command({
  name: "page",
  about: "a page that shows a video and its reconstruction side by side, live",
  options: PAGE,
  operands: PAGE_OPERANDS,
  run: async (invocation) => await (await import("../page/page.ts")).page(invocation),
});

const graphs = exportCommand(MODELS, {
  names: [TINY_MODEL],
  options: EXPORT,
  open: async (...args) => await (await import("./export.ts")).openGraphs(...args),
});

/** The command `video-vq`. */
export const videoVq: Command = command({
  name: "video-vq",
  version: config.version,
  about: "video as tokens, 2,880 bytes for 17 frames",
  commands: [
    ...[encode, decode, ...batch, roundtrip, inspect, page, ...modelCommands(MODELS), graphs],
    setupCommand(async () => (await import("./needs.ts")).NEEDS),
  ],
});
