/**
 * Connects to cameras that send MJPEG over HTTP or HTTPS, and comes back when they go away.
 *
 * @example The newest frames of a camera, for ten seconds
 * ```ts ignore
 * import { cameraFrames } from "@vcs/clip-drift/camera";
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
import { Authenticator, maySend, splitCredentials } from "./auth.ts";
import { type Clock, systemClock } from "@vcs/transport/clock";
import { connectError, statusError, timeoutError, typeError } from "./advice.ts";
import { ClipDriftError } from "./errors.ts";
import { wholeFrames } from "./whole_frames.ts";

/** A picture from a camera. */
export interface CameraFrame {
  /** The JPEG as the camera sent it. */
  readonly data: Uint8Array;
  /** When its last byte arrived, in seconds since 1970. */
  readonly timestamp: number;
}

/** Something that happened on the way to a camera. */
export type CameraEvent =
  | {
    /** The camera answered. */
    readonly type: "connected";
    /** The camera's address, without credentials. */
    readonly url: string;
    /** The answer's `Content-Type`. */
    readonly contentType: string;
  }
  | {
    /** The connection was lost, or could not be made. */
    readonly type: "lost";
    /** The camera's address, without credentials. */
    readonly url: string;
    /** Why. */
    readonly error: ClipDriftError;
    /** Failures in a row. */
    readonly attempt: number;
    /** Seconds until the next attempt; undefined where there is none. */
    readonly retryIn?: number;
  };

/** How to connect, and for how long to go on. */
export interface CameraOptions {
  /** Ends the frames. */
  readonly signal?: AbortSignal;
  /** Seconds to wait for the answer, and between frames; 10 by default. */
  readonly frameTimeout?: number;
  /** Seconds before the first new attempt; doubles up to 30, with jitter; 2 by default. */
  readonly reconnectDelay?: number;
  /** Failures in a row after which to give up; endless by default. */
  readonly retries?: number;
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Called for each picture that came without an end, and was left out. */
  readonly onCut?: () => void;
  /** Called on every connection and loss. */
  readonly onEvent?: (event: CameraEvent) => void;
}

/** An open connection. */
export interface CameraConnection {
  /** The answer's `Content-Type`. */
  readonly contentType: string;
  /** What the reader has met so far. */
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
    const headers = authorization === undefined ? {} : { authorization };
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
      throw statusError(url, status, auth ? "given" : given ? "kept" : "none");
    }
  }
}

/** Aborts with a timeout error when nobody winds it up in time. */
class Watchdog implements Disposable {
  /** Reads the answer, once there is one. */
  reader: MjpegReader | undefined;
  readonly #abort = new AbortController();
  readonly #seconds: number;
  readonly #url: string;
  readonly #clock: Clock;
  #wait = new AbortController();

  constructor({ frameTimeout = 10, clock = systemClock }: CameraOptions, url: string) {
    this.#seconds = frameTimeout;
    this.#url = url;
    this.#clock = clock;
    this.wind();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  wind(): void {
    this.#wait.abort();
    this.#wait = new AbortController();
    this.#clock.sleep(this.#seconds * 1000, this.#wait.signal).then(() => {
      this.#abort.abort(timeoutError(this.#url, this.#seconds, this.reader?.stats));
    }, () => {});
  }

  [Symbol.dispose](): void {
    this.#wait.abort();
    this.#abort.abort();
  }
}

/** Whether bytes of this type may be frames; some servers name no type at all. */
function isFrames(contentType: string): boolean {
  return /^(multipart\/|video\/x-motion-jpeg|image\/|application\/octet-stream|$)/i
    .test(contentType);
}

async function* readBody(
  response: Response,
  reader: MjpegReader,
  watchdog: Watchdog,
  onCut: (() => void) | undefined,
): AsyncGenerator<CameraFrame> {
  const body = response.body ?? ReadableStream.from<Uint8Array>([]);
  for await (const { data } of wholeFrames(body, reader, onCut)) {
    watchdog.wind();
    yield { data, timestamp: now() };
  }
}

/**
 * Connects once, without coming back.
 *
 * @param source the camera's URL; may hold name and password
 * @throws {ClipDriftError} with a message that says what to do next
 */
export async function openCamera(
  source: string | URL,
  options: Pick<CameraOptions, "signal" | "frameTimeout" | "clock" | "onCut"> = {},
): Promise<CameraConnection & Disposable> {
  const shown = splitCredentials(source).url.href;
  const watchdog = new Watchdog(options, shown);
  const signals = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([watchdog.signal, ...signals]);
  try {
    const response = await request(new URL(source), signal);
    const contentType = response.headers.get("content-type") ?? "";
    if (!isFrames(contentType)) {
      await response.body?.cancel();
      throw typeError(shown, contentType);
    }
    const reader = watchdog.reader = new MjpegReader();
    return {
      contentType,
      stats: reader.stats,
      frames: () => readBody(response, reader, watchdog, options.onCut),
      [Symbol.dispose]: () => watchdog[Symbol.dispose](),
    };
  } catch (error) {
    const failure = signal.aborted ? signal.reason : connectError(shown, error);
    watchdog[Symbol.dispose]();
    throw failure;
  }
}

/** Frames of one connection; a single picture is asked for again and again. */
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
    await pause(POLL_SECONDS, options);
  }
}

/** Waits; ends early where the signal is aborted. */
async function pause(
  seconds: number,
  { clock = systemClock, signal }: CameraOptions,
): Promise<void> {
  await clock.sleep(seconds * 1000, signal).catch(() => {});
}

/**
 * Seconds before an attempt: doubling up to 30, or as long as the first where that is more, minus
 * up to a quarter so that cameras spread.
 */
function backoff(base: number, attempt: number): number {
  const most = Math.max(MAX_DELAY, base);
  return Math.min(most, base * 2 ** (attempt - 1)) * (1 - Math.random() / 4);
}

/** Makes any failure while reading one of ours. */
function lossError(url: string, error: unknown): ClipDriftError {
  return error instanceof ClipDriftError ? error : connectError(url, error);
}

/**
 * The frames of a camera, over as many connections as it takes.
 *
 * @param source the camera's URL; may hold name and password
 * @throws {ClipDriftError} after the last attempt, where `retries` is limited
 */
export async function* cameraFrames(
  source: string | URL,
  options: CameraOptions = {},
): AsyncGenerator<CameraFrame> {
  const { signal, onEvent = () => {}, reconnectDelay = 2, retries = Infinity } = options;
  const url = splitCredentials(source).url.href;
  const target = new URL(source);
  let attempt = 0;
  while (!signal?.aborted) {
    let error = new ClipDriftError("closed", `Cannot go on reading ${url}: the camera closed it`);
    try {
      const connected = (contentType: string) => onEvent({ type: "connected", url, contentType });
      for await (const frame of connectionFrames(target, options, connected)) {
        attempt = 0;
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
    const retryIn = backoff(reconnectDelay, attempt);
    onEvent({ type: "lost", url, error, attempt, retryIn });
    await pause(retryIn, options);
  }
}
