/**
 * Builds programs as self-extracting files for this machine's platform:
 * `deno task single-file [NAME…] [-o FOLDER]`. Each is one executable file with the runtime, the
 * native libraries and the weights; it needs `sh`, `tail`, `tar` and `gzip`.
 *
 * @module
 */
import { megabytes } from "@vcs/transport/internal";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import {
  type BroughtFile,
  fileOfModel,
  filesOfPart,
  type Program,
  programsNamed,
  ROOT,
  versionOf,
} from "./programs.ts";
import { selfExtracting } from "./stub.ts";
import { archiveEnd, archivePart, type TarFile } from "./tar.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** This platform, as it stands in file names. */
export const PLATFORM = `${Deno.build.os}-${Deno.build.arch}`;

async function tarFile({ path, source }: BroughtFile, executable = false): Promise<TarFile> {
  return { path, bytes: await Deno.readFile(source), executable };
}

/** Compresses what is asked for once, however many programs hold it. */
class Archive {
  readonly #members = new Map<string, Promise<Bytes>>();

  /** Files as a member of the archive. */
  member(key: string, files: () => Promise<BroughtFile[]>, executable = false): Promise<Bytes> {
    const make = async () => {
      const found = await files();
      return await archivePart(await Promise.all(found.map((file) => tarFile(file, executable))));
    };
    const member = this.#members.get(key) ?? make();
    this.#members.set(key, member);
    return member;
  }
}

/** One module with all that it imports. */
async function bundle(path: string, inArchive: string): Promise<TarFile> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "bundle.js");
    const args = ["bundle", "--quiet", "--minify", "--platform", "deno", "-o", file, path];
    const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null" })
      .output();
    if (code !== 0) throw new Error(`Cannot bundle ${path}: deno bundle ended with ${code}`);
    return { path: inArchive, bytes: await Deno.readFile(file) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The program's own modules: the main one and those that it starts as workers. */
async function modules({ name, workers = [] }: Program): Promise<TarFile[]> {
  const folder = join("packages", name);
  return await Promise.all([
    bundle(join(folder, "mod.ts"), "main.js"),
    ...workers.map((worker) => bundle(join(folder, worker), basename(worker))),
  ]);
}

/** A program's archive, as members of a gzip file. */
async function payload(program: Program, archive: Archive): Promise<Bytes[]> {
  const runtime = () => Promise.resolve([{ path: "deno/deno", source: Deno.execPath() }]);
  const inParts = (files: BroughtFile[]) =>
    files.map(({ path, source }) => ({ path: `parts/${path}`, source }));
  const parts = program.parts.map((part) =>
    archive.member(part.name, async () => inParts(await filesOfPart(part)))
  );
  const models = program.models.map((model) =>
    archive.member(model.name, () => Promise.resolve(inParts([fileOfModel(model)])))
  );
  const complete = archivePart([{ path: "complete", bytes: new Uint8Array() }]);
  return await Promise.all([
    archive.member("deno", runtime, true),
    ...parts,
    ...models,
    modules(program).then(archivePart),
    complete,
    archiveEnd(),
  ]);
}

/** Builds programs into a folder; gives their paths. */
export async function buildSingleFiles(
  programs: readonly Program[],
  folder: string,
): Promise<string[]> {
  await Deno.mkdir(folder, { recursive: true });
  const archive = new Archive();
  const paths: string[] = [];
  for (const program of programs) {
    const bytes = await selfExtracting({
      name: program.name,
      version: await versionOf(program),
      platform: PLATFORM,
      payload: await payload(program, archive),
    });
    const path = join(folder, `${program.name}-${PLATFORM}`);
    await Deno.writeFile(path, bytes, { mode: 0o755 });
    paths.push(path);
  }
  return paths;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { output: { type: "string", short: "o", default: join(ROOT, "dist") } },
  });
  for (const path of await buildSingleFiles(programsNamed(positionals), values.output)) {
    const { size } = await Deno.stat(path);
    await Deno.stdout.write(new TextEncoder().encode(`${path} (${megabytes(size)})\n`));
  }
}
