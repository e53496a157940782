/**
 * The tables of the subcommands: their options and operands.
 *
 * @module
 */
import { shownSource } from "@vcs/media/internal";
import { CHECKPOINT_OPTIONS, deviceKind } from "@vcs/onnx/internal";
import { POLICIES } from "@vcs/transport/portable";
import {
  CHANNEL_OPTIONS,
  choice,
  file,
  fileOrUrl,
  flag,
  group,
  number,
  operand,
  option,
  optionalOperand,
  text,
  urlText,
  type ValueKind,
  whole,
  withPassword,
} from "@vcs/transport/internal";
import { VIDEO_MODELS } from "../models.ts";
import { PAYLOAD_FORMS } from "../stream/window_message.ts";
import { TINY_MODEL } from "../tiny/graph.ts";

/** Width and height of frames in pixels. */
export interface FrameSize {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** Whether a name is that of a network, and not where weights are. */
export function isNetwork(name: string): boolean {
  return name === TINY_MODEL || VIDEO_MODELS.find(name) !== undefined;
}

const NETWORKS = [...VIDEO_MODELS.models.map(({ name }) => name), TINY_MODEL];

/** Until the next minor version, a path or URL may stand here, too: see `chosenModel` in settings.ts. */
const NETWORK: ValueKind<string> = {
  placeholder: NETWORKS.join("|"),
  allowed: NETWORKS.join(", "),
  completion: NETWORKS,
  parse: (text) => isNetwork(text) || /[./:\\]/.test(text) ? text : undefined,
};

function sizeKind(allowed: string, isAllowed: (side: number) => boolean): ValueKind<FrameSize> {
  return {
    placeholder: "N|WxH",
    allowed,
    parse(text) {
      const [, width, height = width] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(text) ?? [];
      const size = { width: Number(width), height: Number(height) };
      return isAllowed(size.width) && isAllowed(size.height) ? size : undefined;
    },
  };
}

const CODED_SIZE = sizeKind(
  "multiples of 8 from 8 to 1024, as 128 or 256x128",
  (side) => side % 8 === 0 && side >= 8 && side <= 1024,
);

const RAW_SIZE = sizeKind("sizes as 640x480", (side) => side > 0);

const STREAM_ID: ValueKind<string> = {
  placeholder: "ID",
  allowed: "16 hexadecimal digits",
  parse: (text) => /^[0-9a-f]{16}$/i.test(text) ? text.toLowerCase() : undefined,
};

/** Where to listen. */
interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** An address with its port, as `127.0.0.1:9000` or `[::1]:9000`. */
export const ADDRESS: ValueKind<Address> = {
  placeholder: "HOST:PORT",
  allowed: "addresses as 127.0.0.1:9000 or [::1]:9000",
  parse(text) {
    const [, bare, bracketed, port] = /^(?:([^:]+)|\[([0-9a-f:.]+)\]):(\d{1,5})$/i.exec(text) ?? [];
    const hostname = bare ?? bracketed;
    return hostname && Number(port) <= 65_535 ? { hostname, port: Number(port) } : undefined;
  },
};

/** Which network runs, with which weights. */
const NETWORK_CHOICE = {
  model: option(NETWORK, {
    help: "network",
    defaultText: "open-magvit2-video if its weights are on this machine, else vq-tiny",
  }),
  weights: option(fileOrUrl("REFERENCE"), {
    help: "weights of another network than vq-tiny: a path, a URL or hf:owner/name/file",
    defaultText: "the authors' checkpoint",
  }),
  device: option(deviceKind, {
    help: "where it runs: auto, cpu, cuda, cuda:N, webgpu or kserve://HOST:PORT",
    default: "auto",
  }),
};

/** Which network runs, with which weights, and where. */
export const MODEL = group("Model", {
  ...NETWORK_CHOICE,
  ...CHECKPOINT_OPTIONS,
  threads: option(whole({ min: 1, max: 1024 }), {
    help: "threads on the CPU",
    defaultText: "one per core",
  }),
  precision: option(choice(["fp32", "fp16"], { formerly: { f32: "fp32", f16: "fp16" } }), {
    help: "what convolutions compute in",
    default: "fp32",
  }),
  parameters: option(choice(["ema", "raw"]), {
    help: "the checkpoint's moving averages, or its parameters as trained last",
    defaultText: "ema if the checkpoint has it",
  }),
});

/** How a source is read, and its frames are fitted and collected. */
export const FRAMES = group("Frames", {
  size: option(CODED_SIZE, {
    help: "size of the frames that are coded",
    default: { width: 128, height: 128 },
    defaultText: "128",
  }),
  fit: option(choice(["crop", "pad", "stretch"]), {
    help: "how frames are made to fit that size",
    default: "crop",
  }),
  cropSeed: option(whole({ min: 0, max: 2 ** 31 - 1 }), {
    help: "seed for the place of the crop",
    defaultText: "the centre",
  }),
  tail: option(choice(["pad", "exact", "drop"]), {
    help: "what becomes of the last frames if they do not fill a window",
    default: "pad",
  }),
  onError: option(choice(["throw", "nearest", "skip"]), {
    help: "a frame that cannot be read: an error, its nearest neighbour in its place, or left out",
    default: "nearest",
  }),
  rawSize: option(RAW_SIZE, { help: "size of raw frames" }),
  live: flag({ help: "raw frames come in real time, from a program that does not wait" }),
  fps: option(number({ min: 0.01, max: 1000 }), {
    help: "frames per second of raw frames, images and cameras",
    defaultText: "the camera's own, else 24",
  }),
});

const TOKENS = group("Tokens", {
  payload: option(choice(PAYLOAD_FORMS), {
    help: "how tokens are written into a message",
    defaultText: "range where nothing is lost on the way, else packed",
  }),
  keyEvery: option(whole({ min: 1, max: 1_000_000 }), {
    help: "windows from one key window to the next, if tokens are range coded",
    defaultText: "16; 1 with --stream-id",
  }),
  windowVersion: option(choice(["1", "2"]), {
    help: "version of the windows: 1, which all receivers read, or 2, which takes fewer bytes",
    defaultText: "2 where the receiver says over tcp: or ws: that it reads it, else 1",
  }),
});

const QUEUE = {
  queue: option(whole({ min: 2, max: 4 }), { help: "windows that may wait", default: 3 }),
  policy: option(choice(POLICIES), { help: "what a full queue does", default: "block" }),
};

/** How a channel is opened. */
export const CHANNEL = {
  ...CHANNEL_OPTIONS,
  timeout: { ...CHANNEL_OPTIONS.timeout, formerly: ["patience"] },
};

const REPORT = {
  stats: option(file(), { help: "write statistics to a file, a line of JSON every second" }),
  json: flag({ help: "print the totals as JSON on stdout" }),
};

/** How others may look at a running stream. */
export const OBSERVED = {
  listen: option(ADDRESS, {
    help: "serve /metrics and /health there; beyond this machine a token is needed",
  }),
  token: option(text(), {
    help: "what those who read them must know",
    defaultText: "random beyond this machine",
    env: "VCS_TOKEN",
    isSecret: true,
  }),
};

/** A source; other schemes and typos are refused before anything is opened. */
const SOURCE_TEXT: ValueKind<string> = {
  ...file("SOURCE"),
  parse(text) {
    const source = withPassword(text);
    if (source !== "-" && source !== "") shownSource(source);
    return source || undefined;
  },
};

const SOURCE = operand(
  SOURCE_TEXT,
  "a video file, a folder of images, - for raw RGB on stdin, or a camera's URL",
);

const CHANNEL_URL = operand(
  urlText("CHANNEL"),
  "URL such as tcp://host:7000, file:folder/, zmq+push://…, redis://…, amqp://… or nats://…",
);

const OUTPUT = operand(
  file("OUTPUT"),
  "clip.mp4 or clip.webm, clip.rgb for raw RGB, or - for raw RGB on stdout",
);

/** Operands of `encode`. */
export const ENCODE_OPERANDS = { source: SOURCE, channel: CHANNEL_URL };

/** Options of `encode`. */
export const ENCODE = {
  ...MODEL,
  ...FRAMES,
  ...TOKENS,
  ...group("Stream", {
    ...QUEUE,
    captureRing: option(whole({ min: 17, max: 510 }), {
      help: "frames of a live source that are kept while the encoder is busy",
      default: 34,
    }),
    streamId: option(STREAM_ID, {
      help: "id of a stream that is sent again",
      defaultText: "a random one",
    }),
    ...CHANNEL,
  }),
  ...OBSERVED,
  ...REPORT,
};

/** Operands of `decode`. */
export const DECODE_OPERANDS = { channel: CHANNEL_URL, output: OUTPUT };

/** Options of `decode`. */
export const DECODE = {
  ...MODEL,
  ...group("Playback", {
    play: flag({ help: "write frames at a steady rate" }),
    rate: option(number({ min: 0.1, max: 1000 }), {
      help: "frames per second, with --play",
      defaultText: "that of the stream",
    }),
    ring: option(whole({ min: 34, max: 51 }), {
      help: "frames that may wait to be shown, with --play",
      default: 51,
    }),
    jitter: option(number({ min: 0, max: 60, placeholder: "SECONDS" }), {
      help: "how long the first frame is held back, with --play",
      default: 0.1,
    }),
    underrun: option(choice(["repeat", "wait"]), {
      help: "what is shown if no frame is ready, with --play",
      default: "repeat",
    }),
  }),
  ...group("Stream", {
    ...QUEUE,
    reorder: option(whole({ min: 0, max: 600_000, placeholder: "MS" }), {
      help: "milliseconds to wait for a window that later ones have overtaken",
      default: 0,
    }),
    journal: option(file(), { help: "keep received windows in a file, to survive being killed" }),
    onResize: option(choice(["fit", "skip"]), {
      help: "windows of another size than the first: fitted to it, or left out",
      default: "fit",
    }),
    maxPositions: option(whole({ min: 1, max: 1_000_000 }), {
      help: "most positions of a latent; larger windows are left out as damaged",
      default: 81_920,
    }),
    force: flag({ help: "decode windows that were made with other weights" }),
    ...CHANNEL,
  }),
  from: option(number({ min: 0, placeholder: "SECONDS" }), {
    help: "where in the stream the output begins",
    defaultText: "at its start",
  }),
  to: option(number({ min: 0, placeholder: "SECONDS" }), {
    help: "where in the stream the output ends",
    defaultText: "at its end",
  }),
  times: option(file(), { help: "write the exact times of frames to a file" }),
  ...OBSERVED,
  ...REPORT,
};

/** Operands of `roundtrip`. */
export const ROUNDTRIP_OPERANDS = {
  source: SOURCE,
  output: optionalOperand(OUTPUT.kind, OUTPUT.help),
};

/** Options of `roundtrip`. */
export const ROUNDTRIP = {
  ...MODEL,
  ...FRAMES,
  ...TOKENS,
  ...group("Stream", QUEUE),
  ...REPORT,
};

/** Operands of `inspect`. */
export const INSPECT_OPERANDS = {
  stream: operand(
    file("STREAM"),
    "a journal, file:folder/ or zmq+sub://…: other channels give each window to one receiver only",
  ),
};

/** Options of `inspect`. */
export const INSPECT = {
  json: flag({ help: "print the windows as lines of JSON" }),
  timeout: CHANNEL.timeout,
};

/** Operands of `page`. */
export const PAGE_OPERANDS = {
  source: optionalOperand(
    SOURCE_TEXT,
    "a video file, a folder of images or a camera's URL. Default: a drawn scene",
  ),
};

/** Options of `page`. */
export const PAGE = {
  ...group("Model", { ...NETWORK_CHOICE, ...CHECKPOINT_OPTIONS }),
  ...group("Frames", {
    size: FRAMES.size,
    fps: option(number({ min: 0.01, max: 1000 }), {
      help: "frames per second of the drawn scene and of files",
      defaultText: "that of the file; 24 for the drawn scene",
    }),
    payload: option(choice(["packed", "range"]), {
      help: "how tokens are written into a message",
      default: "range",
    }),
  }),
  port: option(whole({ min: 0, max: 65535 }), {
    help: "port of the page",
    defaultText: "8414; 8415 with --to",
  }),
  host: option(text("ADDRESS"), {
    help: "address to listen on; beyond this machine a token is needed",
    default: "127.0.0.1",
  }),
  token: option(text(), {
    help: "what viewers must know",
    defaultText: "random beyond this machine",
    env: "VCS_TOKEN",
    isSecret: true,
  }),
  channel: option(urlText(), {
    help: "channel on which windows come in",
    default: "tcp://127.0.0.1:0",
    formerly: ["listen"],
  }),
  sender: option(urlText(), {
    help: "URL that a sender elsewhere printed; none is started then",
  }),
  to: option(urlText("CHANNEL"), {
    help: "be that sender: encode the source into the channel, and show it to the page",
  }),
};

/** Options of `export`. */
export const EXPORT = {
  size: FRAMES.size,
  precision: MODEL.precision,
  parameters: MODEL.parameters,
  ...CHECKPOINT_OPTIONS,
};
