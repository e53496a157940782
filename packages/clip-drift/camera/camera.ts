/**
 * Connects to cameras that send MJPEG over HTTP or HTTPS, and reconnects when they go away.
 *
 * @example The latest frames of a camera, for ten seconds
 * ```ts ignore
 * import { cameraFrames } from "@vcs/clip-drift";
 *
 * const signal = AbortSignal.timeout(10_000);
 * for await (const frame of cameraFrames("http://192.168.1.100:8000/stream.mjpg", { signal })) {
 *   console.log(frame.timestamp, frame.data.length);
 * }
 * ```
 *
 * @module
 */
import { MjpegReader, type MjpegStats } from "@vcs/media/mjpeg";
import { Backoff, defined, IdleTimeout, ignoreAbort } from "@vcs/transport/internal";
import { Authenticator, maySend, splitCredentials } from "./auth.ts";
import { type Clock, systemClock } from "@vcs/transport";
import { connectError, statusError, timeoutError, typeError } from "./error_hints.ts";
import { ClipDriftError } from "../errors.ts";
import { completeFrames } from "./complete_frames.ts";

/** A frame from a camera. */
export interface CameraFrame {
  /** The JPEG as the camera sent it. */
  readonly data: Uint8Array;
  /** When its last byte arrived, in seconds since 1970. */
  readonly timestamp: number;
}

/** Something that happened to the connection with a camera. */
export type CameraEvent =
  | {
    /** The camera answered. */
    readonly type: "connected";
    /** The camera's URL, without credentials. */
    readonly url: string;
    /** The answer's `Content-Type`. */
    readonly contentType: string;
  }
  | {
    /** The connection was lost, or could not be made. */
    readonly type: "lost";
    /** The camera's URL, without credentials. */
    readonly url: string;
    /** Why. */
    readonly error: ClipDriftError;
    /** Failures in a row. */
    readonly attempt: number;
    /** Seconds until the next attempt; absent if there is none. */
    readonly retryIn?: number;
  };

/** How to connect, and for how long to go on. */
export interface CameraOptions {
  /** Ends the frames. */
  readonly signal?: AbortSignal;
  /** Seconds to wait for the answer, and between frames. Default: 10. */
  readonly frameTimeout?: number;
  /** Seconds before the first new attempt; doubled after each, up to 30, with jitter. Default: 2. */
  readonly reconnectDelay?: number;
  /** Failures in a row after which to give up. Default: Infinity. */
  readonly retries?: number;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
  /** Called for each truncated frame, which is skipped. */
  readonly onTruncated?: () => void;
  /** Called on every connection and loss. */
  readonly onEvent?: (event: CameraEvent) => void;
}

/** An open connection. */
export interface CameraConnection {
  /** The answer's `Content-Type`. */
  readonly contentType: string;
  /** What the reader has found so far. */
  readonly stats: MjpegStats;
  /** The frames until the camera ends the answer. */
  frames(): AsyncGenerator<CameraFrame>;
}

const MAX_REDIRECTS = 5;
/** The first challenge, and one because the nonce is stale. */
const MAX_CHALLENGES = 2;
const MAX_DELAY = 30;
const POLL_SECONDS = 1;

/** Seconds since 1970. */
function now(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}

/** Sends the request, following redirects and answering challenges. */
async function request(source: URL, signal: AbortSignal): Promise<Response> {
  const { url: first, credentials } = splitCredentials(source);
  const given = credentials && new Authenticator(credentials);
  let url = first;
  let challenges = 0;
  for (let hops = 0;;) {
    const auth = maySend(first, url) ? given : undefined;
    const authorization = auth?.header("GET", url.pathname + url.search);
    const headers = defined({ authorization });
    const response = await fetch(url, { headers, signal, redirect: "manual" });
    if (response.ok) return response;
    await response.body?.cancel();
    const { status } = response;
    const location = response.headers.get("location");
    const challenge = response.headers.get("www-authenticate") ?? "";
    if (status >= 300 && status < 400 && location !== null) {
      if (++hops > MAX_REDIRECTS) throw statusError(url, status, "too many redirects");
      url = splitCredentials(new URL(location, url)).url;
    } else if (status !== 401 || ++challenges > MAX_CHALLENGES || !auth?.challenge(challenge)) {
      throw statusError(url, status, auth ? "given" : given ? "withheld" : "none");
    }
  }
}

/** Whether bytes of this type may be frames; some servers send no type at all. */
function isFrames(contentType: string): boolean {
  return /^(multipart\/|video\/x-motion-jpeg|image\/|application\/octet-stream|$)/i
    .test(contentType);
}

