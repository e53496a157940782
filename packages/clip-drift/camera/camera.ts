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
import type { ConnectionLost, ReconnectOptions } from "@vcs/media";
import { reconnecting } from "@vcs/media/internal";
import { MjpegReader, type MjpegStats } from "@vcs/media/mjpeg";
import {
  defined,
  IdleTimeout,
  ignoreAbort,
  shownUrl,
  splitCredentials,
} from "@vcs/transport/internal";
import { Authenticator, maySend } from "./auth.ts";
import { systemClock } from "@vcs/transport/portable";
import { connectError, statusError, timeoutError, typeError } from "./error_hints.ts";
import { ClipDriftError } from "../errors.ts";
import { completeFrames } from "./complete_frames.ts";
import { type HttpAnswer, httpGet } from "./http.ts";
import { judged } from "./judge.ts";
import type { CertificateTrust } from "./socket.ts";

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
    /** The answer's `Content-Type`; for what FFmpeg reads, `video/` and the codec. */
    readonly contentType: string;
  }
  | ConnectionLost<ClipDriftError>;

/** How to connect, and for how long to go on. */
export interface CameraOptions extends CertificateTrust, ReconnectOptions {
  /** Seconds to wait for the answer, and between frames. Default: 10. */
  readonly frameTimeout?: number;
  /**
   * Whether to take frames that the camera never ends; those of which a part is missing are still
   * not decoded. Default: false.
   */
  readonly acceptUnended?: boolean;
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
const POLL_SECONDS = 1;

/** Seconds since 1970, by the clock that follows corrections: a Pi may start days off. */
const now = () => Date.now() / 1000;

/** Sends the request, following redirects and answering challenges. */
async function request(
  source: URL,
  trust: CertificateTrust,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { url: first, credentials } = splitCredentials(source);
  const given = credentials && new Authenticator(credentials);
  let url = first;
  let challenges = 0;
  for (let hops = 0;;) {
    const auth = maySend(first, url) ? given : undefined;
    const Authorization = auth?.header("GET", url.pathname + url.search);
    const answer = await httpGet(url, defined({ Authorization }), trust, signal);
    const { status, headers } = answer;
    if (status < 300) return answer;
    answer[Symbol.dispose]();
    const location = headers.get("location");
    const challenge = headers.get("www-authenticate") ?? "";
    if (status < 400 && location !== undefined) {
      if (++hops > MAX_REDIRECTS) throw statusError(url, status, "too many redirects");
      url = redirected(url, location);
    } else if (status !== 401 || ++challenges > MAX_CHALLENGES || !auth?.challenge(challenge)) {
      throw statusError(url, status, auth ? "given" : given ? "withheld" : "none");
    }
  }
}

/** Where a redirect leads. */
function redirected(from: URL, location: string): URL {
  const isUrl = URL.canParse(location, from);
  const to = isUrl ? splitCredentials(new URL(location, from)).url : undefined;
  if (to !== undefined && /^https?:$/.test(to.protocol)) return to;
  throw new ClipDriftError(
    "http-status",
    `Cannot open ${shownUrl(from)}: it redirects to ${
      to?.protocol ?? "what is not a URL"
    }, expected http or https`,
  );
}

async function* readBody(
  body: AsyncIterable<Uint8Array>,
  reader: MjpegReader,
  idle: IdleTimeout,
  onTruncated: (() => void) | undefined,
): AsyncGenerator<CameraFrame> {
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
  options: Omit<CameraOptions, "onEvent" | "retries" | "reconnectDelay"> = {},
): Promise<CameraConnection & Disposable> {
  const { frameTimeout = 10, onTruncated, clock, acceptUnended = false } = options;
  const shown = shownUrl(source);
  const reader = new MjpegReader({ acceptUnended });
  let hasAnswer = false;
  const timeout = () => timeoutError(shown, frameTimeout, hasAnswer ? reader.stats : undefined);
  const idle = new IdleTimeout(frameTimeout * 1000, timeout, clock);
  const closed = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([idle.signal, closed.signal, ...signals]);
  const close = () => (idle[Symbol.dispose](), closed.abort());
  try {
    const { headers, body: bytes } = await request(new URL(source), options, signal);
    const contentType = headers.get("content-type") ?? "";
    hasAnswer = true;
    const body = await judged(bytes, contentType);
    if (body === undefined) throw typeError(shown, contentType);
    return {
      contentType,
      stats: reader.stats,
      frames: () => readBody(body, reader, idle, onTruncated),
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
    const { contentType, stats } = camera;
    if (stats.frames === 0 && /^image\//i.test(contentType)) {
      throw typeError(shownUrl(url), contentType);
    }
    if (stats.frames !== 1 || /^(multipart|video)\//i.test(contentType)) return;
    const { signal, clock = systemClock } = options;
    await clock.sleep(POLL_SECONDS * 1000, signal).catch(ignoreAbort(signal));
  }
}

/** Any failure while reading as one of our errors. */
function lossError(url: string, error: unknown): ClipDriftError {
  if (error === undefined) {
    const message = `Cannot go on reading ${url}: the camera closed the connection`;
    return new ClipDriftError("closed", message);
  }
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
  const { onEvent = () => {} } = options;
  const url = shownUrl(source);
  const target = new URL(source);
  const connected = (contentType: string) => onEvent({ type: "connected", url, contentType });
  const plan = {
    url,
    connect: () => connectionFrames(target, options, connected),
    failureOf: (cause: unknown) => lossError(url, cause),
    onLost: onEvent,
  };
  yield* reconnecting(plan, options);
}
