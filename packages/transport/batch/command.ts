/**
 * The subcommand `batch`, the same for every package: what a package brings is how an item becomes a
 * record.
 *
 * @module
 */
import { type Command, command, type Invocation } from "../command/command.ts";
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
import { ProgressLine } from "../command/progress.ts";
import { print, printable, say } from "../command/terminal.ts";
import { UsageError } from "../command/usage_error.ts";
import { choice, file, text, type ValueKind, whole } from "../command/values.ts";
import { batch, BATCH_FORMATS, type BatchOptions, type BatchWork } from "./batch.ts";
import { type ItemOptions, listItems } from "./items.ts";
import { type Manifest, mergeManifests } from "./output/manifest.ts";
import type { BatchResult } from "./run.ts";
import { splitKind, splitOf } from "./split.ts";
import { openStore } from "./output/stores.ts";
import { BatchTally } from "./summary.ts";

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
  jobs: option(whole({ min: 1, max: 1024 }), { help: "items at once", short: "j" }),
  shard: option(splitKind, {
    help: "work on part I of N (from 0) of the items; auto/N takes the index of an array job",
    defaultText: "that of a Slurm or AWS Batch array job, else all",
  }),
  maxFailures: option(whole({ min: 0 }), {
    help: "failures that do not end the batch",
    defaultText: "any number",
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
  /** Opens what makes records. */
  readonly open: (options: OptionValues<O>, signal: AbortSignal) => Promise<BatchWork>;
}

type Values = OptionValues<typeof OPTIONS>;

/** The subcommands `batch` and `merge` of a package. */
export function batchCommands<O extends OptionTable>(
  definition: BatchDefinition<O>,
): readonly Command[] {
  return [batchCommand(definition), MERGE];
}

const MERGE = command({
  name: "merge",
  about: "prove that all parts of a batch (--shard) are there, and write one manifest",
  operands: { output: operand(text("FOLDER|s3://BUCKET/PREFIX"), "the batch's output") },
  async run({ operands }) {
    const { counts, files } = await mergeManifests(await openStore(operands.output));
    const records = `${counts.records} records in ${files.length} files`;
    say(printable(`${records}, ${counts.failed} failed: ${operands.output}`));
    return counts.failed > 0 ? 1 : 0;
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
      const values = options as Values;
      const { output } = values;
      if (output === undefined) throw new UsageError("Cannot begin a batch: expected -o OUTPUT");
      if (operands.inputs.length + values.list.length === 0) {
        throw new UsageError(
          "Cannot begin a batch: found no input, expected files, folders or a list",
        );
      }
      const items = {
        include: values.include.length > 0 ? values.include : include,
        lists: values.list,
      };
      const split = splitOf(values.shard);
      await using work = await definition.open(options as OptionValues<O>, signal);
      const batchOptions = {
        ...batchOptionsOf(values),
        ...{ items: listItems(operands.inputs, items), output, split, signal },
      };
      using progress = new Progress(values.json);
      void progress.count(operands.inputs, items);
      const manifest = await progress.follow(batch(work, batchOptions));
      return progress.end(manifest, output);
    },
  });
}

function batchOptionsOf(
  { format, shardSize, jobs, maxFailures, retryFailed }: Values,
): Omit<BatchOptions, "items" | "output"> {
  return {
    ...{ format, shardBytes: shardSize, retryFailed },
    ...(jobs !== undefined && { jobs }),
    ...(maxFailures !== undefined && { maxFailures }),
  };
}

/** Says how far a batch is, and what came of it. */
class Progress implements Disposable {
  readonly #tally = new BatchTally();
  readonly #line = new ProgressLine();
  readonly #json: boolean;
  readonly #ended = new AbortController();
  #total: number | undefined;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** Counts the items, where somebody looks and they can be listed twice. */
  async count(inputs: readonly string[], options: ItemOptions): Promise<void> {
    const lists = [...inputs.filter((input) => input === "-"), ...options.lists ?? []];
    if (!Deno.stderr.isTerminal() || lists.includes("-")) return;
    let total = 0;
    try {
      for await (const _ of listItems(inputs, options)) {
        if (this.#ended.signal.aborted) return;
        total++;
      }
      this.#total = total;
    } catch {
      // What is wrong with an input is said by the batch itself.
    }
  }

  /** Follows a batch to its end. */
  async follow(
    results: AsyncGenerator<BatchResult, Manifest | undefined>,
  ): Promise<Manifest | undefined> {
    for (;;) {
      const next = await results.next();
      if (next.done) return next.value;
      this.#tally.add(next.value);
      this.#line.update(this.#tally.line(this.#total));
      if (this.#json) print(JSON.stringify(resultLine(next.value)));
    }
  }

  /** Says what came of the batch; gives the exit code. */
  end(manifest: Manifest | undefined, output: string): number {
    this[Symbol.dispose]();
    const { done, before, failed, failedBefore, repeated } = this.#tally;
    const faults = failed + failedBefore;
    const parts = [
      `${done} items done`,
      ...(before > 0 ? [`${before} done before`] : []),
      ...(repeated > 0 ? [`${repeated} with a key that came before, left out`] : []),
      ...(faults > 0 ? [`${faults} failed${kinds(manifest?.failures)}`] : []),
    ];
    const more = manifest ? "" : "; the same command goes on";
    say(printable(`${parts.join(", ")}: ${output}${more}`));
    return faults > 0 ? 1 : 0;
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#line[Symbol.dispose]();
  }
}

function kinds(failures: Readonly<Record<string, number>> = {}): string {
  const words = Object.entries(failures).map(([code, count]) => `${code} ${count}`);
  return words.length > 0 ? ` (${words.join(", ")})` : "";
}

/** A result as a line: what is in a record is in the output. */
function resultLine(result: BatchResult): Record<string, unknown> {
  const { key, state } = result;
  if (state === "failed") return { key, state, ...result.failure };
  return state === "done" ? { key, state, ...result.record.fields } : { key, state };
}
