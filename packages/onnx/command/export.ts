/**
 * The subcommand `export`: the graphs that we build from a model's weights as files for other
 * servers. The folder is a model repository of Triton Inference Server; any ONNX Runtime opens the
 * `.onnx` in it.
 *
 * @module
 */
import { join } from "node:path";
import {
  type Command,
  command,
  folder,
  type Invocation,
  operand,
  option,
  type OptionTable,
  type OptionValues,
  print,
  printable,
  UsageError,
} from "@vcs/transport/internal";
import type { GraphCore } from "../graph/core.ts";
import type { ModelCatalog } from "../store.ts";
import { modelKind } from "./model_commands.ts";

/** A graph that a command runs. */
export interface ExportedGraph {
  /** Name on the server, and of its folder. */
  readonly name: string;
  /** The graph. */
  readonly graph: GraphCore;
  /** Most entries of a batch in one run, of graphs that have a batch. Default: 16. */
  readonly maxBatch?: number;
}

/** The graphs of a model, whose weights are open until it is disposed. */
export interface ModelGraphs extends Disposable {
  /** The graphs. */
  readonly graphs: readonly ExportedGraph[];
}

/** What a package brings to `export`. */
export interface GraphExport<O extends OptionTable> {
  /** Names that the catalogue does not have. Default: none. */
  readonly names?: readonly string[];
  /** Options that say how graphs are built. */
  readonly options: O;
  /** Opens the graphs of a model. */
  readonly open: (
    model: string,
    options: OptionValues<O>,
    signal: AbortSignal,
  ) => Promise<ModelGraphs>;
}

/**
 * Writes each graph into a folder: `NAME/config.pbtxt` and `NAME/1/GRAPH.onnx`, large weights in
 * `GRAPH.weights` beside it. Folders are written under other names, and renamed when they are whole.
 *
 * @returns paths of the folders
 * @throws {UsageError} where one of them is there already; nothing is written then.
 */
export async function exportGraphs(
  graphs: readonly ExportedGraph[],
  directory: string,
  signal?: AbortSignal,
): Promise<string[]> {
  for (const { name } of graphs) await requireFree(join(directory, name));
  const written: string[] = [];
  for (const exported of graphs) {
    signal?.throwIfAborted();
    written.push(await exportGraph(exported, directory));
  }
  return written;
}

async function requireFree(path: string): Promise<void> {
  const found = await Deno.lstat(path).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  if (!found) return;
  throw new UsageError(
    `Cannot export to ${path}: found ${found.isDirectory ? "a folder" : "a file"} of that name, ` +
      "expected none; remove it, or choose another --output",
  );
}

async function exportGraph(
  { name, graph, maxBatch = 16 }: ExportedGraph,
  directory: string,
): Promise<string> {
  const { writeModel } = await import("../graph/model.ts");
  const { tritonConfig } = await import("../graph/triton.ts");
  const path = join(directory, name);
  const part = join(directory, `.${name}.${crypto.randomUUID()}.part`);
  try {
    await writeModel(graph, join(part, "1"));
    const weights = join(part, "1", `${graph.name}.weights`);
    if ((await Deno.stat(weights)).size === 0) await Deno.remove(weights);
    await Deno.writeTextFile(join(part, "config.pbtxt"), tritonConfig(graph, name, maxBatch));
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part, { recursive: true }).catch(() => {});
    throw error;
  }
  return path;
}

/** Options of every `export`. */
const OUTPUT = {
  output: option(folder(), {
    help: "folder that the graphs' folders are written into",
    short: "o",
  }),
};

/** The subcommand `export` of a command that has models. */
export function exportCommand<const O extends OptionTable>(
  catalog: ModelCatalog,
  { names = [], options, open }: GraphExport<O>,
): Command {
  const { completion = [], ...kind } = modelKind(catalog);
  const model = operand({ ...kind, completion: [...completion, ...names] }, "whose graphs");
  const operands = { model };
  return command({
    name: "export",
    about: "write the graphs that are run as .onnx, each with a config.pbtxt for Triton",
    options: { ...OUTPUT, ...options } as OptionTable,
    operands,
    async run({ options, operands: { model }, signal }: Invocation<OptionTable, typeof operands>) {
      // The types of values do not follow from a table that is not known yet.
      const values = options as OptionValues<O> & { readonly output?: string };
      const { output } = values;
      if (output === undefined) throw new UsageError("Cannot export: found no --output FOLDER");
      using opened = await open(model, values, signal);
      for (const path of await exportGraphs(opened.graphs, output, signal)) print(printable(path));
    },
  });
}
