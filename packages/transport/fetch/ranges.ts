/**
 * A file on a web server, or an object in a bucket, read by ranges: each answer is held against what
 * was asked for, so that bytes of another place or of another version of the file never count.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { contentRange, strongValidator } from "./download.ts";
import { IdleRequest, type RequestOptions, retryTransient, TransientError } from "./requests.ts";

/** A file elsewhere of which parts can be asked for. */
export interface RemoteFile {
  /** Its address. */
  readonly url: string;
  /** Number of bytes. */
  readonly size: number;
  /** What tells this version of it from others. */
  readonly tag: string;
  /** Bytes that came so far. */
  readonly received: number;
  /** Ranges asked for so far, each attempt of its own on web servers. */
  readonly requests: number;
  /**
   * Reads from `start` to before `end`, which lie within the file.
   *
   * @throws {TransportError} `download-failed` where the server refuses, answers with other bytes or
   * another version, or nothing comes after several attempts
   */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes asked for to learn whether a server sends ranges; headers of files lie there, too. */
const FIRST_BYTES = 16 * 1024;

/**
 * Opens a file at an `http:`, `https:` or `s3:` address; undefined where a web server does not send ranges of it,
 * or does not say which version of the file they are of.
 *
 * @throws {TransportError} `missing` for an object that is not there, `refused` by a store,
 * `download-failed` where nothing comes after several attempts
 */
export async function openRemote(
  url: string,
  options: RequestOptions = {},
): Promise<RemoteFile | undefined> {
  if (!/^s3:/i.test(url)) return await HttpFile.open(url, options);
  return await (await import("../s3/remote.ts")).openObject(url, options);
}

/** What the answer to a range says of the file. */
interface Version {
  readonly size: number;
  readonly tag: string;
}

class HttpFile implements RemoteFile {
  readonly url: string;
  readonly #options: RequestOptions;
  #version: Version | undefined;
  #first: Uint8Array<ArrayBuffer> = new Uint8Array();
  received = 0;
  requests = 0;

  constructor(url: string, options: RequestOptions) {
    this.url = url;
    this.#options = options;
  }

  static async open(url: string, options: RequestOptions): Promise<HttpFile | undefined> {
    const file = new HttpFile(url, options);
    const first = await file.#retried(0, FIRST_BYTES, options.signal);
    if (first === undefined) return undefined;
    file.#first = first;
    return file;
  }

  get size(): number {
    return this.#version?.size ?? 0;
  }

  get tag(): string {
    return this.#version?.tag ?? "";
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    if (end <= this.#first.length) return this.#first.slice(start, end);
    const bytes = await this.#retried(start, end, signal);
    if (bytes !== undefined) return bytes;
    throw this.#failure("it changed while it was read, or its server sends no ranges any more");
  }

  async #retried(
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { signal: _, ...rest } = this.#options;
    const options = { ...rest, ...(signal && { signal }) };
    try {
      return await retryTransient(() => this.#attempt(start, end, options), options);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      throw this.#failure(error.message);
    }
  }

  /** One request; undefined where the answer is no range of this version. */
  async #attempt(
    start: number,
    end: number,
    options: RequestOptions,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    using request = new IdleRequest(options);
    this.requests++;
    const { tag } = this;
    const headers = new Headers({ range: `bytes=${start}-${end - 1}` });
    headers.set("accept-encoding", "identity");
    if (tag !== "") headers.set("if-range", tag);
    const response = await request.fetch(this.url, { headers });
    try {
      if (tag !== "" && !response.ok) throw this.#failure(`its server answers ${response.status}`);
      const version = versionOf(response, start);
      if (version === undefined || !this.#isSame(version)) return undefined;
      const bytes = await this.#body(response, Math.min(end, version.size) - start, request);
      this.#version ??= version;
      return bytes;
    } finally {
      await response.body?.cancel().catch(() => {});
    }
  }

  #isSame({ size, tag }: Version): boolean {
    return this.#version === undefined || (size === this.size && tag === this.tag);
  }

  async #body(
    response: Response,
    length: number,
    request: IdleRequest,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    let at = 0;
    const reader = response.body!.getReader();
    try {
      for (;;) {
        request.touch();
        const { done, value } = await reader.read().catch((error) => {
          throw request.fault(error, "the connection broke off: ");
        });
        if (done) break;
        this.received += value.length;
        if (at + value.length > length) throw this.#failure("more came than was asked for");
        bytes.set(value, at);
        at += value.length;
      }
    } finally {
      reader.releaseLock();
    }
    if (at === length) return bytes;
    throw new TransientError(`the connection ended after ${at} of ${length} bytes`);
  }

  #failure(what: string): TransportError {
    return new TransportError("download-failed", `Cannot read ranges of ${this.url}: ${what}`);
  }
}

/** What an answer says of the file; undefined where it is no part from that place on. */
function versionOf({ status, headers, body }: Response, start: number): Version | undefined {
  const range = status === 206 ? contentRange(headers) : undefined;
  const tag = strongValidator(headers);
  if (body === null || range?.total === undefined || range.from !== start || tag === "") {
    return undefined;
  }
  return { size: range.total, tag };
}
