/**
 * The options of the command and its subcommands, and how their values are read.
 *
 * `--stream`, `--test` and `--no-…` are those of Seymour-pi's encoders, as are the names and
 * defaults of the variables `ENCODERS_…` and `PISOURCE_…`; they stay.
 *
 * @module
 */
import { CHECKPOINT_OPTIONS, deviceKind } from "@vcs/onnx/internal";
import {
  choice,
  file,
  fileOrUrl,
  flag,
  folder,
  group,
  list,
  number,
  option,
  type OptionValues,
  splitCredentials,
  text,
  type ValueKind,
  whole,
  withPassword,
} from "@vcs/transport/internal";
import { isChannel } from "@vcs/transport/channel";
import { type AlertRule, parseRule } from "../alerts.ts";
import { ENCODER_MODELS } from "../vit/models.ts";
import type { DriftOptions } from "../drift.ts";
import { fingerprintDigits } from "../camera/socket.ts";
import { GIST_NAMES } from "../measures/gist_names.ts";
import { parsePolygon, type Polygon } from "../measures/regions.ts";
import { openSource } from "../source.ts";
import { shortName } from "./report.ts";

/** What is watched, and what it is called. */
export interface StreamSetting {
  /** Name for tiles, metrics, alerts and files: the one given, or host or file name. */
  readonly name: string;
  /** A camera's URL, a path, or `-`. */
  readonly spec: string;
}

/** What can be watched, perhaps with a name; a password in a URL is never shown. */
export const STREAM: ValueKind<StreamSetting> = {
  ...text("SOURCE"),
  allowed: "cameras' URLs, paths and -, each perhaps as name=…",
  completion: "file",
  parse(text) {
    const [, name, spec = ""] = /^(?:([\w-]+)=)?([^]*)$/.exec(text) ?? [];
    if (spec === "") return undefined;
    const opened = withPassword(spec);
    openSource(opened);
    return { name: name ?? shortName(opened), spec: opened };
  },
};

/** The fingerprint of a certificate. */
const FINGERPRINT: ValueKind<string> = {
  ...text("SHA256"),
  allowed: "SHA-256 fingerprints, 64 hexadecimal digits perhaps with colons",
  parse: fingerprintDigits,
};

/** A URL that is posted to; a password in it is never shown. */
const WEBHOOK: ValueKind<string> = {
  ...text("URL"),
  parse(text) {
    const url = withPassword(text);
    splitCredentials(url);
    return url;
  },
};

/** A broker, `mqtt://name:password@host:1883/topic`. */
const BROKER: ValueKind<string> = {
  ...text("URL"),
  parse(text) {
    const broker = withPassword(text);
    const { url: { protocol } } = splitCredentials(broker);
    if (protocol === "mqtt:" || protocol === "mqtts:") return broker;
    throw new TypeError(`Cannot publish to ${protocol} URLs: expected mqtt: or mqtts:`);
  },
};

/** A channel that what is seen is sent over. */
const CHANNEL: ValueKind<string> = {
  ...text("CHANNEL"),
  allowed: "channels' URLs, such as nats://host?stream=cameras",
  parse: (text) => isChannel(text) ? withPassword(text) : undefined,
};

/** A part of the picture. */
const POLYGON: ValueKind<Polygon> = { ...text("POLYGON"), parse: parsePolygon };

const RULE: ValueKind<AlertRule> = { ...text("RULE"), parse: parseRule };

/** Names of the networks: the first halves of the models' names, which are `NETWORK/TAG`. */
const NETWORKS = [
  ...new Set(ENCODER_MODELS.models.map(({ name }) => name.replace(/\/.*/, ""))),
  ...GIST_NAMES,
];

const MODEL: ValueKind<string> = { ...text("NAME"), completion: NETWORKS };

/** Texts between commas. */
export const LABELS: ValueKind<readonly string[]> = {
  placeholder: "LIST",
  allowed: "texts with commas between them",
  parse(text) {
    const labels = text.split(",").map((label) => label.trim()).filter((label) => label !== "");
    return labels.length > 0 ? labels : undefined;
  },
};

/** What frames are compared with: the mean of some of them, or an image. */
type Reference =
  | Pick<DriftOptions, "referenceFrames" | "referenceFrom">
  | { readonly image: string };

/** `first:10`, `frame:25`, or the path of an image. */
export const REFERENCE: ValueKind<Reference> = {
  placeholder: "WHAT",
  allowed: "first:10, frame:25 and paths of images",
  completion: "file",
  parse(text) {
    const [, kind, digits] = /^(first|frame):(\d+)$/.exec(text) ?? [];
    const count = Number(digits);
    if (kind === "first") return count > 0 ? { referenceFrames: count } : undefined;
    if (kind === "frame") return { referenceFrames: 1, referenceFrom: count };
    return text === "" ? undefined : { image: text };
  },
};

