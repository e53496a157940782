/**
 * Turns whatever a reader is opened with into a path or URL that FFmpeg can seek in.
 *
 * @module
 */
import { resolve } from "node:path";
import { builtin, defined, isStored, onAbort } from "@vcs/transport/internal";
import { type Clock, steadyBytes, systemClock, unlessStalled } from "@vcs/transport/portable";
import { MediaError } from "../errors.ts";
import type { RangeMirror } from "../remote/range_mirror.ts";
import {
  ASKED_FOR,
  openMirror,
  type ReceivedBytes,
  type RemoteOptions,
  storedBytes,
} from "../remote/remote_source.ts";

/** What a reader can be opened with: a path, a URL, a file's bytes, or a stream of them. */
export type MediaSource = string | URL | Uint8Array | ReadableStream<Uint8Array>;

/** A path or URL, and what a cache recognises it by. */
export interface LocalSource extends AsyncDisposable {
  /** Path for FFmpeg. */
  readonly path: string;
  /** What messages call it: the path or URL that was given, or of what kind the source is. */
  readonly name: string;
  /** Text that changes when the content does; undefined where nothing shows that. */
  readonly identity: string | undefined;
  /** The file elsewhere that the path mirrors; undefined for others. */
  readonly mirror?: RangeMirror;
  /** What came over the network; undefined for local sources. */
  readonly received?: () => ReceivedBytes;
}

const REMOTE = /^(https?|data|blob|s3):/i;

/** Addresses of files that may be read by ranges. */
const RANGED = /^(https?|s3):/i;

/** Bytes read from a pipe at a time. */
const PIPE_BYTES = 65536;

type Bytes = Uint8Array<ArrayBuffer>;

const nothing = () => Promise.resolve();

/** The error of a URL that cannot be read; the signal's reason stays as it is. */
function downloadFailure(url: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  const found = cause instanceof Error ? cause.message : String(cause);
  return new MediaError("download-failed", `Cannot read ${url}: ${found}`, { cause });
}

/** How to wait for a server. */
interface Waiting {
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
}

/** A response's bytes, with errors that name the URL. */
async function* bodyOf(
  url: string,
  body: ReadableStream<Uint8Array>,
  { signal, clock }: Waiting,
): AsyncGenerator<Uint8Array> {
  try {
    yield* steadyBytes(body, clock);
  } catch (error) {
    throw downloadFailure(url, error, signal);
  }
}

/**
 * The bytes behind a URL.
 *
 * @throws {Deno.errors.NotFound} where the server has no such thing
 * @throws {MediaError} `download-failed` where it cannot be reached, sends nothing for half a minute or
 * answers with another error
 */
async function download(url: string, waiting: Waiting): Promise<ReadableStream<Uint8Array>> {
  const { signal, clock } = waiting;
  const answer = unlessStalled(clock, signal, (either) => fetch(url, { signal: either }));
  const response = await answer.catch((error: unknown) => {
    throw downloadFailure(url, error, signal);
  });
  if (response.ok && response.body) return ReadableStream.from(bodyOf(url, response.body, waiting));
  await response.body?.cancel();
  const message = `Cannot open media: ${url} was answered with status ${response.status}`;
  if (response.status === 404) throw new Deno.errors.NotFound(message);
  throw new MediaError("download-failed", message);
}

/** Has a wait for a named pipe end: a writer comes, and a byte where the pipe is not full. */
async function wake(path: string): Promise<void> {
  const { constants: { O_NONBLOCK, O_RDWR }, promises } = builtin("node:fs");
  const pipe = await promises.open(path, O_RDWR | O_NONBLOCK);
  await pipe.write(new Uint8Array(1)).catch(() => {});
  await pipe.close();
}

/** The bytes of a named pipe or a device. Opening it waits for a writer, reading for its bytes. */
async function* pipeBytes(path: string, signal: AbortSignal | undefined): AsyncGenerator<Bytes> {
  const wait = async <T>(work: Promise<T>): Promise<T> => {
    let [woken, isOver] = [nothing(), false];
    // Again and again: a thread that opens the pipe may begin only after it.
    const wakeUp = async () => {
      for (; !isOver; await systemClock.sleep(10)) await wake(path).catch(() => {});
    };
    using _ = onAbort(signal, () => void (woken = wakeUp()));
    try {
      return await work;
    } finally {
      isOver = true;
      // Its byte goes with the pipe that we close; a later reader would take it for content.
      await woken;
    }
  };
  signal?.throwIfAborted();
  using file = await wait(Deno.open(path));
  const buffer = new Uint8Array(PIPE_BYTES);
  for (;;) {
    signal?.throwIfAborted();
    const count = await wait(file.read(buffer));
    signal?.throwIfAborted();
    if (count === null) return;
    yield buffer.slice(0, count);
  }
}

