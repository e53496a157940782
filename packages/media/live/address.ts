/**
 * What a source's text names: a live stream that FFmpeg opens, something behind HTTP, or a path.
 * Every command asks here, so that all of them read the same URLs.
 *
 * @module
 */
import { shownUrl } from "@vcs/transport/portable";

/** Schemes that are live, with what FFmpeg has to know of each beyond its defaults. */
const LIVE_SCHEMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Over UDP where the server refuses TCP, which loses nothing and passes every firewall.
  rtsp: { rtsp_flags: "prefer_tcp" },
  rtsps: {},
  rtspt: { rtsp_transport: "tcp" },
  rtspu: { rtsp_transport: "udp" },
  rtmp: {},
  rtmps: {},
  rtmpt: {},
  srt: {},
  udp: {},
  rtp: {},
};

/** Playlists and streams behind HTTP that are video, not MJPEG. */
const LIVE_FILE = /^https?:\/\/[^?#]+\.(m3u8|mpd|flv|ts)([?#]|$)/i;

/** A camera at this machine, as Linux names it. */
const LOCAL_CAMERA = /^\/dev\/video\d+$/;

/** What FFmpeg may open on behalf of a URL: a playlist from elsewhere must not name files here. */
const PROTOCOLS = "crypto,data,hls,http,httpproxy,https,rtmp,rtmps,rtmpt,rtp,srt,srtp,tcp,tls,udp";

/** The rate is not waited for: finding it takes two seconds of frames. */
const PROBING = { fpsprobesize: "0" };

/** What is in front of a path in a URL; of one letter, it is a drive. */
const SCHEME = /^([a-z][a-z\d+.-]+):[/\\]+/i;

/** What a source's text names. */
export type SourceKind = "live" | "http" | "path";

/** How FFmpeg opens a live source. */
export interface LiveInput {
  /** What FFmpeg is given; may hold a password. */
  readonly url: string;
  /** The URL for people, without credentials. */
  readonly shown: string;
  /** FFmpeg's name of the container or device, where the URL does not say it. */
  readonly format?: string;
  /** Options of FFmpeg's demuxer and protocol. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * Whether a source is live (`rtsp:`, `rtmp:`, `srt:`, `udp:`, `rtp:`, HLS and DASH behind HTTP,
 * `/dev/video0`), another URL of `http:` or `https:`, or a path or `file:` URL.
 *
 * @throws {TypeError} for other schemes, and for credentials without one; the message holds no
 * password
 */
export function sourceKind(source: string): SourceKind {
  if (LOCAL_CAMERA.test(source) || LIVE_FILE.test(source)) return "live";
  if (/^https?:\/\//i.test(source)) return "http";
  if (/^file:\/\//i.test(source)) return "path";
  const [before = "", scheme] = SCHEME.exec(source) ?? [];
  if (scheme !== undefined && /:\/\/$/.test(before) && schemeOptions(scheme)) return "live";
  const rest = source.slice(before.length);
  const hasCredentials = /^[^/\\@]+:[^/\\@]*@/.test(rest);
  if (scheme === undefined && !hasCredentials) return "path";
  const shown = before + rest.replace(/^[^/\\]*@/, "").replace(/\?.*/, "");
  const found = scheme === undefined ? "credentials without a scheme" : `scheme ${before}`;
  const expected = [...Object.keys(LIVE_SCHEMES), "http", "https"].join(", ");
  throw new TypeError(
    `Cannot open ${shown}: found ${found}, expected a path or one of ${expected}`,
  );
}

function schemeOptions(scheme: string): Readonly<Record<string, string>> | undefined {
  const name = scheme.toLowerCase();
  return Object.hasOwn(LIVE_SCHEMES, name) ? LIVE_SCHEMES[name] : undefined;
}

/**
 * How FFmpeg opens a live source.
 *
 * @throws {TypeError} where the text names none; the message holds no password
 */
export function liveInput(source: string): LiveInput {
  if (sourceKind(source) !== "live") {
    throw new TypeError(
      `Cannot open ${shownSource(source)} as a live source: expected a URL that FFmpeg reads live`,
    );
  }
  if (LOCAL_CAMERA.test(source)) {
    return { url: source, shown: source, format: "v4l2", options: PROBING };
  }
  const [, scheme = ""] = SCHEME.exec(source) ?? [];
  return {
    url: source.replace(/^rtsp[tu]:/i, "rtsp:"),
    shown: shownUrl(source),
    options: { ...PROBING, ...schemeOptions(scheme), protocol_whitelist: PROTOCOLS },
  };
}

/**
 * A source as it may be shown and logged: a URL without name and password, a path as it is.
 *
 * @throws {TypeError} as {@linkcode sourceKind} does
 */
export function shownSource(source: string): string {
  const isUrl = sourceKind(source) !== "path" && !LOCAL_CAMERA.test(source);
  return isUrl ? shownUrl(source) : source;
}
