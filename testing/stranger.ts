/**
 * A stranger: somebody who has Deno and nothing else. Every process gets a home and a cache that
 * were empty at the beginning, no programs on its path, a working folder outside the workspace,
 * and packages from a registry of the test.
 *
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Registry } from "./registry.ts";

/** What of this machine's settings a stranger must not inherit. */
const OURS = /^(VCS_|HF_|TORCH_|ENCODERS_|DENO_|XDG_|CI$|LOCALAPPDATA$)/;

/** Settings of a process. */
export interface StrangerOptions {
  /** Working folder, below the stranger's. Default: an empty one. */
  readonly folder?: string;
  /** Program in place of this Deno. */
  readonly program?: string;
  /** More environment variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Somebody who has Deno and nothing else. */
export class Stranger implements AsyncDisposable {
  /** All that they have. */
  readonly home: string;
  readonly #registry: Registry;
  #network: Readonly<Record<string, string>> = {};

  private constructor(home: string, registry: Registry) {
    this.home = home;
    this.#registry = registry;
  }

  /** Somebody who gets packages from a registry. */
  static async meet(registry: Registry): Promise<Stranger> {
    return new Stranger(await Deno.makeTempDir({ prefix: "vcs-stranger-" }), registry);
  }

  /** From now on every way out leads to the registry, which refuses and counts. */
  switchOffNetwork(): void {
    const { url } = this.#registry;
    this.#registry.switchOff();
    const names = ["NPM_CONFIG_REGISTRY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    const both = names.flatMap((name) => [name, name.toLowerCase()]);
    this.#network = Object.fromEntries(both.map((name) => [name, url]));
  }

  /** Path of something of theirs. */
  path(...parts: string[]): string {
    return join(this.home, ...parts);
  }

  /** Writes files, by their paths below the stranger's home. */
  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [path, data] of Object.entries(files)) {
      await mkdir(dirname(this.path(path)), { recursive: true });
      await writeFile(this.path(path), data);
    }
  }

  /**
   * Runs Deno to its end, and gives what it wrote to stdout.
   *
   * @throws {Error} where it fails, with what it wrote to stderr
   */
  async deno(
    args: readonly string[],
    { folder = "empty", program = Deno.execPath(), env }: StrangerOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    await mkdir(this.path(folder), { recursive: true });
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      cwd: this.path(folder),
      clearEnv: true,
      env: { ...this.#environment(), ...env },
      stdin: "null",
    }).output();
    if (code === 0) return stdout;
    const said = new TextDecoder().decode(stderr);
    throw new Error(`deno ${args.join(" ")} in ${folder} ended with ${code}: ${said}`);
  }

  #environment(): Record<string, string> {
    const inherited = Object.entries(Deno.env.toObject()).filter(([name]) => !OURS.test(name));
    return {
      ...Object.fromEntries(inherited),
      ...{ HOME: this.home, USERPROFILE: this.home, PATH: this.path("no-programs") },
      ...{ DENO_DIR: this.path("deno"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      ...{ JSR_URL: this.#registry.url, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" },
      ...this.#network,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.home, { recursive: true });
  }
}
