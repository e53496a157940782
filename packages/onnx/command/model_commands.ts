/**
 * The subcommands of every command that has models: `list`, `pull`, `verify`, `rm` and `doctor`
 * over the command's own catalogue.
 *
 * @example
 * ```ts
 * import { command, type Command } from "@vcs/transport/internal";
 * import { ModelCatalog } from "@vcs/onnx/store";
 * import { modelCommands } from "@vcs/onnx/internal";
 * import assert from "node:assert/strict";
 *
 * const models = new ModelCatalog([]);
 * const denoise: Command = command({
 *   name: "denoise",
 *   about: "takes noise out of speech",
 *   commands: modelCommands(models),
 * });
 * assert.deepEqual(
 *   denoise.commands.map(({ name }) => name),
 *   ["list", "pull", "verify", "rm", "doctor"],
 * );
 * ```
 *
 * @module
 */
import {
  type Command,
  command,
  DownloadBar,
  file,
  flag,
  list,
  type ListOption,
  megabytes,
  type Need,
  operands,
  optionalOperand,
  print,
  printable,
  say,
  text,
  type ValueKind,
} from "@vcs/transport/internal";
import { TransportError } from "@vcs/transport/errors";
import { OnnxError } from "../errors.ts";
import type { Model, ModelCatalog } from "../store.ts";

/** Prints lines whose names and values may come from outside. */
export function printLines(lines: readonly string[]): void {
  for (const line of lines) print(printable(line));
}

/** How checkpoints are read, for every command that reads some. */
export const CHECKPOINT_OPTIONS: { readonly allowClass: ListOption<string> } = {
  allowClass: list(text("CLASS"), {
    help: "class of data that a checkpoint may hold, as its refusal names it",
  }),
};

const JSON_FLAG = flag({ help: "print JSON, in one line" });

/** Prints what was found: as JSON alone, or as lines for people. */
function printReport<T>(json: boolean, report: T, lines: (report: T) => readonly string[]): void {
  if (json) print(JSON.stringify(report));
  else printLines(lines(report));
}

/** Rows with columns of equal width. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}

/** How a model is given on the command line; names are completed. */
export function modelKind({ models }: ModelCatalog): ValueKind<string> {
  return { ...text("MODEL"), completion: models.map(({ name }) => name) };
}

function listCommand(catalog: ModelCatalog): Command {
  const report = async ({ name, bytes, about }: Model) => {
    const { path = null, owner = null } = await catalog.findLocal(name) ?? {};
    return { name, bytes, about, path, owner };
  };
  return command({
    name: "list",
    about: "models, their sizes, and the files that are on this machine",
    options: { json: JSON_FLAG },
    async run({ options: { json } }) {
      const models = await Promise.all(catalog.models.map(report));
      const row = ({ name, bytes, about, path }: typeof models[number]) =>
        [name, megabytes(bytes), path ?? "-", about] as const;
      const heads = ["MODEL", "SIZE", "FILE", "WHAT IT IS"];
      printReport(json, models, () => table([heads, ...models.map(row)]));
    },
  });
}

/** The word in the place of a model that fetches what networks need to run on CUDA. */
const CUDA = "cuda";

/** Fetches what CUDA needs; gives the path of the library. */
async function pullLibraries(signal: AbortSignal): Promise<string> {
  const { pullCuda } = await import("../cuda/pull.ts");
  return await pullCuda({ signal }).catch((error) => {
    // Without its cause, for which `setup` would be named as the remedy.
    if (error instanceof TransportError) throw new OnnxError("library-missing", error.message);
    throw error;
  });
}

/** Fetches one model, or what CUDA needs; gives the path of the file. */
async function pullOne(catalog: ModelCatalog, name: string, signal: AbortSignal): Promise<string> {
  if (name === CUDA) return await pullLibraries(signal);
  using bar = new DownloadBar();
  const { onLine, onProgress } = bar;
  return await catalog.resolve(name, { signal, onLine, onProgress });
}

