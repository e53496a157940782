/**
 * Builds all programs for this machine, by `deno compile` and, where there is a shell, as
 * self-extracting files, runs each in an empty folder, and compares what it does with the command
 * run from source: `deno run -A release/programs/verify.ts [FOLDER]`. Needs the network and ffmpeg.
 *
 * @module
 */
import { join } from "node:path";
import { compile } from "./compile.ts";
import { type Program, PROGRAMS, ROOT } from "./programs.ts";
import { buildSingleFiles } from "./single_file.ts";
import { compareWithSource, runnerOf } from "./smoke.ts";

const folder = Deno.args[0] ?? join(ROOT, "dist");

async function verify(program: Program, path: string): Promise<void> {
  await compareWithSource(program, runnerOf([path]));
  const { size } = await Deno.stat(path);
  const line = `${path}: ${(size / 1e6).toFixed(1)} MB, as from source\n`;
  await Deno.stdout.write(new TextEncoder().encode(line));
}

for (const program of PROGRAMS) {
  await compile(program, { folder });
  const ending = Deno.build.os === "windows" ? ".exe" : "";
  await verify(program, join(folder, `${program.name}-${Deno.build.target}${ending}`));
}
if (Deno.build.os !== "windows") {
  const paths = await buildSingleFiles(PROGRAMS, folder);
  for (const [number, path] of paths.entries()) await verify(PROGRAMS[number]!, path);
}