/** `every=10` or `none`, as a number of frames and 0. */
const EMBEDDINGS: ValueKind<number> = {
  placeholder: "WHICH",
  allowed: "every=N and none",
  parse(text) {
    if (text === "none") return 0;
    const every = Number(/^every=(\d{1,9})$/.exec(text)?.[1] ?? 0);
    return every > 0 ? every : undefined;
  },
};

/** Days, as `30d`. */
const KEEP: ValueKind<number> = {
  placeholder: "DAYS",
  allowed: "days, such as 30d",
  parse(text) {
    const days = Number(/^(\d{1,5})d$/.exec(text)?.[1] ?? 0);
    return days > 0 ? days : undefined;
  },
};

/** Where the page is served. */
interface Listen {
  readonly hostname: string;
  readonly port: number;
}

/** Host and port of `127.0.0.1:8080`, `:8080`, `8080` or `[::1]:8080`. */
export const LISTEN: ValueKind<Listen> = {
  placeholder: "ADDRESS",
  allowed: "addresses with ports, such as 127.0.0.1:8080",
  parse(text) {
    const match = /^(?:(\[[^\]]+\]|[^:]*):)?(\d{1,5})$/.exec(text);
    if (match === null || Number(match[2]) > 65535) return undefined;
    return { hostname: match[1]?.replace(/[[\]]/g, "") || "127.0.0.1", port: Number(match[2]) };
  },
};

/** What viewers of a page or of the simulated camera must know. */
const TOKEN = option(text("SECRET"), {
  help: "what viewers must know",
  defaultText: "a random one beyond loopback or behind a proxy, else none",
  env: "VCS_TOKEN",
  isSecret: true,
});

/** The URL that a proxy shows a page under. */
const PROXIED: ValueKind<URL> = {
  placeholder: "URL",
  allowed: "URLs that end with a slash, such as https://host.example/cameras/",
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return /^https?:\/\/[^@?#]+\/$/.test(text) ? url : undefined;
  },
};

/** Options of a page. */
const PAGE = {
  listen: option(LISTEN, {
    help: "where the page is served",
    defaultText: "127.0.0.1, any free port",
  }),
  behind: option(PROXIED, { help: "where a proxy shows the page" }),
  token: TOKEN,
};

/** Which network makes embeddings, and how. */
export const NETWORK = {
  model: option(MODEL, {
    help: `network: ${NETWORKS.join(", ")}; ${GIST_NAMES.join(" and ")} need no weights`,
    env: "ENCODERS_MODEL",
    defaultText: "ViT-B-32 if its weights are on this machine, else gist",
  }),
  weights: option(fileOrUrl("REFERENCE"), {
    help: "tag of published weights, path, URL or hf:owner/name/file",
    env: "ENCODERS_PRETRAINED",
    defaultText: "openai of CLIP; the others have one",
    formerly: ["pretrained"],
  }),
  ...CHECKPOINT_OPTIONS,
  device: option(deviceKind, {
    help: "what the model runs on: auto, cpu, cuda, cuda:N, webgpu or kserve://HOST:PORT",
    env: "ENCODERS_DEVICE",
    default: "auto",
  }),
  precision: option(choice(["fp32", "fp16", "int8"]), {
    help: "arithmetic of the network",
    default: "fp32",
  }),
  activation: option(choice(["quick_gelu", "gelu"]), {
    help: "activation of CLIP",
    defaultText: "the one that the weights were trained with",
  }),
};

/** Options of `export`. */
export const EXPORT = {
  precision: NETWORK.precision,
  activation: NETWORK.activation,
  ...CHECKPOINT_OPTIONS,
};

const ALERTS = {
  labels: option(LABELS, {
    help: 'texts of which the best fit is reported: "empty dock, truck at dock"',
  }),
  reference: option(REFERENCE, {
    help: "what frames are compared with: first:N, frame:N, or the path of an image",
    defaultText: "first:10",
  }),
  alert: list(RULE, {
    help: 'when to raise an alert: "moved: reference > 0.3 for 2s"; may repeat',
    defaultText: "scene: cut > 0.2 (gist: 0.4)",
  }),
  confirmFrames: option(whole({ min: 1, placeholder: "FRAMES" }), {
    help: "frames after which a cut must still be different: shorter flashes are none",
    default: 3,
  }),
  webhook: list(WEBHOOK, { help: "where alerts are posted as JSON; may repeat" }),
  mqtt: option(BROKER, {
    help: "broker that alerts are published to, and announced to Home Assistant",
    env: "ENCODERS_MQTT",
  }),
  publish: option(CHANNEL, {
    help: "channel that rows, embeddings and events are sent over, for clip-drift view CHANNEL",
  }),
  inlineSnapshot: flag({ help: "put the snapshot, as base64, into what alerts deliver" }),
  exec: list(text("COMMAND"), { help: "what is run with an alert on stdin; may repeat" }),
};

const positive = (placeholder: string) => number({ above: 0, placeholder });
const count = (placeholder: string) => whole({ min: 1, placeholder });

