/**
 * HTTP/1 as cameras answer it: heads without a status line, lines without a name, spaces before
 * the colon, lengths that are none. What `fetch` refuses, and Python's urllib reads.
 *
 * @module
 */
import { concatBytes, shownUrl } from "@vcs/transport/internal";
import { ClipDriftError } from "../errors.ts";
import { after } from "./judge.ts";
import { type CertificateTrust, openSocket } from "./socket.ts";

/** What came of an answer; its body has not been read yet. */
interface Answer {
  /** The status; 200 if the server sends none. */
  readonly status: number;
  /** Fields by their names in lower case; those that differ are joined with commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body's bytes. */
  readonly body: AsyncGenerator<Uint8Array>;
}

/** An answer over a connection of its own. */
export interface HttpAnswer extends Answer, Disposable {}

/** Where a head ends, and what it says. */
interface Head {
  readonly length: number;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

/** Most bytes of a head. */
const MAX_HEAD = 1 << 18;
/** A first line that is longer is no line of a head. */
const MAX_FIRST_LINE = 8192;
/** A size of a chunk, its extension and its end of line. */
const MAX_CHUNK_LINE = 1024;

const LF = 10;
const latin1 = new TextDecoder("latin1");

const STATUS_LINE = /^(?:HTTP|ICY)[/ ]/i;
const FIELD = /^[ \t]*(?!--)([\w!#$%&'*+.^`|~-]+)[ \t]*:([^\n]*)$/;
const EMPTY_LINE = /\n[\r\0 \t]*\n/;

function parseFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, rest = ""] = FIELD.exec(line.replaceAll("\0", "")) ?? [];
    if (name === undefined) continue;
    const [key, value] = [name.toLowerCase(), rest.trim()];
    const before = fields.get(key);
    fields.set(key, before === undefined || before === value ? value : `${before}, ${value}`);
  }
  return fields;
}

/**
 * Reads the head of an answer. Bytes that do not begin with one are all body.
 *
 * @param bytes what has come so far
 * @param isAll whether no more comes
 * @returns undefined, if more bytes are needed
 */
function parseHead(bytes: Uint8Array, isAll: boolean): Head | undefined {
  const start = Math.max(0, bytes.findIndex((byte) => ![0, 10, 13, 32].includes(byte)));
  const newline = bytes.indexOf(LF, start);
  const isLine = newline >= 0 && newline - start <= MAX_FIRST_LINE;
  const isOpen = newline < 0 && bytes.length - start <= MAX_FIRST_LINE && !isAll;
  const first = latin1.decode(bytes.subarray(start, isLine ? newline : start));
  const hasStatus = STATUS_LINE.test(first);
  if (!hasStatus && !FIELD.test(first.replaceAll("\0", ""))) {
    return isOpen ? undefined : { length: 0, status: 200, headers: new Map() };
  }
  const text = latin1.decode(bytes.subarray(start));
  const end = EMPTY_LINE.exec(text);
  if (end === null && !isAll) return undefined;
  const lines = text.slice(0, end?.index).split("\n");
  const status = hasStatus ? Number(/\s(\d{3})\b/.exec(lines.shift() ?? "")?.[1] ?? 200) : 200;
  const length = end === null ? bytes.length : start + end.index + end[0].length;
  return { length, status, headers: parseFields(lines) };
}

/** Reads heads until one is not provisional; gives what follows it, too. */
async function readHead(
  bytes: AsyncGenerator<Uint8Array>,
  shown: string,
): Promise<Head & { readonly rest: Uint8Array }> {
  let all = new Uint8Array() as Uint8Array;
  for (;;) {
    const { value, done } = await bytes.next();
    if (value !== undefined) all = concatBytes([all, value]);
    if (done && all.length === 0) {
      throw new ClipDriftError(
        "closed",
        `Cannot go on reading ${shown}: the camera closed the connection without an answer`,
      );
    }
    let head = parseHead(all, done === true);
    while (head !== undefined && head.status < 200) {
      all = all.subarray(head.length);
      head = all.length === 0 ? undefined : parseHead(all, done === true);
    }
    if (head !== undefined) return { ...head, rest: all.subarray(head.length) };
    if (done || all.length > MAX_HEAD) {
      throw new ClipDriftError(
        "http-status",
        `Cannot read ${shown}: the head of the answer has no end within ${MAX_HEAD} bytes`,
      );
    }
  }
}

async function* upTo(
  bytes: AsyncGenerator<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of bytes) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

/** The bytes of a chunked body; one whose chunks have no sizes is taken as it is. */
async function* unchunked(bytes: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffer = new Uint8Array() as Uint8Array;
  let left = 0;
  for await (const more of bytes) {
    buffer = concatBytes([buffer, more]);
    while (buffer.length > 0) {
      if (left === 0) {
        const newline = buffer.indexOf(LF);
        if (newline < 0 && buffer.length < MAX_CHUNK_LINE) break;
        const line = latin1.decode(buffer.subarray(0, Math.max(0, newline))).trim();
        const size = /^[0-9a-f]{1,8}(?=\s*(?:;|$))/i.exec(line)?.[0];
        if (line !== "" && size === undefined) {
          yield buffer;
          yield* bytes;
          return;
        }
        buffer = buffer.subarray(newline + 1);
        left = parseInt(size ?? "0", 16);
        if (size !== undefined && left === 0) return;
      } else {
        const part = buffer.subarray(0, left);
        yield part;
        left -= part.length;
        buffer = buffer.subarray(part.length);
      }
    }
  }
}

/** The body by its framing; the length of a multipart body is a guess that servers make up. */
function bodyOf(
  headers: ReadonlyMap<string, string>,
  bytes: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (/chunked/i.test(headers.get("transfer-encoding") ?? "")) return unchunked(bytes);
  const words = headers.get("content-length") ?? "";
  const isMultipart = /^multipart\//i.test(headers.get("content-type") ?? "");
  const hasLength = /^\d{1,15}$/.test(words) && Number(words) > 0 && !isMultipart;
  return hasLength ? upTo(bytes, Number(words)) : bytes;
}

/**
 * Reads an answer.
 *
 * @param bytes what comes over the connection
 * @param shown the URL in messages
 * @throws {ClipDriftError} if it has no head that ends
 */
export async function readAnswer(
  bytes: AsyncGenerator<Uint8Array>,
  shown: string,
): Promise<Answer> {
  const { status, headers, rest } = await readHead(bytes, shown);
  return { status, headers, body: bodyOf(headers, after(rest, bytes)) };
}

/**
 * Asks for a URL.
 *
 * @param url without credentials
 * @param fields header fields to send
 * @param signal closes the connection
 * @throws {ClipDriftError} if the answer has no head that ends; errors of the connection as they come
 */
export async function httpGet(
  url: URL,
  fields: Readonly<Record<string, string>>,
  trust: CertificateTrust,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const socket = await openSocket(url, trust, signal);
  try {
    const sent = { "Host": url.host, "User-Agent": "clip-drift", "Accept": "*/*", ...fields };
    const lines = Object.entries({ ...sent, "Connection": "close" })
      .map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`;
    await socket.write(new TextEncoder().encode(head));
    const answer = await readAnswer(socket.bytes, shownUrl(url));
    return { ...answer, [Symbol.dispose]: () => socket[Symbol.dispose]() };
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
}
