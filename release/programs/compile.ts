/**
 * Builds programs by `deno compile`: `deno task compile [NAME…] [--target TARGET] [-o FOLDER]`, for
 * this machine or another platform. What goes in is the list of `programs.ts`; the module graph has
 * no npm package, so nothing has to be kept out. Deno downloads its runtime for the target.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { layOut, type Program, programsNamed, ROOT } from "./programs.ts";

/** Targets of `deno compile`, and the registry's names of their platforms. */
export const TARGETS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "linux-x64",
  "aarch64-unknown-linux-gnu": "linux-arm64",
  "aarch64-apple-darwin": "darwin-arm64",
  "x86_64-pc-windows-msvc": "win32-x64",
};

/** Settings of a build. */
export interface CompileOptions {
  /** What it is for. Default: this machine. */
  readonly target?: string;
  /** Where programs go. */
  readonly folder: string;
}

/** Lays a program's parts beside its main module for as long as it is built. */
async function stageParts(program: Program, platform: string): Promise<AsyncDisposable> {
  const folder = join(ROOT, "packages", program.name, "parts");
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await layOut(program, folder, platform);
  return { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

/**
 * Compiles a program; gives what `deno compile` said, which lists the files that it embedded.
 *
 * @throws {Error} where it fails.
 */
export async function compile(program: Program, options: CompileOptions): Promise<string> {
  const { target = Deno.build.target, folder } = options;
  const platform = TARGETS[target];
  if (platform === undefined) {
    const known = Object.keys(TARGETS).join(", ");
    throw new TypeError(`Cannot compile: found the target "${target}", expected one of ${known}`);
  }
  const { name, workers = [] } = program;
  const root = join(ROOT, "packages", name);
  await Deno.mkdir(folder, { recursive: true });
  await using _parts = await stageParts(program, platform);
  const args = ["compile", "-A", "--no-check", "--self-extracting", "--target", target]
    .concat("--include", join(root, "parts"))
    .concat(workers.flatMap((worker) => ["--include", join(root, worker)]))
    .concat("-o", join(folder, `${name}-${target}`), join(root, "mod.ts"));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0) throw new Error(`Cannot compile ${name}: ${said}`);
  return said;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: "string", default: Deno.build.target },
      output: { type: "string", short: "o", default: join(ROOT, "dist") },
    },
  });
  for (const program of programsNamed(positionals)) {
    const said = await compile(program, { target: values.target, folder: values.output });
    await Deno.stdout.write(new TextEncoder().encode(`${said}\n`));
  }
}
