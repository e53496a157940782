/**
 * Files of pages: an explicit list, read from where the code itself comes from.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Files by the path at which they are served: where each lies, or its text. */
export type AssetList = Readonly<Record<string, URL | string>>;

/** A file of a page. */
export interface Asset {
  /** What it holds. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its media type. */
  readonly type: string;
  /** Changes with its contents. */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** Media type of a path; the site's root is a page. */
export function typeOf(path: string): string {
  const extension = path.endsWith("/") ? "html" : path.slice(path.lastIndexOf(".") + 1);
  return TYPES[extension] ?? "application/octet-stream";
}

/**
 * Reads a file that lies beside the code: from disk, or from the registry that the code came from.
 *
 * @throws {Error} where it is not there
 */
export async function readAsset(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol === "file:") return await Deno.readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot read ${url}: the server answered ${response.status}`);
  return await response.bytes();
}

/** Files of a site, each read when it is first requested. */
export class Assets {
  readonly #list: AssetList;
  readonly #read = new Map<string, Promise<Asset>>();

  /** Takes the list; nothing else is served. */
  constructor(list: AssetList) {
    this.#list = list;
  }

  /** Whether there is a file at a path. */
  has(path: string): boolean {
    return Object.hasOwn(this.#list, path);
  }

  /** The file at a path that {@linkcode has} one. */
  async get(path: string): Promise<Asset> {
    const reading = this.#read.get(path) ?? this.#load(path);
    this.#read.set(path, reading);
    try {
      return await reading;
    } catch (error) {
      this.#read.delete(path);
      throw error;
    }
  }

  async #load(path: string): Promise<Asset> {
    const source = this.#list[path]!;
    const bytes = source instanceof URL
      ? await readAsset(source)
      : new TextEncoder().encode(source);
    const etag = `"${createHash("sha256").update(bytes).digest("base64url")}"`;
    return { bytes, type: typeOf(path), etag };
  }
}

/** The response to a request for a file. */
export function assetResponse({ bytes, type, etag }: Asset, headers: Headers): Response {
  const shared = { "cache-control": "no-cache", etag };
  if (headers.get("if-none-match") === etag) {
    return new Response(null, { status: 304, headers: shared });
  }
  const length = String(bytes.length);
  return new Response(bytes, {
    headers: { ...shared, "content-type": type, "content-length": length },
  });
}
