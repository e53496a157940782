/**
 * The command: lists, fetches, verifies and removes models, and tells what this machine and a
 * checkpoint are like.
 *
 * @module
 */
import {
  type Command,
  command,
  file,
  flag,
  type Invocation,
  operands,
  optionalOperand,
  print,
  printable,
  ProgressLine,
  say,
  text,
  UsageError,
} from "@vcs/transport/internal";
import config from "../deno.json" with { type: "json" };
import type { DownloadProgress } from "../cache/download.ts";

type NoOptions = Record<never, never>;

function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Lines whose names and values may come from outside. */
function printLines(lines: readonly string[]): void {
  for (const line of lines) print(printable(line));
}

/** Rows with columns of equal width. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}

/** A bar, the share done, the amounts and the time left. */
class DownloadBar implements Disposable {
  readonly #line = new ProgressLine();
  readonly #start = performance.now();
  #first: number | undefined;

  show(file: string, { received, total }: DownloadProgress): void {
    this.#first ??= received;
    const seconds = (performance.now() - this.#start) / 1000;
    const speed = (received - this.#first) / Math.max(seconds, 0.1);
    if (total === undefined) return this.#line.update(`${file}  ${megabytes(received)}`);
    const share = received / total;
    const bar = "#".repeat(Math.round(share * 24)).padEnd(24, "-");
    const left = speed > 0 ? `${Math.ceil((total - received) / speed)} s left` : "";
    const amount = `${megabytes(received)} of ${megabytes(total)}`;
    this.#line.update(`${file}  [${bar}] ${Math.floor(share * 100)} %  ${amount}  ${left}`);
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }
}

async function list(): Promise<void> {
  const { MODELS } = await import("../cache/models.ts");
  const { findLocal } = await import("../store.ts");
  const rows = await Promise.all(MODELS.map(async (model) => {
    const local = await findLocal(model);
    return [model.name, megabytes(model.bytes), local?.path ?? "-", model.about];
  }));
  printLines(table([["MODEL", "SIZE", "FILE", "WHAT IT IS"], ...rows]));
}

const MODEL = text("MODEL");

const TO_PULL = {
  models: operands(MODEL, "official name, URL, or hf:owner/name/file", 1),
};

async function pull(
  { operands: { models }, signal }: Invocation<NoOptions, typeof TO_PULL>,
): Promise<void> {
  const { resolveModel } = await import("../store.ts");
  for (const name of models) {
    using bar = new DownloadBar();
    const path = await resolveModel(name, {
      signal,
      onProgress: (file, progress) => bar.show(file, progress),
    });
    bar[Symbol.dispose]();
    print(path);
  }
}

const TO_VERIFY = { models: operands(MODEL, "what to compare. Default: all that are here") };

async function verify(
  { operands: { models }, signal }: Invocation<NoOptions, typeof TO_VERIFY>,
): Promise<number> {
  const { MODELS } = await import("../cache/models.ts");
  const { findLocal, verifyModel } = await import("../store.ts");
  const here = await Promise.all(MODELS.map(async (m) => await findLocal(m) && m.name));
  const wanted = models.length > 0 ? models : here.filter((name) => name !== undefined);
  if (wanted.length === 0) say("No official model is on this machine; onnx pull fetches one");
  let wrong = 0;
  for (const name of wanted) {
    const { local, found, wanted, right } = await verifyModel(name, { signal });
    const verdict = wanted === undefined ? "unknown" : right ? "right" : "WRONG";
    printLines([[verdict, name, found, local.path].join("  ")]);
    if (!right) wrong++;
  }
  return wrong > 0 ? 1 : 0;
}

const TO_REMOVE = { models: operands(MODEL, "what to remove") };

const REMOVE = { graphs: flag({ help: "also the graphs built from checkpoints" }) };

async function remove(
  { operands: { models }, options }: Invocation<typeof REMOVE, typeof TO_REMOVE>,
): Promise<void> {
  const { removeModel } = await import("../store.ts");
  if (models.length === 0 && !options.graphs) {
    throw new UsageError("Cannot remove: found no model, expected one, or --graphs");
  }
  for (const name of models) {
    const removed = await removeModel(name);
    if (removed.length === 0) say(`Nothing to remove for ${name}`);
    printLines(removed);
  }
  if (!options.graphs) return;
  const { graphDirectory } = await import("../cache/paths.ts");
  await Deno.remove(graphDirectory(), { recursive: true }).catch(() => {});
  print(graphDirectory());
}

const TO_EXAMINE = {
  checkpoint: optionalOperand(file("CHECKPOINT"), "path of a file, or a model's name"),
};

async function doctor(
  { operands: { checkpoint }, signal }: Invocation<NoOptions, typeof TO_EXAMINE>,
): Promise<number> {
  const { describeCheckpoint, describeMachine } = await import("./doctor.ts");
  if (checkpoint === undefined) {
    printLines(await describeMachine());
    return 0;
  }
  const { lines, complete } = await describeCheckpoint(checkpoint, signal);
  printLines(lines);
  return complete ? 0 : 1;
}

/** The command `onnx`. */
export const onnx: Command = command({
  name: "onnx",
  version: config.version,
  about: "models for @vcs: fetch the authors' own files and see what runs where",
  commands: [
    command({
      name: "list",
      about: "official models, sizes, and the files that are here",
      run: list,
    }),
    command({
      name: "pull",
      about: "fetch models; prints the paths of the files",
      operands: TO_PULL,
      run: pull,
    }),
    command({
      name: "verify",
      about: "compare files with the published SHA-256; exit code 1 where one is wrong",
      operands: TO_VERIFY,
      run: verify,
    }),
    command({
      name: "rm",
      about: "remove models from our own folder, never from others'",
      operands: TO_REMOVE,
      options: REMOVE,
      run: remove,
    }),
    command({
      name: "doctor",
      about: "this machine; or a checkpoint against the official model that it is closest to",
      operands: TO_EXAMINE,
      run: doctor,
    }),
  ],
});
