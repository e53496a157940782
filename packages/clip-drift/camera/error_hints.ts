/**
 * Failures of a camera as errors whose message says what to do next.
 *
 * @module
 */
import type { MjpegStats } from "@vcs/media/mjpeg";
import { shownUrl } from "@vcs/transport/internal";
import { ClipDriftError, type ClipDriftErrorCode } from "../errors.ts";

/** What a failed connection's text says, the error's code, what was found, and what to do. */
type ErrorHint = readonly [RegExp, ClipDriftErrorCode, string, string];

const NO_ANSWER =
  "check that the camera is on, that both machines are on the same network, and that no firewall blocks the port";

const CONNECTING: readonly ErrorHint[] = [
  [
    /401 unauthorized|403 forbidden/i,
    "unauthorized",
    "it asks for a name and a password",
    "give them in the URL, as rtsp://name:password@host/path",
  ],
  [
    /404 not found/i,
    "not-found",
    "found no such path",
    "the stream is often at /h264, /live or /Streaming/Channels/101",
  ],
  [
    /refused/i,
    "refused",
    "connection refused",
    "check that the camera's program runs and listens on this port, and that no firewall blocks it",
  ],
  [
    /lookup address|dns|name or service|nodename|no such host/i,
    "unreachable",
    "its name cannot be resolved",
    "use the camera's IP address, and check that both machines are on the same network",
  ],
  [
    /unreachable|no route|network is down/i,
    "unreachable",
    "no route to it",
    "check that both machines are on the same network",
  ],
  [
    /no frame for/i,
    "timeout",
    "no frame in time",
    "check that the camera takes images and the network keeps up",
  ],
  [
    /timed? ?out|no answer for/i,
    "timeout",
    "no answer",
    NO_ANSWER,
  ],
  [
    /certificate|tls|ssl|handshake/i,
    "tls",
    "no TLS connection",
    "check the port, or use http://; TLS before 1.2 is not spoken",
  ],
];

/** What a camera sent in place of frames. */
function insteadOfFrames({ frames, truncated, strayBytes }: MjpegStats): string {
  if (truncated > 0) return `; ${truncated} of its frames were truncated`;
  return frames === 0 && strayBytes > 0 ? "; what it sends is not MJPEG" : "";
}

/**
 * The error of a camera that did not answer, or sent no frame, in time.
 *
 * @param url the camera's URL, without credentials
 * @param seconds how long
 * @param stats what it sent since it answered; undefined if it did not
 */
export function timeoutError(url: string, seconds: number, stats?: MjpegStats): ClipDriftError {
  const found = stats === undefined
    ? `Cannot connect to ${url}: no answer for ${seconds} s; ${NO_ANSWER}`
    : `Cannot go on reading ${url}: no frame for ${seconds} s${
      insteadOfFrames(stats)
    }; check that the camera takes images and the network keeps up`;
  return new ClipDriftError("timeout", `${found}; try curl ${new URL("/health", url)}`);
}

/** Text of an error and of those that caused it. */
function fullText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${fullText(error.cause)}`;
}

/** The last part of a chain of causes. */
function lastWords(error: unknown): string {
  return fullText(error).split(": ").at(-1)!;
}

/**
 * The error of a connection that could not be made or broke.
 *
 * @param url the camera's URL, without credentials
 * @param error what the runtime says; an error of ours is returned as it is
 */
export function connectError(url: string, error: unknown): ClipDriftError {
  if (error instanceof ClipDriftError) return error;
  const words = fullText(error);
  const found = CONNECTING.find(([pattern]) => pattern.test(words));
  if (found === undefined) {
    const message = `Cannot go on reading ${url}: ${lastWords(error)}`;
    return new ClipDriftError("closed", message, { cause: error });
  }
  const [, code, what, hint] = found;
  const health = /^http/.test(url) && (code === "refused" || code === "timeout")
    ? `; try curl ${new URL("/health", url)}`
    : "";
  const message = `Cannot connect to ${url}: ${what}; ${hint}${health}`;
  return new ClipDriftError(code, message, { cause: error });
}

/** What to do if a camera asks for name and password that were given, withheld, or not there. */
const CREDENTIALS: Readonly<Record<string, string>> = {
  given: "name or password is wrong",
  withheld: "they were not sent, as a redirect led away from the host in the URL; use the new URL",
  none: "give them in the URL, as name:password@ before the host",
};

/**
 * The error of an answer with the wrong status.
 *
 * @param url the camera's URL
 * @param status the HTTP status
 * @param note `none`, `given` or `withheld` for credentials, or what else to say
 */
export function statusError(url: URL, status: number, note: string): ClipDriftError {
  if (status === 401 || status === 403) {
    return new ClipDriftError(
      "unauthorized",
      `Cannot open ${shownUrl(url)}: the camera asks for a name and a password; ${
        CREDENTIALS[note]
      }`,
    );
  }
  if (status === 404) {
    return new ClipDriftError(
      "not-found",
      `Cannot open ${
        shownUrl(url)
      }: found no such path; the stream is often at /stream.mjpg, /video or /?action=stream`,
    );
  }
  const extra = Object.hasOwn(CREDENTIALS, note) ? "" : `, ${note}`;
  return new ClipDriftError(
    "http-status",
    `Cannot open ${shownUrl(url)}: the camera answered with status ${status}${extra}, expected 200`,
  );
}

/**
 * The error of an answer that is not MJPEG.
 *
 * @param url the camera's URL
 * @param contentType what it sends
 */
export function typeError(url: string, contentType: string): ClipDriftError {
  const hint = /html/i.test(contentType)
    ? "this is a page; the stream itself is often at /stream.mjpg"
    : "expected multipart/x-mixed-replace with image/jpeg parts";
  const found = /^image\/jpe?g/i.test(contentType)
    ? "found no complete image"
    : `its type is ${contentType || "not given"}; ${hint}`;
  return new ClipDriftError("not-mjpeg", `Cannot read ${url} as MJPEG: ${found}`);
}

/** What a camera's `/health` reports, to tell a fault of the camera from one of the network. */
export async function askHealth(streamUrl: string | URL): Promise<string> {
  const url = new URL("/health", streamUrl);
  url.username = url.password = "";
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    const words = (await response.text()).slice(0, 2000);
    if (!response.ok) return `its /health answers with status ${response.status}`;
    return describeHealth(JSON.parse(words));
  } catch {
    return "it has no /health that answers";
  }
}

function describeHealth(health: unknown): string {
  if (typeof health !== "object" || health === null) return "its /health answers";
  const { status, stats } = health as { status?: unknown; stats?: unknown };
  const running = (stats as { running?: unknown } | undefined)?.running;
  const state = typeof status === "string" ? `says "${status}"` : "answers";
  return `its /health ${state}${running === false ? ", but the camera is not running" : ""}`;
}
