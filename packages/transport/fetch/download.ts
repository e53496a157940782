/**
 * Downloads of large files: to a temporary name beside the target, resumed where they broke off,
 * verified, then renamed, so that a file under its own name is complete and right. Servers that
 * stall, cut off, ignore ranges, lie about lengths or send other bytes or a web page end in a retry
 * or a clear error, never in a wrong file. Where neither a length nor a hash is known and only the
 * closed connection shows the end, that is no file.
 *
 * @example A file from a server of our own
 * ```ts
 * import { download } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * await using server = Deno.serve({ port: 0, onListen() {} }, () => new Response("weights"));
 * const folder = await Deno.makeTempDir();
 * await download(`http://127.0.0.1:${server.addr.port}/w`, `${folder}/w`, { size: 7 });
 * assert.equal(await Deno.readTextFile(`${folder}/w`), "weights");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */
import type { Hash } from "node:crypto";
import { builtin } from "../io/builtin.ts";
import { dirname } from "node:path";
import { TransportError } from "../errors.ts";
import { systemClock } from "../flow/clock.ts";
import { isFile } from "../io/files.ts";
import { writeAll } from "../io/write_all.ts";
import { IdleRequest, type RequestOptions, retryTransient, TransientError } from "./requests.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes on disk. */
  readonly received: number;
  /** Bytes of the whole file, where that is known. */
  readonly total: number | undefined;
}

/** Settings of a download. `signal` ends it; what has arrived stays for the next one. */
export interface DownloadOptions extends RequestOptions {
  /** SHA-256 of the file in hexadecimal, or its first digits. */
  sha256?: string;
  /** Hash of the file as package registries write it: `sha512-` or `sha256-` and base64. */
  integrity?: string;
  /** Bytes of the file. */
  size?: number;
  /** Whether `size` and the hash are those of the first bytes of a longer file. Default: false. */
  isPrefix?: boolean;
  /** Headers of the requests; `authorization` is not sent on to other hosts. */
  headers?: { readonly [name: string]: string };
  /** Called as bytes arrive. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Called with the path of the right file, just before it gets its name. */
  onComplete?: (part: string) => Promise<void>;
}

/** A file that is being downloaded. */
class Download {
  readonly #url: string;
  readonly #path: string;
  readonly #options: DownloadOptions;
  #file!: Deno.FsFile;
  #received = 0;
  #total: number | undefined;
  #validator = "";
  /** Whether the end of the body shows that all of it came. */
  #showsEnd = false;

  constructor(url: string, path: string, options: DownloadOptions) {
    this.#url = url;
    this.#path = path;
    this.#options = options;
    this.#total = options.size;
  }

