/**
 * What `doctor.ts` found, as lines for people.
 *
 * @module
 */
import type { ModelCatalog } from "../store.ts";
import type { CacheReport, CheckpointReport, FolderReport, MachineReport } from "./doctor.ts";

/** Names that are listed of each kind, before "and N more". */
const SHOWN = 8;

function row(label: string, text: string): string {
  return `${label.padEnd(14)}${text}`;
}

const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function folderRow(label: string, { path, files, bytes }: FolderReport): string {
  const amount = files === 0 ? "empty" : `${files} files, ${inMegabytes(bytes)}`;
  return row(label, `${path} (${amount})`);
}

/** Lines about our own cache. */
export function cacheLines({ models, graphs, parts }: CacheReport): string[] {
  return [folderRow("Models", models), folderRow("Graphs", graphs), folderRow("Parts", parts)];
}

/** Lines about the library, the devices that it reaches, and what CUDA lacks. */
function runtimeLines({ runtime, devices, auto, cuda }: MachineReport): string[] {
  const { version, allowed, path, why, providers } = runtime;
  const driver = cuda.driverCuda === null ? "" : ` (for CUDA up to ${cuda.driverCuda})`;
  return [
    row("ONNX Runtime", `${version} (${allowed} is taken), ${path}`),
    row("  chosen", why),
    row("  providers", providers.join(", ")),
    ...devices.map(({ device, reason }) => row(`  ${device}`, reason)),
    row("  auto", `takes ${auto}`),
    row("CUDA build", cuda.build ?? "not on this machine"),
    row("  driver", cuda.driver + driver),
    ...cuda.missing.length > 0 ? [row("  missing", cuda.missing.join(", "))] : [],
    ...cuda.problems.map(({ help }) => row("  help", help)),
  ];
}

/** Lines about this machine. */
export function machineLines(machine: MachineReport): string[] {
  const { deno, target, cache, torch, huggingFace, offline } = machine;
  return [
    row("Deno", `${deno}, ${target}`),
    ...runtimeLines(machine),
    ...cacheLines(cache),
    row("PyTorch", torch),
    row("Hugging Face", `${huggingFace.path}, ${huggingFace.token ? "with a token" : "no token"}`),
    row("Fetching", offline ? "forbidden (HF_HUB_OFFLINE or VCS_OFFLINE)" : "allowed"),
  ];
}

function someRows(label: string, texts: readonly string[]): string[] {
  return texts.slice(0, SHOWN).map((text, i) => row(i === 0 ? label : "", text));
}

function nameRows(label: string, names: readonly string[]): string[] {
  if (names.length === 0) return [row(label, "none")];
  const rest = names.length - SHOWN;
  return [...someRows(label, names), ...(rest > 0 ? [row("", `and ${rest} more`)] : [])];
}

/** How a checkpoint's tensors fit the model that they are closest to. */
function fitLines({ fit }: CheckpointReport, catalog: ModelCatalog): string[] {
  const names = catalog.models.filter(({ tensors }) => tensors).map(({ name }) => name);
  if (names.length === 0) return [];
  if (fit === null) return [row("Model", `none of ${names.join(", ")}`)];
  const fits = `${fit.matched.length} of ${fit.weights} weights match`;
  return [
    row("Model", `${fit.models.join(", ")}: ${fits}`),
    ...nameRows("Missing", fit.missing),
    ...nameRows("Other shape", fit.mismatched),
    ...nameRows("Unexpected", fit.unexpected),
  ];
}

/** Lines about a checkpoint, and how it fits the models of a catalogue. */
export function checkpointLines(report: CheckpointReport, catalog: ModelCatalog): string[] {
  const { path, bytes, format, tensors, values } = report;
  const types = Object.entries(tensors.types).map(([type, count]) => `${count} of ${type}`);
  const contents = `${tensors.count}, ${inMegabytes(tensors.bytes)}`;
  return [
    row("File", `${path} (${inMegabytes(bytes)})`),
    row("Format", format),
    row("Tensors", types.length > 0 ? `${contents}: ${types.join(", ")}` : contents),
    ...someRows("Values", Object.entries(values).map(([name, value]) => `${name} = ${value}`)),
    ...fitLines(report, catalog),
  ];
}
