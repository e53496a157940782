/**
 * The command as a process, on synthetic weights, for tests.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { PARTS_HERE } from "#testing/parts_here.ts";
import { syntheticAudio } from "../network/synthetic.ts";

/** The module that is run. */
export const entry: string = fileURLToPath(new URL("../mod.ts", import.meta.url));

/** Runs a program with bytes on its standard input. */
export async function pipeInto(program: string, args: string[], input: Uint8Array, env = {}) {
  const child = new Deno.Command(program, {
    args,
    env: { NO_COLOR: "1", ...env },
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program that refuses may leave before it has read: its pipe breaks, and that is no failure.
  const written = writer.write(input).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  return { code, stdout, stderr: new TextDecoder().decode(stderr) };
}

/** Runs the command with bytes on its standard input. */
export function run(args: string[], env: Record<string, string>, input = new Uint8Array(0)) {
  return pipeInto(Deno.execPath(), ["run", "-A", "--quiet", entry, ...args], input, env);
}

/** A folder for models and files, removed at the end. */
export async function scratch() {
  const folder = await Deno.makeTempDir();
  return {
    folder,
    env: { ...PARTS_HERE, VCS_CACHE: `${folder}/cache` },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Options of synthetic weights. */
export const synthetic: string[] = ["--weights", "synthetic", "--device", "cpu"];

/** Two channels of synthetic audio. */
export function stereo(length: number): Float32Array<ArrayBuffer>[] {
  const audio = syntheticAudio("encodec_48khz", length).map((v) => v * 0.5);
  return [audio.subarray(0, length), audio.subarray(length)];
}
