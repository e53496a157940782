/**
 * The command: lists, fetches, verifies and removes models, and tells what this machine and a
 * checkpoint are like.
 *
 * @module
 */
import { Command } from "commander";
import { print, ProgressLine, runMain, say, UsageError } from "@vcs/transport/internal";
import type { DownloadProgress } from "./download.ts";

function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function printLines(lines: readonly string[]): void {
  for (const line of lines) print(line);
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
  const { MODELS } = await import("./models.ts");
  const { findLocal } = await import("./store.ts");
  const rows = await Promise.all(MODELS.map(async (model) => {
    const local = await findLocal(model);
    return [model.name, megabytes(model.bytes), local?.path ?? "-", model.about];
  }));
  printLines(table([["MODEL", "SIZE", "FILE", "WHAT IT IS"], ...rows]));
}

async function pull(names: string[], signal: AbortSignal): Promise<void> {
  const { resolveModel } = await import("./store.ts");
  for (const name of names) {
    using bar = new DownloadBar();
    const path = await resolveModel(name, {
      signal,
      onProgress: (file, progress) => bar.show(file, progress),
    });
    bar[Symbol.dispose]();
    print(path);
  }
}

async function verify(names: string[], signal: AbortSignal): Promise<number> {
  const { MODELS } = await import("./models.ts");
  const { findLocal, verifyModel } = await import("./store.ts");
  const here = await Promise.all(MODELS.map(async (m) => await findLocal(m) && m.name));
  const wanted = names.length > 0 ? names : here.filter((name) => name !== undefined);
  if (wanted.length === 0) say("No official model is on this machine; onnx pull fetches one");
  let wrong = 0;
  for (const name of wanted) {
    const { local, found, wanted, right } = await verifyModel(name, { signal });
    const verdict = wanted === undefined ? "unknown" : right ? "right" : "WRONG";
    print([verdict, name, found, local.path].join("  "));
    if (!right) wrong++;
  }
  return wrong > 0 ? 1 : 0;
}

async function remove(names: string[], options: { graphs?: boolean }): Promise<void> {
  const { removeModel } = await import("./store.ts");
  if (names.length === 0 && !options.graphs) throw new UsageError("name a model, or --graphs");
  for (const name of names) {
    const removed = await removeModel(name);
    if (removed.length === 0) say(`Nothing to remove for ${name}`);
    printLines(removed);
  }
  if (!options.graphs) return;
  const { graphDirectory } = await import("./cache_paths.ts");
  await Deno.remove(graphDirectory(), { recursive: true }).catch(() => {});
  print(graphDirectory());
}

async function doctor(reference: string | undefined, signal: AbortSignal): Promise<number> {
  const { describeCheckpoint, describeMachine } = await import("./doctor.ts");
  if (reference === undefined) {
    printLines(await describeMachine());
    return 0;
  }
  const { lines, complete } = await describeCheckpoint(reference, signal);
  printLines(lines);
  return complete ? 0 : 1;
}

function program(signal: AbortSignal, done: (code: number) => void): Command {
  const command = new Command("onnx")
    .description("Models for @vcs: fetch the authors' own files and see what runs where.")
    .helpCommand(false)
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.command("list").description("official models, and the files that are here")
    .action(list);
  command.command("pull").description("fetch models; prints the paths of the files")
    .argument("<model...>", "official name, address, or hf:owner/name/file")
    .action((names: string[]) => pull(names, signal));
  command.command("verify").description("compare files with the published SHA-256")
    .argument("[model...]", "all that are here, where none is named")
    .action(async (names: string[]) => done(await verify(names, signal)));
  command.command("rm").description("remove models from our own folder")
    .argument("[model...]").option("--graphs", "also the graphs built from checkpoints")
    .action(remove);
  command.command("doctor").description("devices, versions and caches; or what a checkpoint holds")
    .argument("[checkpoint]", "path of a file, or a model's name")
    .action(async (reference?: string) => done(await doctor(reference, signal)));
  return command;
}

/**
 * Runs the command.
 *
 * @param args arguments after the command's name
 * @returns exit code: 0 done, 1 something is wrong, 2 wrong usage
 * @throws {UsageError} where the arguments are not understood.
 */
export async function main(args: string[], signal: AbortSignal): Promise<number> {
  let code = 0;
  const { CommanderError } = await import("commander");
  const command = program(signal, (result) => code = result);
  try {
    if (args.length === 0) {
      say(command.helpInformation());
      return 2;
    }
    await command.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw new UsageError(error.message.replace(/^error: /, ""));
  }
  return code;
}

if (import.meta.main) await runMain("onnx", main);
