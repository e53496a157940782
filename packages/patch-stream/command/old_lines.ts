/**
 * Command lines of codec-patch-stream's scripts: one option for both stages, options that have no
 * meaning here, lists with blanks between their words.
 *
 * @module
 */
import { choice, option, type OptionValues, say, text, whole } from "@vcs/transport/internal";
import type { PatchStreamConfig } from "../config.ts";

/** Options for both stages at once, and those that are read and have no effect. */
export const BOTH_STAGES = {
  backend: option(choice(["auto", "cpu", "gpu"]), { help: "where to decode and to process" }),
  gpu: option(whole({ min: -1 }), {
    help: "decode and process on this GPU; -1 is the CPU",
    formerly: ["codec-gpu"],
  }),
  decodeMode: option(text("MODE"), { help: "ignored", aliases: ["codec-mode"], hidden: true }),
  decordGpu: option(text("N"), { help: "ignored", hidden: true }),
};

type BothStages = OptionValues<typeof BOTH_STAGES>;

/** Backends and devices that one option for both stages stands for. */
export function bothStages({ backend, gpu }: BothStages): Pick<
  PatchStreamConfig,
  "decodeBackend" | "processBackend" | "decodeDeviceId" | "processDeviceId"
> {
  const both = gpu === undefined ? backend : gpu < 0 ? "cpu" : "gpu";
  return {
    ...(both && { decodeBackend: both, processBackend: both }),
    ...(gpu !== undefined && gpu >= 0 && { decodeDeviceId: gpu, processDeviceId: gpu }),
  };
}

/** Says of options without a meaning here that they are ignored. */
export function sayIgnored({ decodeMode, decordGpu }: BothStages): void {
  if (decodeMode !== undefined) {
    say("note: --decode-mode is ignored: decoding is always tuned for throughput");
  }
  if (decordGpu !== undefined) say("note: --decord-gpu is ignored: decord is run on the CPU");
}

/** `--view png` is `--view-png`, and `--view webp` is `--view-webp`. */
export function joinView(args: readonly string[]): string[] {
  const kindAt = (n: number) => args[n - 1] === "--view" && /^(png|webp)$/.exec(args[n] ?? "")?.[0];
  return args.flatMap((arg, n) => {
    if (kindAt(n)) return [];
    const kind = kindAt(n + 1);
    return kind ? [`--view-${kind}`] : [arg];
  });
}

/** Joins the words that follow an option which takes several by commas, as its table has them. */
export function joinLists(
  args: readonly string[],
  lists: Readonly<Record<string, readonly string[]>>,
): string[] {
  const joined: string[] = [];
  let words: readonly string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (last !== undefined && words.includes(arg)) {
      const first = Object.hasOwn(lists, last);
      if (first) joined.push(arg);
      else joined[joined.length - 1] = `${last},${arg}`;
      continue;
    }
    words = Object.hasOwn(lists, arg) ? lists[arg]! : [];
    joined.push(arg);
  }
  return joined;
}
