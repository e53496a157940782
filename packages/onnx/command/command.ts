/**
 * The command `onnx`: this machine, checkpoint files and the cache. It knows no model by name, only
 * files at URLs and on the hub; which command has a model of some name, it says.
 *
 * @module
 */
import {
  choice,
  type Command,
  command,
  option,
  partNeed,
  partsDirectory,
  setupCommand,
} from "@vcs/transport/internal";
import config from "../deno.json" with { type: "json" };
import { graphDirectory, modelDirectory } from "../cache/paths.ts";
import { ONNX_RUNTIME } from "../runtime/runtime_part.ts";
import { ModelCatalog } from "../store.ts";
import { modelCommands, printLines } from "./model_commands.ts";
import { ownerHint } from "./owners.ts";

/** Folders of the cache by what is in them. */
const FOLDERS = { graphs: graphDirectory, models: modelDirectory, parts: partsDirectory };

const cacheCommand: Command = command({
  name: "cache",
  about: "our folders of models, of graphs built from checkpoints and of parts, and their sizes",
  options: {
    clear: option(choice(["graphs", "models", "parts", "all"]), { help: "remove them" }),
  },
  async run({ options: { clear } }) {
    const { inspectCache } = await import("./doctor.ts");
    const { cacheLines } = await import("./doctor_lines.ts");
    for (const [name, folder] of Object.entries(FOLDERS)) {
      if (clear !== name && clear !== "all") continue;
      await Deno.remove(folder(), { recursive: true }).catch((error: unknown) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
    printLines(cacheLines(await inspectCache()));
  },
});

/** The command `onnx`. */
export const onnx: Command = command({
  name: "onnx",
  version: config.version,
  about: "what @vcs runs networks on: this machine, checkpoint files, the cache",
  commands: [
    ...modelCommands(new ModelCatalog([], { hint: ownerHint })).filter(({ name }) =>
      name !== "list"
    ),
    cacheCommand,
    setupCommand(() => Promise.resolve([partNeed(ONNX_RUNTIME)])),
  ],
});
