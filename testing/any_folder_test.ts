/**
 * Every command in a folder of a user's own, with a `package.json` and each way of keeping
 * `node_modules`: they need none, and without a network the parts that are here serve.
 */
import { encodePng } from "@vcs/media/image";
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { clipPath, speechPath } from "../apps/demo/media.ts";
import { exportsOf, PACKAGES, ROOT } from "./house.ts";
import { PARTS_HERE } from "./parts_here.ts";

/** The packages by their names in the registry, as files. */
async function importMap(): Promise<Record<string, string>> {
  const imports: Record<string, string> = {};
  for (const name of PACKAGES) {
    for (const [path, file] of Object.entries(await exportsOf(name))) {
      const url = pathToFileURL(join(ROOT, "packages", name, file));
      imports[`@vcs/${name}${path.slice(1)}`] = url.href;
    }
  }
  return imports;
}

/** A program that runs one of our commands. */
async function writeProgram(folder: string, name: string, exported: string): Promise<void> {
  const url = pathToFileURL(join(ROOT, "packages", name, "command/command.ts"));
  await Deno.writeTextFile(
    join(folder, `${name}.ts`),
    `import { runCommand } from "@vcs/transport/internal";
     import { ${exported} } from "${url}";
     await runCommand(${exported});`,
  );
}

/** A user's folder: their configuration, programs, a film, a sentence and a still. */
async function makeFolder(config: Record<string, unknown>): Promise<string> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const packageJson = JSON.stringify({ name: "theirs", type: "commonjs", dependencies: {} });
  await Deno.writeTextFile(join(folder, "package.json"), packageJson);
  const denoJson = JSON.stringify({ ...config, imports: await importMap() });
  await Deno.writeTextFile(join(folder, "deno.json"), denoJson);
  await writeProgram(folder, "encodec-stream", "encodecStream");
  await writeProgram(folder, "clip-drift", "clipDrift");
  await writeProgram(folder, "video-vq", "videoVq");
  await writeProgram(folder, "patch-stream", "patchStreamCommand");
  await cp(await clipPath(), join(folder, "clip.mp4"));
  await cp(await speechPath(), join(folder, "speech.flac"));
  const still = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(90) };
  await Deno.writeFile(join(folder, "still.png"), await encodePng(still));
  return folder;
}

/** Runs a program of the folder with an empty cache and no registry; gives what it wrote. */
async function run(folder: string, name: string, ...args: string[]): Promise<Uint8Array> {
  const env = {
    ...{ ...PARTS_HERE, VCS_CACHE: join(folder, "cache"), VCS_OFFLINE: "1", NO_COLOR: "1" },
    ...{ NPM_CONFIG_REGISTRY: "http://127.0.0.1:9", HF_HOME: folder, TORCH_HOME: folder },
  };
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--cached-only", `${name}.ts`, ...args],
    ...{ cwd: folder, env },
  }).output();
  assert.equal(code, 0, `${name} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

for (const config of [{}, { nodeModulesDir: "auto" }, { nodeModulesDir: "manual" }]) {
  Deno.test(`commands run in a folder with package.json and ${JSON.stringify(config)}`, async () => {
    const folder = await makeFolder(config);
    try {
      await run(folder, "encodec-stream", "-e", "out.ecdc", "--input", "speech.flac", "-b", "1.5");
      assert.ok((await run(folder, "encodec-stream", "-d", "out.ecdc")).length > 100_000);
      const report = await run(
        folder,
        "clip-drift",
        "-s",
        "still.png",
        "--no-save",
        "--no-display",
      );
      assert.match(new TextDecoder().decode(report), /^Total frames: 1$/m);
      await run(folder, "video-vq", "encode", "clip.mp4", "file:tokens", "--model", "vq-tiny");
      await run(folder, "patch-stream", "clip.mp4", "--process-threads", "2");
      const { isFile } = await Deno.stat(join(folder, "package.json"));
      assert.ok(isFile);
      await assert.rejects(Deno.stat(join(folder, "node_modules")), Deno.errors.NotFound);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
