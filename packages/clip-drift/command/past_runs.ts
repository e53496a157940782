/**
 * `clip-drift search` and `clip-drift runs`: what can be done with runs that are kept.
 *
 * @module
 */
import {
  choice,
  type Command,
  command,
  file,
  flag,
  folder,
  group,
  type Invocation,
  operand,
  option,
  optionalOperand,
  type OptionValues,
  text,
  UsageError,
  whole,
} from "@vcs/transport/internal";
import { NETWORK } from "./options.ts";

/** Options of the search. */
export const SEARCH = {
  ...group("Search", {
    like: option(file("IMAGE"), { help: "image that frames are to be like" }),
    text: option(text("TEXT"), { help: "what frames are to show, where the model reads texts" }),
    count: option(whole({ min: 1, max: 1000, placeholder: "N" }), {
      help: "frames to find",
      short: "n",
      default: 10,
    }),
    json: flag({ help: "the frames as JSON on stdout, one line for each" }),
  }),
  ...group("Model", NETWORK),
};

/** Values of {@linkcode SEARCH}. */
export type SearchSettings = OptionValues<typeof SEARCH>;

const EXPORT = {
  output: option(file(), {
    help: "parquet file to write",
    short: "o",
    defaultText: "the run's name with .parquet",
  }),
};

const KEPT = { runs: optionalOperand(folder(), "where runs are kept. Default: runs") };
const ACTION = {
  action: operand(choice(["export"]), "write the embeddings as a parquet file"),
  run: operand(folder("RUN"), "the run's folder"),
};

async function search(
  { options, operands, signal }: Invocation<typeof SEARCH, typeof KEPT>,
): Promise<void> {
  if ((options.like === undefined) === (options.text === undefined)) {
    const found = options.like === undefined ? "neither" : "both";
    throw new UsageError(`Cannot search: found ${found}, expected --like IMAGE or --text TEXT`);
  }
  const { searchKept } = await import("./past_runs_work.ts");
  await searchKept(operands.runs ?? "runs", options, signal);
}

async function runs(
  { options, operands }: Invocation<typeof EXPORT, typeof ACTION>,
): Promise<void> {
  const { exportKept } = await import("./past_runs_work.ts");
  await exportKept(operands.run, options.output);
}

/** The subcommands `search` and `runs`. */
export const pastRuns: readonly Command[] = [
  command({
    name: "search",
    about: "find the frames of past runs that are like an image or a text",
    options: SEARCH,
    operands: KEPT,
    run: search,
  }),
  command({
    name: "runs",
    about: "write a past run as a parquet file",
    options: EXPORT,
    operands: ACTION,
    run: runs,
  }),
];
