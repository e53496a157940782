/**
 * What `--device cpu|cuda|webgpu|all` asks of a suite, as in
 * `deno task bench bench/onnx.bench.ts -- --device all`. Default: cpu.
 *
 * @module
 */
import { listDevices, parseDevice } from "@vcs/onnx/devices";
import process from "node:process";
import { parseArgs } from "node:util";

/** What `--device` says. */
function askedWord(): string {
  const { values } = parseArgs({
    args: Deno.args,
    options: { device: { type: "string", default: "cpu" } },
    strict: false,
  });
  return String(values.device);
}

/** The devices that a word asks for. */
function asked(word: string): string[] {
  if (word === "all") return ["cpu", "cuda", "webgpu"];
  parseDevice(word);
  return [word];
}

function notRun(device: string, reason: string): void {
  process.stderr.write(`not run on ${device}: ${reason}\n`);
}

/**
 * The devices that a suite runs on, by the names that its options take. What was asked for and is
 * not here is said on standard error.
 */
export async function benchDevices(word: string = askedWord()): Promise<string[]> {
  const devices: string[] = [];
  for (const device of asked(word)) {
    const reports = device === "cpu" ? [] : await listDevices();
    const [first, ...rest] = reports.filter((report) => report.device.startsWith(device));
    const found = [first, ...rest].find((report) => report?.available);
    if (device === "cpu" || found !== undefined) devices.push(found?.device ?? device);
    else notRun(device, first?.reason ?? "no such device is here");
  }
  return devices;
}

/** For suites of which nothing runs on a device. */
export function onlyCpu(): void {
  for (const device of asked(askedWord())) {
    if (device !== "cpu") notRun(device, "nothing in this suite computes on a device");
  }
}

/** A benchmark's name on a device: that of the CPU has none, so that histories go on. */
export function nameOn(name: string, device: string): string {
  return device === "cpu" ? name : `${name}, ${device}`;
}
