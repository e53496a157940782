/**
 * Objects in a bucket of S3, or of a service that speaks its protocol.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { encodeKey, field, type S3Options, S3Requests } from "./requests.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** An object as a listing shows it. */
export interface S3Object {
  readonly key: string;
  readonly bytes: number;
  /** When it was stored, in milliseconds; undefined where the service does not say. */
  readonly modified?: number;
}

/** What ends a request. */
interface Ends {
  readonly signal?: AbortSignal;
}

/** Which objects are listed. */
export interface ListOptions extends Ends {
  /** Only keys behind this one, in the order of their UTF-8. Default: all. */
  readonly after?: string;
  /** Objects of a page. Default: 1,000. */
  readonly page?: number;
}

/** How an object is stored. */
export interface PutOptions extends Ends {
  /** Leave an object that is there already as it is. Default: false. */
  readonly onlyIfNew?: boolean;
  /** Texts to keep with it, in ASCII. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Bytes of each part of a long object, of which there are at most 10,000. */
const PART_BYTES = 16 * 1024 * 1024;
const METADATA = "x-amz-meta-";

/** One bucket. Its methods throw {@linkcode TransportError} `refused` at once in its service's words. */
export class S3Bucket {
  readonly #name: string;
  readonly #requests: S3Requests;

  /**
   * Asks nothing yet.
   *
   * @throws {TransportError} `refused` where the environment has no credentials.
   */
  constructor(name: string, options: S3Options = {}) {
    this.#name = name;
    this.#requests = new S3Requests(name, options);
  }

  /** The objects whose keys begin with a prefix, page by page, in the order of their keys. */
  async *list(prefix: string, { after, page, signal }: ListOptions = {}): AsyncGenerator<
    S3Object[]
  > {
    let token: string | undefined;
    do {
      const query = {
        ...{ "list-type": "2", "encoding-type": "url", prefix },
        ...(page !== undefined && { "max-keys": String(page) }),
        ...(after !== undefined && token === undefined && { "start-after": after }),
        ...(token !== undefined && { "continuation-token": token }),
      };
      const { bytes, status } = await this.#requests.ask({ method: "GET", query, signal });
      if (status === 404) {
        throw new TransportError("refused", `Cannot list bucket ${this.#name}: found none`);
      }
      const xml = new TextDecoder().decode(bytes);
      yield objectsOf(xml);
      token = field(xml, "NextContinuationToken");
    } while (token !== undefined);
  }

  /** The texts that are kept with an object; undefined where it is not there. */
  async metadata(key: string, { signal }: Ends = {}): Promise<Map<string, string> | undefined> {
    const { status, headers } = await this.#requests.ask({ method: "HEAD", key, signal });
    if (status === 404) return undefined;
    const own = [...headers].filter(([name]) => name.startsWith(METADATA));
    return new Map(own.map(([name, value]) => [name.slice(METADATA.length), value]));
  }

  /** Bytes of an object and the tag of this version of it; undefined where it is not there. */
  async version(
    key: string,
    { signal }: Ends = {},
  ): Promise<{ readonly size: number; readonly tag: string } | undefined> {
    const { status, headers } = await this.#requests.ask({ method: "HEAD", key, signal });
    if (status === 404) return undefined;
    return { size: Number(headers.get("content-length")), tag: headers.get("etag") ?? "" };
  }

