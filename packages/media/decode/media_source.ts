/**
 * Turns whatever a reader is opened with into a path or URL that FFmpeg can seek in.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defined } from "@vcs/transport/internal";
import { MediaError } from "../errors.ts";

/** What a reader can be opened with: a path, a URL, a file's bytes, or a stream of them. */
export type MediaSource = string | URL | Uint8Array | ReadableStream<Uint8Array>;

/** A path or URL, and what a cache recognises it by. */
export interface LocalSource extends AsyncDisposable {
  /** Path or URL for FFmpeg. */
  readonly path: string;
  /** Text that changes when the content does; undefined where nothing shows that. */
  readonly identity: string | undefined;
}

const REMOTE = /^(https?|data|blob):/i;

const nothing = () => Promise.resolve();

/**
 * The bytes behind a URL.
 *
 * @throws {Deno.errors.NotFound} where the server has no such thing
 * @throws {MediaError} `invalid-media` where it answers with another error
 */
async function download(url: string, signal: AbortSignal | undefined) {
  const response = await fetch(url, defined({ signal }));
  if (response.ok && response.body) return response.body;
  await response.body?.cancel();
  const message = `Cannot open media: ${url} was answered with status ${response.status}`;
  if (response.status === 404) throw new Deno.errors.NotFound(message);
  throw new MediaError("invalid-media", message);
}

/** Checks that a path names a file, with the path in the error. */
async function localFile(path: string): Promise<LocalSource> {
  if (path === "") {
    throw new Deno.errors.NotFound("Cannot open media: the path is empty");
  }
  const info = await Deno.stat(path).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(`Cannot open media: there is no file ${path}`);
  });
  if (info.isDirectory) {
    throw new Deno.errors.IsADirectory(`Cannot open media: ${path} is a directory`);
  }
  // Whole, because FFmpeg takes "12:30.mp4" for a protocol and "-x.mp4" for an option.
  const whole = resolve(path);
  const identity = `${await Deno.realPath(path)}\n${info.size}\n${info.mtime?.getTime()}`;
  return { path: whole, identity, [Symbol.asyncDispose]: nothing };
}

/** Writes bytes to a file of our own, which goes when the source is closed. */
async function temporaryFile(
  content: Uint8Array | ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<LocalSource> {
  const path = await Deno.makeTempFile({ prefix: "vcs-media-" });
  const remove = () => Deno.remove(path).catch(() => {});
  try {
    await Deno.writeFile(path, content, defined({ signal }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, identity: undefined, [Symbol.asyncDispose]: remove };
}

/** The text of a path or URL; undefined for content. */
function nameOf(source: MediaSource): string | undefined {
  if (source instanceof Uint8Array || source instanceof ReadableStream) return undefined;
  if (typeof source === "string") return source;
  if (source instanceof URL) return source.href;
  throw new TypeError(
    `Cannot open media: the source must be a path, URL, Uint8Array or ReadableStream, found ${
      Object.prototype.toString.call(source).slice(8, -1)
    }`,
  );
}

const pathOf = (name: string) => /^file:\/\//i.test(name) ? fileURLToPath(name) : name;

/**
 * Makes a source seekable. URLs, bytes and streams are written to a temporary file, so that memory
 * stays bounded however long they are: listing the frames exactly takes the whole file anyway.
 *
 * @throws {Deno.errors.NotFound} where a path or URL names nothing
 * @throws {Deno.errors.IsADirectory} where it names a directory
 * @throws {TypeError} where the source is of no known kind
 * @throws {MediaError} `invalid-media` where a server does not answer with content
 */
export async function openSource(source: MediaSource, signal?: AbortSignal): Promise<LocalSource> {
  const name = nameOf(source);
  if (name === undefined) {
    return await temporaryFile(source as Uint8Array | ReadableStream<Uint8Array>, signal);
  }
  if (REMOTE.test(name)) return await temporaryFile(await download(name, signal), signal);
  return await localFile(pathOf(name));
}

/** The bytes of a source, as they arrive. Throws as {@linkcode openSource}. */
export async function readSource(
  source: MediaSource,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  if (source instanceof ReadableStream) return source;
  if (source instanceof Uint8Array) return new Blob([source as Uint8Array<ArrayBuffer>]).stream();
  const name = nameOf(source)!;
  if (REMOTE.test(name)) return await download(name, signal);
  const { path } = await localFile(pathOf(name));
  return (await Deno.open(path)).readable;
}