function pullCommand(catalog: ModelCatalog): Command {
  const { completion = [], ...kind } = modelKind(catalog);
  const names = { ...kind, completion: [...completion, CUDA] };
  return command({
    name: "pull",
    about: "fetch models, or cuda, the libraries for NVIDIA GPUs; prints the paths of the files",
    operands: { models: operands(names, "name, URL, hf:owner/name/file, or cuda", 1) },
    async run({ operands: { models }, signal }) {
      for (const name of models) print(await pullOne(catalog, name, signal));
    },
  });
}

/** Compares one model's file; whether it is right. */
async function verifyOne(
  catalog: ModelCatalog,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { local, found, wanted, right } = await catalog.verify(name, { signal });
  const verdict = wanted === undefined ? "unknown" : right ? "right" : "WRONG";
  printLines([[verdict, name, found, local.path].join("  ")]);
  return right;
}

function verifyCommand(catalog: ModelCatalog): Command {
  const names = catalog.models.map(({ name }) => name);
  const help = names.length > 0
    ? "what to compare. Default: all that are on this machine"
    : "what to compare";
  return command({
    name: "verify",
    about: "compare files with the published SHA-256; exit code 1 if one is wrong",
    operands: { models: operands(modelKind(catalog), help, names.length > 0 ? 0 : 1) },
    async run({ operands: { models }, signal }) {
      const local = await Promise.all(names.map((name) => catalog.findLocal(name)));
      const wanted = models.length > 0 ? models : names.filter((_, i) => local[i]);
      if (wanted.length === 0) say(`None of ${names.join(", ")} is on this machine`);
      let wrong = 0;
      for (const name of wanted) if (!await verifyOne(catalog, name, signal)) wrong++;
      return wrong > 0 ? 1 : 0;
    },
  });
}

function removeCommand(catalog: ModelCatalog): Command {
  return command({
    name: "rm",
    about: "remove models from our own folder, never from those of other tools",
    operands: { models: operands(modelKind(catalog), "what to remove", 1) },
    async run({ operands: { models } }) {
      for (const name of models) {
        const removed = await catalog.remove(name);
        if (removed.length === 0) say(`Nothing to remove for ${name}`);
        printLines(removed);
      }
    },
  });
}

/** The subcommand `doctor` over a catalogue, which may be empty. */
export function doctorCommand(catalog: ModelCatalog): Command {
  const what = catalog.models.length > 0
    ? "this machine; or what a file holds, and how it fits the models of this command"
    : "this machine; or what a checkpoint holds";
  return command({
    name: "doctor",
    about: what,
    operands: {
      checkpoint: optionalOperand(file("CHECKPOINT"), "path of a file, or a model's name"),
    },
    options: { json: JSON_FLAG, ...CHECKPOINT_OPTIONS },
    async run({ operands: { checkpoint }, options: { json, allowClass }, signal }) {
      const { inspectCheckpoint, inspectMachine } = await import("./doctor.ts");
      const { checkpointLines, machineLines } = await import("./doctor_lines.ts");
      if (checkpoint === undefined) {
        const machine = await inspectMachine();
        printReport(json, machine, machineLines);
        return 0;
      }
      const report = await inspectCheckpoint(catalog, checkpoint, {
        signal,
        allowGlobals: allowClass,
      });
      printReport(json, report, () => checkpointLines(report, catalog));
      return report.complete ? 0 : 1;
    },
  });
}

/** A model of a catalogue as something that `setup` fetches. */
export function modelNeed(catalog: ModelCatalog, name: string): Need {
  const { bytes = 0 } = catalog.find(name) ?? {};
  return {
    title: name,
    about: "what runs where no larger model is on this machine",
    missingBytes: async () => await catalog.findLocal(name) === undefined ? bytes : 0,
    fetch: async (signal) => await catalog.resolve(name, { signal }),
  };
}

/** Subcommands by name. */
const MAKERS = {
  list: listCommand,
  pull: pullCommand,
  verify: verifyCommand,
  rm: removeCommand,
  doctor: doctorCommand,
};

/** The subcommands `list`, `pull`, `verify`, `rm` and `doctor` over a catalogue. */
export function modelCommands(catalog: ModelCatalog): Command[] {
  return Object.values(MAKERS).map((make) => make(catalog));
}
