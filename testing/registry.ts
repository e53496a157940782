/**
 * A registry of JSR's form on 127.0.0.1: it takes what `deno publish` really sends (imports
 * rewritten, files excluded), refuses what JSR refuses, and serves the rest from memory. It counts
 * requests and can be switched off, after which it refuses every request at the same address.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { filesBelow, ROOT } from "./house.ts";

/** Bytes that JSR takes at most, for a file and for all files of a version. */
export const LIMIT: number = 20 * 1024 * 1024;

/** Files of a published version by their path, which begins with a slash. */
export type PublishedFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What is after a tar entry's header. */
interface TarEntry {
  readonly kind: string;
  readonly name: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

const decoder = new TextDecoder();

/** A text field of a tar header, which ends at its first zero. */
function field(header: Uint8Array, from: number, length: number): string {
  return decoder.decode(header.subarray(from, from + length)).replace(/\0[^]*$/, "");
}

/** Entries of a ustar archive. */
function* tarEntries(tar: Uint8Array<ArrayBuffer>): Generator<TarEntry> {
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const header = tar.subarray(at, at + 512);
    const size = parseInt(field(header, 124, 12).trim() || "0", 8);
    const prefix = field(header, 345, 155);
    const name = (prefix === "" ? "" : `${prefix}/`) + field(header, 0, 100);
    yield { kind: field(header, 156, 1), name, body: tar.slice(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** Files of an archive, with GNU's and pax's long names. */
function untar(tar: Uint8Array<ArrayBuffer>): PublishedFiles {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let long: string | undefined;
  for (const { kind, name, body } of tarEntries(tar)) {
    if (kind === "L") long = field(body, 0, body.length);
    else if (kind === "x") long = /\d+ path=(.*)\n/.exec(decoder.decode(body))?.[1];
    else {
      if (kind === "0" || kind === "") files.set(`/${(long ?? name).replace(/^\.?\//, "")}`, body);
      long = undefined;
    }
  }
  return files;
}

/** The code of a module without its comments. */
export function codeOf(bytes: Uint8Array): string {
  return decoder.decode(bytes).replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "");
}

/** Import attributes of a module, as `text` of `with { type: "text" }`. */
export function importTypes(source: string): string[] {
  return [...source.matchAll(/\bwith:?\s*\{\s*type:\s*["'](\w+)["']/g)].map((match) => match[1]!);
}

/** Specifiers of other registries and hosts that a module names, in any string of its code. */
export function foreignSpecifiers(source: string): string[] {
  return [...source.matchAll(/["'`]((?:npm|jsr):[@/\w][^"'`\s]*)["'`]/g)].map((match) => match[1]!);
}

/** Whether a file is a module whose imports the registry reads. */
export function isModule(path: string): boolean {
  return /\.(ts|tsx|js|mjs)$/.test(path);
}

/** What the registry has against a file, or undefined. */
function objection(path: string, bytes: Uint8Array<ArrayBuffer>): string | undefined {
  if (path.length > 160) return "the path is longer than 160 characters";
  if (!/^[\w@$!%&()+,\-./=[\]^{}~]+$/.test(path)) return "the path has characters that are refused";
  if (bytes.length > LIMIT) return `the file has ${bytes.length} bytes`;
  if (!isModule(path)) return undefined;
  const type = importTypes(codeOf(bytes)).find((type) => type !== "json");
  return type && `the import attribute type: "${type}" is refused`;
}

/** What the registry has against a version, or undefined. */
export function refusal(files: PublishedFiles): string | undefined {
  const total = files.values().reduce((sum, { length }) => sum + length, 0);
  if (total > LIMIT) return `${total} bytes in all, expected at most ${LIMIT}`;
  if (!files.has("/deno.json")) return "there is no /deno.json";
  for (const [path, bytes] of files) {
    const reason = objection(path, bytes);
    if (reason !== undefined) return `${path}: ${reason}`;
  }
  return undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  ts: "text/typescript",
  js: "text/javascript",
  json: "application/json",
  md: "text/markdown",
};

const NOT_FOUND = () => new Response(null, { status: 404 });

/** What a client resolves a version's files by: their sizes, digests and import paths. */
function versionMeta(files: PublishedFiles): Response {
  const manifest = Object.fromEntries([...files].map(([path, bytes]) => {
    const checksum = `sha256-${createHash("sha256").update(bytes).digest("hex")}`;
    return [path, { size: bytes.length, checksum }];
  }));
  const { exports } = JSON.parse(decoder.decode(files.get("/deno.json")));
  return Response.json({
    manifest,
    exports: typeof exports === "string" ? { ".": exports } : exports,
  });
}

function fileResponse(files: PublishedFiles, path: string): Response {
  const bytes = files.get(path);
  if (bytes === undefined) return NOT_FOUND();
  const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return new Response(bytes, { headers: { "content-type": type } });
}

/** The registry. Close it with `await using`. */
export class Registry implements AsyncDisposable {
  /** Published files by the package's name with its version, as `@vcs/onnx@0.1.0`. */
  readonly published: Map<string, PublishedFiles> = new Map();
  /** Paths that were requested since it was opened or switched off. */
  readonly requests: string[] = [];
  #refuses = false;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts to listen on a free port of 127.0.0.1. */
  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Its URL, for `JSR_URL`. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** From now on every request is refused; {@linkcode requests} holds them alone. */
  switchOff(): void {
    this.#refuses = true;
    this.requests.length = 0;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, host } = new URL(request.url);
    this.requests.push(`${request.method} ${host}${pathname}`);
    if (this.#refuses) return new Response("The registry is switched off", { status: 503 });
    return pathname.startsWith("/api/")
      ? await this.#publishing(request, pathname)
      : this.#serve(pathname);
  }

  /** The part of the API that `deno publish` calls. */
  async #publishing(request: Request, pathname: string): Promise<Response> {
    const [, scope, name, version] =
      /^\/api\/scopes\/([^/]+)\/packages\/([^/]+)\/versions\/([^/]+)$/.exec(pathname) ?? [];
    if (version === undefined) {
      const isStatus = pathname.startsWith("/api/publish_status/");
      return Response.json(isStatus ? { id: "1", status: "success", error: null } : {});
    }
    if (request.method !== "POST") {
      return Response.json({ code: "notFound", message: "Not published yet" }, { status: 404 });
    }
    const unzipped = request.body!.pipeThrough(new DecompressionStream("gzip"));
    const files = untar(await new Response(unzipped).bytes());
    const message = refusal(files);
    if (message !== undefined) {
      return Response.json({ id: "1", status: "failure", error: { code: "refused", message } });
    }
    this.published.set(`@${scope}/${name}@${version}`, files);
    return Response.json({ id: "1", status: "success", error: null });
  }

  #serve(pathname: string): Response {
    const [, name, rest] = /^\/(@[^/]+\/[^/]+)\/(.+)$/.exec(pathname) ?? [];
    const versions = [...this.published.keys()].filter((key) => key.startsWith(`${name}@`))
      .map((key) => key.slice(key.lastIndexOf("@") + 1));
    if (name === undefined || rest === undefined || versions.length === 0) return NOT_FOUND();
    if (rest === "meta.json") {
      const listed = Object.fromEntries(versions.map((version) => [version, {}]));
      return Response.json({ latest: versions.at(-1), versions: listed });
    }
    const [, version, path] = /^([^/]+?)(_meta\.json|\/.+)$/.exec(rest) ?? [];
    const files = this.published.get(`${name}@${version}`);
    if (files === undefined || path === undefined) return NOT_FOUND();
    return path === "_meta.json" ? versionMeta(files) : fileResponse(files, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Copies what `deno publish` needs to a folder, so that it neither sees nor changes anything else. */
async function copyWorkspace(folder: string): Promise<void> {
  const top = ["deno.json", "deno.lock", ".gitignore"];
  for (const path of [...top, ...await filesBelow("packages"), ...await filesBelow("apps")]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(ROOT, path), join(folder, path));
  }
}

/**
 * Publishes all packages of the workspace.
 *
 * @throws {Error} where the registry or `deno publish` refuses one, with what it wrote
 */
export async function publishAll({ url }: Registry): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vcs-publish-" });
  try {
    await copyWorkspace(folder);
    // Types are checked by the gate's dry run.
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["publish", "--token", "x", "--allow-dirty", "--no-provenance", "--no-check"],
      cwd: folder,
      env: { JSR_URL: url, NO_COLOR: "1", NO_PROXY: "127.0.0.1" },
    }).output();
    if (!success) throw new Error(decoder.decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