/** Checks that a path names something to read, with the path in the error. */
async function statOf(path: string): Promise<Deno.FileInfo> {
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
  return info;
}

/** A file where it lies; what a pipe or a device gives is written to a temporary one. */
async function localFile(path: string, signal: AbortSignal | undefined): Promise<LocalSource> {
  const info = await statOf(path);
  if (!info.isFile) {
    return await temporaryFile(ReadableStream.from(pipeBytes(path, signal)), path, signal);
  }
  // Whole, because FFmpeg takes "12:30.mp4" for a protocol and "-x.mp4" for an option.
  const whole = resolve(path);
  const identity = `${await Deno.realPath(path)}\n${info.size}\n${info.mtime?.getTime()}`;
  return { path: whole, name: whole, identity, [Symbol.asyncDispose]: nothing };
}

/** Writes bytes to a file of our own, which goes when the source is closed. */
async function temporaryFile(
  content: Uint8Array | ReadableStream<Uint8Array>,
  name: string,
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
  return { path, name, identity: undefined, [Symbol.asyncDispose]: remove };
}

/** A file that is downloaded whole, and how long it was. */
async function downloaded(
  url: string,
  options: RemoteOptions,
  whole: string,
): Promise<LocalSource> {
  const { signal, clock = systemClock } = options;
  const file = await temporaryFile(await download(url, { signal, clock }), url, signal);
  const { size } = await Deno.stat(file.path);
  // What lies in the URL itself, or in this process, comes over no network.
  if (!RANGED.test(url)) return file;
  return { ...file, received: () => ({ bytes: size, of: size, requests: 1, whole }) };
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

/** The path that a `file:` URL names, or the path that is given. */
export const pathOf = (name: string): string =>
  /^file:\/\//i.test(name) ? builtin("node:url").fileURLToPath(name) : name;

/**
 * Makes a source seekable. URLs, bytes, streams and pipes are written to a temporary file, so that memory
 * stays bounded however long they are: listing the frames exactly takes the whole file,
 * but for MP4 files on servers that send ranges.
 *
 * @throws {Deno.errors.NotFound} where a path or URL names nothing
 * @throws {Deno.errors.IsADirectory} where it names a directory
 * @throws {TypeError} where the source is of no known kind
 * @throws {MediaError} `download-failed` where a server does not answer with content
 */
export async function openSource(
  source: MediaSource,
  options: RemoteOptions = {},
): Promise<LocalSource> {
  const name = nameOf(source);
  const { ranges = false, whole = ASKED_FOR, signal } = options;
  if (name === undefined) {
    const content = source as Uint8Array | ReadableStream<Uint8Array>;
    const kind = content instanceof Uint8Array ? "the bytes" : "the stream";
    return await temporaryFile(content, kind, signal);
  }
  if (!REMOTE.test(name)) return await localFile(pathOf(name), signal);
  if (isStored(name) || (ranges !== false && RANGED.test(name))) {
    const found = await openMirror(name, options);
    if (found !== undefined) return found;
  }
  return await downloaded(name, options, ranges ? "its server sends no ranges" : whole);
}

/** Waits for work on a source; its errors name what the caller knows, not a temporary file. */
export async function naming<T>({ path, name }: LocalSource, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (path === name || !(cause instanceof MediaError)) throw cause;
    throw new MediaError(cause.code, cause.message.replaceAll(path, name), { cause });
  }
}

/** Whether a source is a pipe or a device, which can be read only once. */
export async function isPipe(source: MediaSource): Promise<boolean> {
  const name = nameOf(source);
  if (name === undefined || REMOTE.test(name)) return false;
  return !(await statOf(pathOf(name))).isFile;
}

/** The bytes of a source, as they arrive. Throws as {@linkcode openSource}. */
export async function readSource(
  source: MediaSource,
  signal?: AbortSignal,
  clock: Clock = systemClock,
): Promise<ReadableStream<Uint8Array>> {
  if (source instanceof ReadableStream) return source;
  if (source instanceof Uint8Array) return new Blob([source as Bytes]).stream();
  const name = nameOf(source)!;
  if (isStored(name)) return ReadableStream.from(storedBytes(name, signal));
  if (REMOTE.test(name)) return await download(name, { signal, clock });
  const path = pathOf(name);
  const { isFile } = await statOf(path);
  return isFile ? (await Deno.open(path)).readable : ReadableStream.from(pipeBytes(path, signal));
}
