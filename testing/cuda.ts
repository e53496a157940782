/**
 * The whole way to CUDA with the real CUDA build, by hand: it fetches 1.4 GB. On a machine without a
 * GPU it goes as far as "no device", with a made-up driver up to the answer of ONNX Runtime's own
 * CUDA provider; on one with a GPU a network runs on it. Everything it says is for people to read;
 * what must hold is asserted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { print, say } from "@vcs/transport/internal";
import { askDriver } from "../packages/onnx/cuda/driver.ts";
import { findCudaBuild, loadLibraries } from "../packages/onnx/cuda/load.ts";
import { loadRuntime } from "../packages/onnx/runtime/ort.ts";
import { findFault } from "../packages/onnx/runtime/probe.ts";
import { compileDriver } from "../packages/onnx/testdata/cuda_driver.ts";

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const ONNX = path("packages/onnx/mod.ts");
const CODEC = path("packages/encodec-stream/mod.ts");
const SPEECH = path("packages/encodec-stream/testdata/speech.ecdc");

interface Result {
  readonly code: number;
  readonly out: Uint8Array;
  readonly err: string;
}

/** Runs a module of ours, and shows what it says. */
async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  say(
    `\n$ ${[...Object.keys(env), ...args.map((arg) => arg.replace(path(""), ""))].join(" ")}`,
  );
  const { code, stdout: out, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const err = new TextDecoder().decode(stderr);
  say(`${err.trim()}\nexit code ${code}, ${out.length} bytes`);
  return { code, out, err };
}

const text = ({ out }: Result) => new TextDecoder().decode(out).trim();

/** Asks the CUDA provider, loaded with all that it needs, for a device. */
async function askProvider(): Promise<void> {
  print(`missing: ${(await loadLibraries()).join(" ") || "nothing"}`);
  const runtime = loadRuntime(await findCudaBuild() ?? "");
  print(await findFault(runtime, { kind: "cuda", index: 0 }) ?? "it computed");
}

/** The answer of the provider, in a process of its own, to a driver without a GPU. */
async function askWithoutGpu(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const driver = dirname(await compileDriver(folder, { init: 100 }));
  const answer = await run([fileURLToPath(import.meta.url), "provider"], {
    LD_LIBRARY_PATH: driver,
  });
  say(text(answer));
  assert.match(text(answer), /^missing: nothing\n.*no CUDA-capable device/s);
  assert.equal(answer.code, 0, "the process must end in order with the provider loaded");
  await Deno.remove(folder, { recursive: true });
}

/** Decodes the same with both libraries on the CPU. */
async function compareDecoders(build: string): Promise<void> {
  const decode = (env?: Record<string, string>) =>
    run([CODEC, "-d", "--device", "cpu", SPEECH], env);
  const [ours, cuda] = [await decode(), await decode({ VCS_ONNXRUNTIME: build })];
  assert.ok(ours.out.length > 0 && cuda.code === 0);
  assert.deepEqual(cuda.out, ours.out);
  say("both libraries decode to the same bytes on the CPU");
}

/** Tries all that this machine can. */
async function tryAll(): Promise<void> {
  const build = text(await run([ONNX, "pull", "cuda"]));
  say(build);
  say(text(await run([ONNX, "doctor"])));
  await compareDecoders(build);
  const { fault } = askDriver();
  for (const device of ["cuda", "auto"]) {
    const { code } = await run([CODEC, "-d", "--device", device, SPEECH]);
    assert.equal(code, device === "cuda" && fault !== undefined ? 1 : 0);
  }
  if (fault !== undefined) await askWithoutGpu();
  say(fault === undefined ? "CUDA works" : `CUDA was tried up to: ${fault}`);
}

if (import.meta.main) await (Deno.args[0] === "provider" ? askProvider : tryAll)();
