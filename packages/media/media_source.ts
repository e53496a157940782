/**
 * Turns whatever a reader is opened with into a path or URL that FFmpeg can seek in.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** What a reader can be opened with: a path, a URL, a file's bytes, or a stream of them. */
export type MediaSource = string | URL | Uint8Array | ReadableStream<Uint8Array>;

/** A path or URL, and what a cache can tell it by. */
export interface LocalSource extends AsyncDisposable {
  /** Path or URL for FFmpeg. */
  readonly path: string;
  /** Text that changes when the content does; undefined where nothing tells. */
  readonly identity: string | undefined;
}

const REMOTE = /^(https?|rtsp|rtmp):\/\//i;

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
  const identity = `${await Deno.realPath(path)}\n${info.size}\n${info.mtime?.getTime()}`;
  return { path, identity, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Writes bytes to a file of our own, which goes when the source is closed. */
async function temporaryFile(content: Uint8Array | ReadableStream<Uint8Array>) {
  const path = await Deno.makeTempFile({ prefix: "vcs-media-" });
  const remove = () => Deno.remove(path).catch(() => {});
  try {
    await Deno.writeFile(path, content);
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, identity: undefined, [Symbol.asyncDispose]: remove };
}

/**
 * Makes a source seekable. Bytes and streams are written to a temporary file, so that memory
 * stays bounded however long they are.
 *
 * @throws {Deno.errors.NotFound} where a path names nothing
 * @throws {Deno.errors.IsADirectory} where it names a directory
 * @throws {TypeError} where the source is of no known kind
 */
export function openSource(source: MediaSource): Promise<LocalSource> {
  if (source instanceof Uint8Array || source instanceof ReadableStream) {
    return temporaryFile(source);
  }
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new TypeError(
      `Cannot open media: the source must be a path, URL, Uint8Array or ReadableStream, found ${
        Object.prototype.toString.call(source).slice(8, -1)
      }`,
    );
  }
  const text = source instanceof URL ? source.href : source;
  if (REMOTE.test(text)) {
    return Promise.resolve({
      path: text,
      identity: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  }
  return localFile(/^file:\/\//i.test(text) ? fileURLToPath(text) : text);
}