  /**
   * An object's bytes, or those from `start` to before `end`; undefined where it is not there.
   *
   * @param part `tag` is that of the version that the bytes must be of
   * @throws {TransportError} `truncated` where the service has other bytes than those asked for.
   */
  async get(
    key: string,
    { start, end, tag, signal }: Ends & { start?: number; end?: number; tag?: string } = {},
  ): Promise<Bytes | undefined> {
    const isPart = start !== undefined || end !== undefined;
    const range = `bytes=${start ?? 0}-${end === undefined ? "" : end - 1}`;
    const { status, bytes } = await this.#requests.ask({
      ...{ method: "GET", key, signal },
      headers: { ...(isPart && { range }), ...(tag && { "if-match": tag }) },
    });
    if (status === 404) return undefined;
    if (status === 412) {
      throw new TransportError("truncated", `Cannot read on: ${key} changed while it was read`);
    }
    if (isPart && status !== 206 || end !== undefined && bytes.length !== end - (start ?? 0)) {
      throw new TransportError(
        "truncated",
        `Cannot read ${key}: asked for ${range}, found ${bytes.length} bytes, status ${status}`,
      );
    }
    return bytes;
  }

  /** Stores an object; false where one is there that was to be left. */
  async put(
    key: string,
    body: Bytes,
    { onlyIfNew = false, metadata = {}, signal }: PutOptions = {},
  ): Promise<boolean> {
    const headers = {
      ...(onlyIfNew && { "if-none-match": "*" }),
      ...Object.fromEntries(Object.entries(metadata).map(([k, v]) => [METADATA + k, v])),
    };
    const { status } = await this.#requests.ask({ method: "PUT", key, body, headers, signal });
    return status !== 412;
  }

  /**
   * Stores an object of any length as its bytes come, in parts; it is there once all are. Where that
   * fails nothing is left.
   */
  async putStream(
    key: string,
    chunks: AsyncIterable<Uint8Array>,
    { signal, partBytes = PART_BYTES }: Ends & { partBytes?: number } = {},
  ): Promise<void> {
    const ask = this.#requests.ask.bind(this.#requests);
    const begun = await ask({ method: "POST", key, query: { uploads: "" }, signal });
    const uploadId = field(new TextDecoder().decode(begun.bytes), "UploadId") ?? "";
    const tags: string[] = [];
    try {
      for await (const body of inParts(chunks, partBytes)) {
        const query = { partNumber: String(tags.length + 1), uploadId };
        const { headers } = await ask({ method: "PUT", key, query, body, signal });
        tags.push(headers.get("etag") ?? "");
      }
      const body = new TextEncoder().encode(completion(tags));
      const done = await ask({ method: "POST", key, query: { uploadId }, body, signal });
      const text = new TextDecoder().decode(done.bytes);
      // Joining takes long: the service begins its answer before it knows.
      if (text.includes("<Error>")) {
        throw new TransportError("broker", `Cannot store ${key}: ${field(text, "Message")}`);
      }
    } catch (error) {
      await ask({ method: "DELETE", key, query: { uploadId } }).catch(() => {});
      throw error;
    }
  }

  /** Copies an object within the bucket. */
  async copy(from: string, to: string, { signal }: Ends = {}): Promise<void> {
    const headers = { "x-amz-copy-source": `/${this.#name}/${encodeKey(from)}` };
    await this.#requests.ask({ method: "PUT", key: to, headers, signal });
  }

  /** Removes an object; one that is not there is no error. */
  async remove(key: string, { signal }: Ends = {}): Promise<void> {
    await this.#requests.ask({ method: "DELETE", key, signal });
  }
}

function objectsOf(xml: string): S3Object[] {
  return Array.from(xml.matchAll(/<Contents>(.*?)<\/Contents>/gs), ([, object = ""]) => {
    const modified = Date.parse(field(object, "LastModified") ?? "");
    return {
      key: decodeURIComponent((field(object, "Key") ?? "").replaceAll("+", " ")),
      bytes: Number(field(object, "Size")),
      ...(!Number.isNaN(modified) && { modified }),
    };
  });
}

function completion(tags: readonly string[]): string {
  const parts = tags.map((tag, i) =>
    `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag.replaceAll("&", "&amp;")}</ETag></Part>`
  );
  return `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
}

/** Pieces of one length each, but the last; at least one. */
async function* inParts(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Bytes, void, void> {
  let part = new Uint8Array(size);
  let length = 0;
  let count = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + size - length);
      part.set(piece, length);
      [at, length] = [at + piece.length, length + piece.length];
      if (length < size) continue;
      yield part;
      [part, length] = [new Uint8Array(size), 0];
      count++;
    }
  }
  if (length > 0 || count === 0) yield part.slice(0, length);
}