const READING = {
  policy: option(choice(["latest", "all"]), {
    help: "which frames to take",
    defaultText: "latest of cameras, all of files",
  }),
  maxFps: option(positive("N"), { help: "most frames per second", defaultText: "no limit" }),
  retries: option(whole({ min: 0 }), {
    help: "failed attempts to reach a camera before giving up",
    defaultText: "no limit",
  }),
  reconnectDelay: option(positive("SECONDS"), {
    help: "seconds before the first new attempt; doubled after each, up to 30",
    env: "ENCODERS_RECONNECT_DELAY",
    default: 2,
  }),
  frameTimeout: option(positive("SECONDS"), {
    help: "seconds without a frame until a camera counts as lost",
    env: "ENCODERS_FRAME_TIMEOUT",
    default: 10,
  }),
};

const CAMERAS = {
  tlsFingerprint: list(FINGERPRINT, {
    help: "certificate to trust, whoever signed it; may repeat",
  }),
  insecure: list(text("CAMERA"), {
    help: "name of a camera whose certificate is not checked; may repeat",
  }),
  acceptUnended: flag({ help: "take frames that the camera never ends" }),
};

const REGIONS = {
  roi: list(POLYGON, {
    help: 'part of the picture that counts, in shares of it: "0,0 0.5,0 0.5,1"; may repeat',
  }),
  mask: list(POLYGON, { help: "part of the picture that does not count; may repeat" }),
  regions: option(file(), {
    help:
      "JSON file of cameras' regions, before --roi and --mask; may change, and is drawn on the page",
  }),
};

const OUTPUT = {
  runs: option(folder(), { help: "where runs are kept", default: "runs" }),
  snapshotInterval: option(positive("SECONDS"), {
    help: "seconds between snapshots",
    env: "ENCODERS_SNAPSHOT_INTERVAL",
    default: 30,
  }),
  embeddingInterval: option(count("FRAMES"), {
    help: "frames in a batch of embeddings",
    env: "ENCODERS_EMBEDDING_INTERVAL",
    default: 100,
  }),
  embeddings: option(EMBEDDINGS, {
    help: "which embeddings are kept: every=N of the frames, or none",
    default: 1,
    defaultText: "every=1",
  }),
  split: option(choice(["daily"]), {
    help: "begin a new run folder each day",
    defaultText: "one folder",
  }),
  keep: option(KEEP, {
    help: "remove runs to which nothing was written for so long, as 30d",
    defaultText: "all are kept",
  }),
  rollingWindow: option(count("FRAMES"), {
    help: "frames that statistics and plot show",
    env: "ENCODERS_ROLLING_WINDOW",
    default: 300,
  }),
};

/** The options that Seymour-pi's encoders have. */
const BASIC = {
  stream: list(STREAM, {
    help: "URL of a camera, folder, MJPEG, video or -, perhaps as name=…; may repeat",
    short: "s",
  }),
  config: option(file(), { help: "TOML file of cameras, in place of --stream; may change" }),
  display: flag({ help: "no page: a text meter in the terminal", default: true }),
  plot: flag({ help: "no plot on the page", default: true }),
  save: flag({ help: "no run folder", default: true }),
  test: flag({ help: "connect, read and embed one frame; exit code 0 or 1" }),
  json: flag({ help: "the results as JSON on stdout, one line for each stream" }),
};

/** Options of the watch. */
export const WATCH = {
  ...group("Watch", BASIC),
  ...group("Model", NETWORK),
  ...group("Labels and alerts", ALERTS),
  ...group("Reading", READING),
  ...group("Cameras", CAMERAS),
  ...group("Regions", REGIONS),
  ...group("Run folder", OUTPUT),
  ...group("Page", PAGE),
};

/** Values of {@linkcode WATCH}. */
export type WatchSettings = OptionValues<typeof WATCH>;

/** Options of past runs' page. */
export const VIEW = PAGE;

/** Values of {@linkcode VIEW}. */
export type ViewSettings = OptionValues<typeof VIEW>;

const pixels = whole({ min: 1, max: 8192 });

/** Options of the simulated camera. */
export const CAMERA = {
  host: option(text("ADDRESS"), {
    help: "address to listen on",
    env: "PISOURCE_HOST",
    default: "127.0.0.1",
  }),
  port: option(whole({ min: 0, max: 65535 }), {
    help: "port; 0 is any free one",
    env: "PISOURCE_PORT",
    default: 8000,
  }),
  token: TOKEN,
  fps: option(positive("N"), { help: "frames per second", env: "PISOURCE_FPS", default: 15 }),
  width: option(pixels, { help: "width in pixels", env: "PISOURCE_WIDTH", default: 640 }),
  height: option(pixels, { help: "height in pixels", env: "PISOURCE_HEIGHT", default: 480 }),
  quality: option(whole({ min: 1, max: 100 }), {
    help: "JPEG quality",
    env: "PISOURCE_QUALITY",
    default: 80,
  }),
  cut: option(positive("SECONDS"), {
    help: "show another scene after so many seconds, again and again",
    defaultText: "never",
  }),
};