  get #part(): string {
    return `${this.#path}.part`;
  }

  /** Downloads until the file is complete, verifies it and gives it its name. */
  async run(): Promise<void> {
    await Deno.mkdir(dirname(this.#path), { recursive: true });
    using file = await Deno.open(this.#part, { read: true, write: true, create: true });
    this.#file = file;
    // Another process may be at it: wait, and find its work done.
    while (!await file.tryLock(true)) await systemClock.sleep(100, this.#options.signal);
    if (await isFile(this.#path)) return await removeIfThere(this.#part);
    this.#received = (await file.stat()).size;
    this.#validator = await Deno.readTextFile(`${this.#part}.tag`).catch(() => "");
    await this.#fetchRight(this.#received > 0);
    await file.syncData();
    // Elsewhere the lock is held until the file has its name; Windows renames only closed files.
    if (Deno.build.os === "windows") file.close();
    await this.#options.onComplete?.(this.#part);
    await Deno.rename(this.#part, this.#path);
    await removeIfThere(`${this.#part}.tag`);
  }

  /** Fetches and verifies; once more from the start where an earlier attempt's bytes did not fit. */
  async #fetchRight(resumed: boolean): Promise<void> {
    await this.#fetchAll();
    const fault = await this.#findFault();
    if (fault === undefined) return;
    await this.#restart();
    if (!resumed) throw fault;
    await this.#fetchRight(false);
  }

  /** Tries again until the file is complete or nothing more comes. */
  async #fetchAll(): Promise<void> {
    try {
      await retryTransient(() => this.#fetchRest(), this.#options, () => this.#received);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      throw this.#failure(error.message);
    }
  }

  /** Asks for what is missing, if anything is; what goes wrong after the last byte is not a fault. */
  async #fetchRest(): Promise<void> {
    if (this.#isComplete()) return;
    try {
      await this.#request();
    } catch (error) {
      if (!(error instanceof TransientError && this.#isComplete())) throw error;
    }
  }

  #isComplete(): boolean {
    return this.#total !== undefined && this.#received === this.#total;
  }

  /** One request: for the whole file, or for what is missing of it. */
  async #request(): Promise<void> {
    using request = new IdleRequest(this.#options);
    // Nothing would show that the rest is of the same file.
    if (!this.#validator && promisedHash(this.#options) === undefined) await this.#restart();
    const headers = new Headers(this.#options.headers);
    // What is packed on the way comes without its length.
    headers.set("accept-encoding", "identity");
    const { isPrefix = false, size = 0 } = this.#options;
    if (this.#received > 0 || isPrefix) {
      headers.set("range", `bytes=${this.#received}-${isPrefix ? size - 1 : ""}`);
    }
    if (this.#received > 0 && this.#validator) headers.set("if-range", this.#validator);
    const response = await request.fetch(this.#url, { headers });
    const body = response.body ?? new ReadableStream({ start: (c) => c.close() });
    try {
      await this.#accept(response);
    } catch (error) {
      await body.cancel().catch(() => {});
      throw error;
    }
    await this.#append(body, request);
  }

  /** Reads the head of a response: where its bytes belong and how many there will be. */
  async #accept(response: Response): Promise<void> {
    const { status } = response;
    if (status === 416 && this.#received > 0) {
      const complete = /^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
      if (Number(complete?.[1]) === this.#received) this.#total = this.#received;
      else await this.#restart();
      throw new TransientError("the server has nothing behind what has arrived");
    }
    if (status !== 200 && status !== 206) {
      throw this.#failure(`the server answered ${status} ${response.statusText}`);
    }
    if (isPage(response.headers) && promisedHash(this.#options) === undefined) {
      throw this.#failure(PAGE);
    }
    if (status === 200) await this.#restart();
    const range = status === 206 ? await this.#acceptPart(response) : undefined;
    await this.#expect(range ? range.total : contentLength(response));
    this.#showsEnd = !range && response.headers.get("transfer-encoding") === "chunked";
    this.#validator = strongValidator(response.headers);
    await Deno.writeTextFile(`${this.#part}.tag`, this.#validator);
  }

  /** Holds the head of a part against what was asked for. */
  async #acceptPart({ headers }: Response): Promise<ContentRange> {
    const range = contentRange(headers);
    const validator = strongValidator(headers);
    const { isPrefix = false } = this.#options;
    const isAsked = this.#received > 0 || isPrefix;
    const isOther = validator !== "" && this.#validator !== "" && validator !== this.#validator ||
      !isPrefix && (range?.total ?? this.#total) !== (this.#total ?? range?.total);
    if (range && isAsked && range.from === this.#received && !isOther) return range;
    await this.#restart();
    throw new TransientError(
      "the server answered with another range or file than the one asked for",
    );
  }

  /** Takes note of the length that the server promises. */
  async #expect(length: number | undefined): Promise<void> {
    if (length === undefined || Number.isNaN(length)) return;
    const { size, isPrefix = false } = this.#options;
    if (isPrefix && length > size!) return;
    if (size !== undefined && size !== length) {
      await this.#restart();
      throw this.#failure(`the server offers ${length} bytes, the file has ${size}`);
    }
    this.#total = length;
  }

  /** Writes a body's bytes behind those that are there. */
  async #append(body: ReadableStream<Uint8Array>, request: IdleRequest): Promise<void> {
    await this.#file.seek(this.#received, Deno.SeekMode.Start);
    const reader = body.getReader();
    try {
      while (true) {
        request.touch();
        const { done, value } = await reader.read().catch((error) => {
          throw request.fault(error, "the connection broke off: ");
        });
        if (done) break;
        await this.#write(value);
        if (this.#options.isPrefix && this.#isComplete()) break;
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
    if (this.#total === undefined && !this.#showsEnd && !promisedHash(this.#options)) {
      throw this.#failure("nothing says how long the file is, so this may be a part of it");
    }
    if (this.#total !== undefined && !this.#isComplete()) {
      throw new TransientError(
        `the connection ended after ${this.#received} of ${this.#total} bytes`,
      );
    }
  }

  async #write(received: Uint8Array): Promise<void> {
    const { onProgress, isPrefix, size } = this.#options;
    const bytes = isPrefix ? received.subarray(0, size! - this.#received) : received;
    if (this.#total !== undefined && this.#received + bytes.length > this.#total) {
      await this.#restart();
      throw this.#failure(`the server sent more than ${this.#total} bytes`);
    }
    await writeAll(this.#file, bytes);
    this.#received += bytes.length;
    onProgress?.({ received: this.#received, total: this.#total });
  }

  /** Drops what has arrived. */
  async #restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#received = 0;
    this.#validator = "";
    this.#total = this.#options.size;
  }

  /** Compares what has arrived with the size and SHA-256 that it must have. */
  async #findFault(): Promise<TransportError | undefined> {
    const { size, signal } = this.#options;
    if (size !== undefined && this.#received !== size) {
      return this.#failure(`${this.#received} bytes arrived, the file has ${size}`);
    }
    const wanted = promisedHash(this.#options);
    if (wanted === undefined) return await this.#beginsAsPage() ? this.#failure(PAGE) : undefined;
    // Through this very file: on Windows its lock keeps others from reading, this process included.
    await this.#file.seek(0, Deno.SeekMode.Start);
    const found = (await hashRest(this.#file, wanted.algorithm, signal)).digest(wanted.encoding);
    if (found.startsWith(wanted.digest)) return undefined;
    if (await this.#beginsAsPage()) return this.#failure(PAGE);
    const name = wanted.algorithm.replace("sha", "SHA-");
    return new TransportError(
      "checksum",
      `Cannot use what ${this.#url} sent: found ${name} ${found}, it must begin with ${wanted.digest}`,
    );
  }

  async #beginsAsPage(): Promise<boolean> {
    const bytes = new Uint8Array(Math.min(512, this.#received));
    await this.#file.seek(0, Deno.SeekMode.Start);
    const length = await this.#file.read(bytes) ?? 0;
    return /^\s*<(!doctype\s+html|html)\b/i.test(
      new TextDecoder().decode(bytes.subarray(0, length)),
    );
  }

  #failure(what: string): TransportError {
    return new TransportError("download-failed", `Cannot download ${this.#url}: ${what.trim()}`);
  }
}

/** What captive portals and moved files answer with 200. */
const PAGE = "a web page came in place of the file";

function isPage(headers: Headers): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get("content-type") ?? "");
}

/** Which bytes a part holds. */
export interface ContentRange {
  /** The first byte. */
  readonly from: number;
  /** Bytes of the whole file, where the server knows. */
  readonly total: number | undefined;
}

/** What `Content-Range` says, or undefined where it makes no sense. */
export function contentRange(headers: Headers): ContentRange | undefined {
  const text = headers.get("content-range") ?? "";
  const [, first, last, whole] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(text) ?? [];
  const [from, to, total] = [Number(first), Number(last), Number(whole)];
  const length = Number(headers.get("content-length") ?? to - from + 1);
  if (!(from <= to) || to >= total || length !== to - from + 1) return undefined;
  return { from, total: whole === "*" ? undefined : total };
}

function contentLength(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text === null || response.headers.has("content-encoding") ? undefined : Number(text);
}

/** A tag that names these very bytes, for `If-Range`; weak ones do not. */
export function strongValidator(headers: Headers): string {
  const tag = headers.get("etag");
  if (tag && !tag.startsWith("W/")) return tag;
  return tag ? "" : headers.get("last-modified") ?? "";
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
}

/** The hash that a file must have, or how it must begin. */
interface PromisedHash {
  readonly algorithm: string;
  readonly encoding: "hex" | "base64";
  readonly digest: string;
}

function promisedHash({ sha256, integrity = "" }: DownloadOptions): PromisedHash | undefined {
  const [, algorithm, digest] = /^(sha256|sha512)-(.+)$/.exec(integrity) ?? [];
  if (algorithm && digest) return { algorithm, encoding: "base64", digest };
  if (sha256 === undefined) return undefined;
  return { algorithm: "sha256", encoding: "hex", digest: sha256.toLowerCase() };
}

/** SHA-256 of a file in hexadecimal. */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  using file = await Deno.open(path);
  return (await hashRest(file, "sha256", signal)).digest("hex");
}

async function hashRest(file: Deno.FsFile, algorithm: string, signal?: AbortSignal): Promise<Hash> {
  const hash: Hash = builtin("node:crypto").createHash(algorithm);
  const buffer = new Uint8Array(1 << 20);
  for (let n = await file.read(buffer); n !== null; n = await file.read(buffer)) {
    signal?.throwIfAborted();
    hash.update(buffer.subarray(0, n));
  }
  return hash;
}

/**
 * Downloads a file to a path, resuming what an earlier attempt left at `<path>.part`. A file that is
 * there already is left as it is.
 *
 * @throws {TransportError} `download-failed` where the server refuses, or nothing comes after several
 * attempts; `checksum` where the bytes are not those of the checksum.
 */
export async function download(
  url: string,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  if (await isFile(path)) return;
  await new Download(url, path, options).run();
}
