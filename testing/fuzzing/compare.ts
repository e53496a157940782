/**
 * Compares what our readers read with what the formats' own libraries read of the same inputs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { findPython } from "../python.ts";
import type { Found } from "./search.ts";
import type { Target } from "./target.ts";

/** Python's modules that a reference needs. */
const MODULES: Readonly<Record<NonNullable<Target["reference"]>, readonly string[]>> = {
  safetensors: ["safetensors"],
  npy: ["numpy"],
  npz: ["numpy"],
  zip: ["zipfile"],
  torch: ["torch", "numpy"],
  image: ["PIL"],
  json: ["json"],
};

/** A Python that has the modules of a reference, or undefined. */
export function pythonFor(reference: NonNullable<Target["reference"]>): string | undefined {
  return findPython(...MODULES[reference]);
}

/** What a comparison came to. */
export interface Comparison {
  /** Inputs of which both read the same. */
  readonly same: number;
  /** Inputs that the reference refuses and we read, by its words. */
  readonly laxer: ReadonlyMap<string, Found[]>;
  /** Inputs of which both read something else. */
  readonly differs: readonly Found[];
}

interface Answer {
  readonly parts?: unknown;
  readonly error?: string;
}

async function ask(python: string, kind: string, inputs: readonly Found[]): Promise<Answer[]> {
  const script = fileURLToPath(new URL("./reference.py", import.meta.url));
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, inputs.map(({ bytes }) => `${bytes}\n`).join(""));
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `"$0" "$1" "$2" < "$3"`, python, script, kind, path],
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n").filter(Boolean);
    if (lines.length !== inputs.length) {
      throw new Error(`${kind}: ${lines.length} answers to ${inputs.length} inputs`);
    }
    return lines.map((line) => JSON.parse(line));
  } finally {
    await Deno.remove(path);
  }
}

/** Compares; undefined where no Python has the modules. */
export async function compare(
  reference: NonNullable<Target["reference"]>,
  inputs: readonly Found[],
): Promise<Comparison | undefined> {
  const python = pythonFor(reference);
  if (python === undefined) return undefined;
  const answers = await ask(python, reference, inputs);
  const laxer = new Map<string, Found[]>();
  const differs: Found[] = [];
  for (const [i, { parts, error }] of answers.entries()) {
    const input = inputs[i]!;
    if (error !== undefined) {
      const words = error.replace(/[\d.]+/g, "0").replace(/'[^']*'/g, "'…'").slice(0, 80);
      laxer.set(words, [...laxer.get(words) ?? [], input]);
    } else if (JSON.stringify(parts) !== JSON.stringify(input.parts)) differs.push(input);
  }
  const odd = [...laxer.values()].reduce((sum, all) => sum + all.length, differs.length);
  return { same: inputs.length - odd, laxer, differs };
}
