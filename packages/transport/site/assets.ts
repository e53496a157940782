/**
 * Files of pages: an explicit list of texts.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";

/** Texts of files by the path at which they are served. */
export type AssetList = Readonly<Record<string, string>>;

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

/** Files of a site, each made when it is first requested. */
export class Assets {
  readonly #list: AssetList;
  readonly #made = new Map<string, Asset>();

  /** Takes the list; nothing else is served. */
  constructor(list: AssetList) {
    this.#list = list;
  }

  /** The file at a path, or undefined where there is none. */
  get(path: string): Asset | undefined {
    if (!Object.hasOwn(this.#list, path)) return undefined;
    const asset = this.#made.get(path) ?? assetOf(path, this.#list[path]!);
    this.#made.set(path, asset);
    return asset;
  }
}

function assetOf(path: string, text: string): Asset {
  const bytes = new TextEncoder().encode(text);
  const etag = `"${builtin("node:crypto").createHash("sha256").update(bytes).digest("base64url")}"`;
  return { bytes, type: typeOf(path), etag };
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
