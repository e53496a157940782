/**
 * The subcommand `batch`, the same for every package: what a package brings is how an item becomes a
 * record.
 *
 * @module
 */
import { type Command, command, type Invocation } from "../command/command.ts";
import { environment } from "../command/environment.ts";
import {
  flag,
  group,
  list,
  operand,
  operands,
  option,
  type OptionTable,
  type OptionValues,
} from "../command/options.ts";
import { UsageError } from "../command/usage_error.ts";
import { choice, file, text, type ValueKind, whole } from "../command/values.ts";
import { BATCH_FORMATS, type BatchWork } from "./batch.ts";
import { ITEM_PROCESS } from "./processes/item_process.ts";
import { splitKind } from "./split.ts";

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes, as `200M`. */
const BYTES: ValueKind<number> = {
  placeholder: "BYTES",
  allowed: "bytes as 200M or 1G",
  parse(text) {
    const [, digits, unit] = /^([1-9]\d{0,9})([KMG]?)$/i.exec(text) ?? [];
    return digits === undefined ? undefined : Number(digits) * (UNITS[unit!.toUpperCase()] ?? 1);
  },
};

/** Options of every `batch`. */
const OPTIONS = group("Batch", {
  output: option(text("FOLDER|s3://BUCKET/PREFIX"), {
    help: "where records go; the same command goes on there",
    short: "o",
  }),
  format: option(choice(BATCH_FORMATS), {
    help: "one file an item, or shards: WebDataset's tar, or parquet",
    default: "files",
  }),
  shardSize: option(BYTES, {
    help: "bytes of records at which a shard is full",
    default: 2 ** 28,
    defaultText: "256M",
  }),
  include: list(text("GLOB"), { help: "which files of folders, as '*.mp4'; may repeat" }),
  list: list(file(), {
    help: "a list of items: on each line a path, a URL, or JSON with key, source, from and to; " +
      "- is standard input",
  }),
  jobs: option(whole({ min: 1, max: 1024 }), {
    help: "items at once",
    short: "j",
    defaultText: "as processors and memory allow",
  }),
  shard: option(splitKind, {
    help: "work on part I of N (from 0) of the items; auto/N takes the index of an array job",
    defaultText: "that of a Slurm or AWS Batch array job, else all",
  }),
  maxFailures: option(whole({ min: 0 }), {
    help: "failures that do not end the batch, or the worker of a queue",
    defaultText: "any number",
  }),
  queue: option(text("redis://HOST:PORT"), {
    help: "share the work by a queue: before inputs stands submit, or in their place work, " +
      "status or cancel",
  }),
  group: option(whole({ min: 1, max: 100_000 }), {
    help: "items of a job of the queue, whose records share a shard",
    defaultText: "1, and 256 where shards are written",
  }),
  attempts: option(whole({ min: 1, max: 1000 }), {
    help: "tries of a job of the queue, with longer and longer pauses",
    default: 3,
  }),
  retryFailed: flag({ help: "try again what failed in past runs" }),
  json: flag({ help: "a line of JSON on standard output for each item" }),
});

const OPERANDS = {
  inputs: operands(file("INPUT"), "files, folders, URLs; - is a list on standard input"),
};

/** What a package brings. */
export interface BatchDefinition<O extends OptionTable> {
  /** What it does, in a few words. */
  readonly about: string;
  /** Files that are taken of folders. */
  readonly include: readonly string[];
  /** Options of the package. */
  readonly options: O;
  /** Opens what makes records, in one of so many processes that share the processors. */
  readonly open: (
    options: OptionValues<O>,
    signal: AbortSignal,
    processes: number,
  ) => Promise<BatchWork>;
  /** Module of the command, where the work holds the JavaScript thread: items then have processes. */
  readonly main?: string;
}

/** The options of every `batch` that are not as they are where nothing is said, by their keys. */
export function givenOptions(values: BatchValues): string[] {
  return Object.entries(OPTIONS).filter(([key, entry]) => {
    const [value, usual] = [values[key as keyof BatchValues], "default" in entry && entry.default];
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== usual;
  }).map(([key]) => key);
}

/** Values of the options of every `batch`. */
export type BatchValues = OptionValues<typeof OPTIONS>;

/** The subcommands `batch` and `merge` of a package. */
export function batchCommands<O extends OptionTable>(
  definition: BatchDefinition<O>,
): readonly Command[] {
  return [batchCommand(definition), MERGE];
}

const MERGE = command({
  name: "merge",
  about: "prove that all parts of a batch (--shard, --queue) are there, and write one manifest",
  operands: { output: operand(text("FOLDER|s3://BUCKET/PREFIX"), "the batch's output") },
  options: {
    verify: flag({
      help: "read every file, and compare its SHA-256; otherwise its name and size",
    }),
  },
  async run({ operands, options, signal }) {
    const { runMerge } = await import("./command_run.ts");
    return await runMerge(operands.output, { verify: options.verify, signal });
  },
});

function batchCommand<O extends OptionTable>(definition: BatchDefinition<O>): Command {
  const { about, options, include } = definition;
  return command({
    name: "batch",
    about,
    options: { ...options, ...OPTIONS },
    operands: OPERANDS,
    async run({ options, operands, signal }: Invocation<OptionTable, typeof OPERANDS>) {
      const values = options as BatchValues;
      const { output, list, queue } = values;
      const own = options as OptionValues<O>;
      if (environment.get(ITEM_PROCESS)) {
        const { serveItems } = await import("./processes/serve_items.ts");
        return await serveItems(definition.open);
      }
      const open = async () => {
        const { openAtOnce } = await import("./processes/open_at_once.ts");
        const work = await definition.open(own, signal, 1);
        return await openAtOnce(work, { ...definition, options: own, jobs: values.jobs, signal });
      };
      const patterns = values.include.length > 0 ? values.include : include;
      if (queue !== undefined) {
        const { runQueueCommand } = await import("./queue/queue_command.ts");
        const listing = { include: patterns, lists: list };
        const words = operands.inputs;
        return await runQueueCommand({ ...listing, words, queue, values, open, signal });
      }
      if (output === undefined) throw new UsageError("Cannot begin a batch: expected -o OUTPUT");
      if (operands.inputs.length + list.length === 0) {
        throw new UsageError(
          "Cannot begin a batch: found no input, expected files, folders or a list",
        );
      }
      const { runCommandBatch } = await import("./command_run.ts");
      const inputs = { inputs: operands.inputs, include: patterns, lists: list };
      return await runCommandBatch({ ...values, output }, { open, ...inputs, signal });
    },
  });
}