async function* readBody(
  response: Response,
  reader: MjpegReader,
  idle: IdleTimeout,
  onTruncated: (() => void) | undefined,
): AsyncGenerator<CameraFrame> {
  const body = response.body ?? ReadableStream.from<Uint8Array>([]);
  for await (const { data } of completeFrames(body, reader, onTruncated)) {
    idle.touch();
    yield { data, timestamp: now() };
  }
}

/**
 * Connects once, without reconnecting.
 *
 * @param source the camera's URL; may hold name and password
 * @throws {ClipDriftError} with a message that says what to do next
 */
export async function openCamera(
  source: string | URL,
  options: Pick<CameraOptions, "signal" | "frameTimeout" | "onTruncated" | "clock"> = {},
): Promise<CameraConnection & Disposable> {
  const { frameTimeout = 10, onTruncated, clock } = options;
  const shown = splitCredentials(source).url.href;
  const reader = new MjpegReader();
  let hasAnswer = false;
  const timeout = () => timeoutError(shown, frameTimeout, hasAnswer ? reader.stats : undefined);
  const idle = new IdleTimeout(frameTimeout * 1000, timeout, clock);
  const closed = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([idle.signal, closed.signal, ...signals]);
  const close = () => (idle[Symbol.dispose](), closed.abort());
  try {
    const response = await request(new URL(source), signal);
    const contentType = response.headers.get("content-type") ?? "";
    if (!isFrames(contentType)) {
      await response.body?.cancel();
      throw typeError(shown, contentType);
    }
    hasAnswer = true;
    return {
      contentType,
      stats: reader.stats,
      frames: () => readBody(response, reader, idle, onTruncated),
      [Symbol.dispose]: close,
    };
  } catch (error) {
    const failure = signal.aborted ? signal.reason : connectError(shown, error);
    close();
    throw failure;
  }
}

/** Frames of one connection; a camera of single images is asked for them again and again. */
async function* connectionFrames(
  url: URL,
  options: CameraOptions,
  onConnect: (contentType: string) => void,
): AsyncGenerator<CameraFrame> {
  for (let first = true;; first = false) {
    using camera = await openCamera(url, options);
    if (first) onConnect(camera.contentType);
    yield* camera.frames();
    if (!/^image\//i.test(camera.contentType)) return;
    if (camera.stats.frames === 0) {
      throw typeError(splitCredentials(url).url.href, camera.contentType);
    }
    const { signal, clock = systemClock } = options;
    await clock.sleep(POLL_SECONDS * 1000, signal).catch(ignoreAbort(signal));
  }
}

/** The pauses between connections, spread so that cameras do not all come back at once. */
function backoffOf({ reconnectDelay = 2 }: CameraOptions): Backoff {
  const max = Math.max(MAX_DELAY, reconnectDelay);
  return new Backoff({ initial: reconnectDelay * 1000, max: max * 1000, jitter: 1 / 4 });
}

/** Any failure while reading as one of our errors. */
function lossError(url: string, error: unknown): ClipDriftError {
  return error instanceof ClipDriftError ? error : connectError(url, error);
}

/**
 * The frames of a camera, over as many connections as it takes.
 *
 * @param source the camera's URL; may hold name and password
 * @throws {ClipDriftError} after the last attempt, if `retries` is limited
 */
export async function* cameraFrames(
  source: string | URL,
  options: CameraOptions = {},
): AsyncGenerator<CameraFrame> {
  const { signal, onEvent = () => {}, retries = Infinity, clock = systemClock } = options;
  const backoff = backoffOf(options);
  const url = splitCredentials(source).url.href;
  const target = new URL(source);
  let attempt = 0;
  while (!signal?.aborted) {
    let error = new ClipDriftError(
      "closed",
      `Cannot go on reading ${url}: the camera closed the connection`,
    );
    try {
      const connected = (contentType: string) => onEvent({ type: "connected", url, contentType });
      for await (const frame of connectionFrames(target, options, connected)) {
        attempt = 0;
        backoff.reset();
        yield frame;
      }
    } catch (cause) {
      if (signal?.aborted) return;
      error = lossError(url, cause);
    }
    if (signal?.aborted) return;
    if (++attempt > retries) {
      onEvent({ type: "lost", url, error, attempt });
      throw error;
    }
    const pause = backoff.next();
    onEvent({ type: "lost", url, error, attempt, retryIn: pause / 1000 });
    await clock.sleep(pause, signal).catch(ignoreAbort(signal));
  }
}
