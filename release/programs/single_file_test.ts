/**
 * The four programs as self-extracting files: built, moved to an empty folder, and run without a
 * network, without Deno or Node in reach, by an empty home.
 */
import assert from "node:assert/strict";
import { hasPrograms } from "#testing/shared.ts";
import { join } from "node:path";
import { PROGRAMS } from "./programs.ts";
import { buildSingleFiles } from "./single_file.ts";
import { compareWithSource, runnerOf } from "./smoke.ts";

/** Programs of the system that a file needs, and those that the jobs do. */
const TOOLS = [
  "sh",
  "tail",
  "tar",
  "gzip",
  "mkdir",
  "rm",
  "mv",
  "id",
  "chmod",
  "ffmpeg",
  "ffprobe",
];

/** A folder with these programs and no others. */
async function toolFolder(folder: string): Promise<string> {
  const tools = join(folder, "tools");
  await Deno.mkdir(tools);
  for (const tool of TOOLS) {
    const { stdout } = await new Deno.Command("which", { args: [tool] }).output();
    await Deno.symlink(new TextDecoder().decode(stdout).trim(), join(tools, tool));
  }
  return tools;
}

/** A port that refuses to serve, and counts who asks. */
function refusingProxy(): Deno.TcpListener & { readonly count: () => number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let asked = 0;
  void (async () => {
    for await (const connection of listener) {
      asked++;
      connection.close();
    }
  })();
  return Object.assign(listener, { count: () => asked });
}

/** An environment from which nothing can be reached but the proxy. */
function withoutNetwork(port: number, folder: string, tools: string): Record<string, string> {
  const proxy = `http://127.0.0.1:${port}`;
  return {
    PATH: tools,
    HOME: join(folder, "home"),
    TMPDIR: join(folder, "temporary"),
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    JSR_URL: proxy,
    NPM_CONFIG_REGISTRY: proxy,
  };
}

/** As a user who may write nowhere but in the temporary folder: said, and done there. */
async function asStranger(file: string, env: Record<string, string>): Promise<void> {
  const isRoot = Deno.uid() === 0;
  const { code, stdout, stderr } = await new Deno.Command(file, {
    ...{ args: ["--version"], env, clearEnv: true, stdout: "piped", stderr: "piped" },
    ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.equal(code, 0, said);
  assert.match(said, /cannot be written to, so .*vcs-programs-\d+ is used; set VCS_CACHE/);
  assert.match(new TextDecoder().decode(stdout), / \d+\.\d+\.\d+/);
}

const ready = Deno.build.os === "linux" && hasPrograms("ffmpeg", "ffprobe", "tar", "gzip");

Deno.test({
  name: "each program is one file that runs in an empty folder without network, as from source",
  ignore: !ready,
}, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "single file" });
  const proxy = refusingProxy();
  try {
    for (const name of ["home", "temporary"]) await Deno.mkdir(join(folder, name));
    for (const path of [folder, join(folder, "temporary")]) await Deno.chmod(path, 0o777);
    const files = await buildSingleFiles(PROGRAMS, join(folder, "some where"));
    const env = withoutNetwork(proxy.addr.port, folder, await toolFolder(folder));
    for (const [number, program] of PROGRAMS.entries()) {
      const { name } = program;
      await t.step(name, async () => {
        const file = files[number]!;
        const { size } = await Deno.stat(file);
        assert.ok(size <= 75e6, `${name} has ${size} bytes`);
        await compareWithSource(program, runnerOf([file], env, true));
        await asStranger(file, { ...env, HOME: "/nonexistent" });
      });
    }
    assert.equal(proxy.count(), 0, "nobody asked for anything");
  } finally {
    proxy.close();
    await Deno.remove(folder, { recursive: true });
  }
});
