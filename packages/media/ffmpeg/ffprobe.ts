/**
 * What the program ffprobe reports of a video: the stream and its packets.
 *
 * @module
 */
import { BufferedReader } from "@vcs/transport/internal";
import type { FieldOrder, Inspection, PacketRecord, Ratio, StreamFacts } from "./backend.ts";
import { orientationOf } from "../formats/display_matrix.ts";
import { MediaError } from "../errors.ts";
import { HIDING_CODECS, isHidden } from "../decode/hidden_frames.ts";
import type { LiveInput } from "../live/address.ts";
import { linesOf, outputOf, Program } from "./programs.ts";

/** The part of ffprobe's description of a stream that we use. */
interface ProbedStream {
  readonly index: number;
  readonly codec_type?: string;
  readonly codec_name?: string;
  readonly width?: number;
  readonly height?: number;
  readonly pix_fmt?: string;
  readonly sample_aspect_ratio?: string;
  readonly time_base?: string;
  readonly avg_frame_rate?: string;
  readonly r_frame_rate?: string;
  readonly nb_frames?: string;
  readonly bit_rate?: string;
  readonly color_space?: string;
  readonly color_transfer?: string;
  readonly color_range?: string;
  readonly field_order?: string;
  readonly disposition?: Readonly<Record<string, number>>;
  readonly side_data_list?: readonly { readonly displaymatrix?: string }[];
}

interface Probe {
  readonly streams?: readonly ProbedStream[];
  readonly format?: { readonly format_name?: string; readonly start_time?: string };
}

/** Reads "30000/1001" or "4:3". */
function ratio(text: string | undefined): Ratio {
  const [num, den] = (text ?? "").split(/[/:]/).map(Number);
  return num && den ? [num, den] : [0, 1];
}

const quotient = (text: string | undefined): number => {
  const [num, den] = ratio(text);
  return num / den;
};

/** FFmpeg's order of preference: the default stream, then moving ones, then the bit rate. */
function preference(stream: ProbedStream): number[] {
  const { disposition = {}, nb_frames = "0", bit_rate = "0" } = stream;
  const frames = Number(nb_frames);
  return [
    disposition.attached_pic ? 0 : 1,
    disposition.default ?? 0,
    Math.min(5, frames),
    Number(bit_rate),
    frames,
  ];
}

/** Compares lists of numbers; the larger one comes first. */
function descending(a: number[], b: number[]): number {
  const i = a.findIndex((value, i) => value !== b[i]);
  return i < 0 ? 0 : b[i]! - a[i]!;
}

function chooseStream(probe: Probe, source: string, wanted: number | undefined): ProbedStream {
  const videos = (probe.streams ?? []).filter((stream) => stream.codec_type === "video");
  const best = videos.toSorted((a, b) => descending(preference(a), preference(b)))[0];
  const stream = wanted === undefined ? best : videos.find(({ index }) => index === wanted);
  if (stream) return stream;
  const found = wanted === undefined ? "no video stream" : `stream ${wanted} is not video`;
  throw new MediaError("no-video-stream", `Cannot read video of ${source}: ${found}`);
}

/** Reads three lines like "00000000: 65536 0 0". */
function parseMatrix(text: string): number[] {
  return text.trim().split("\n").flatMap((line) => line.trim().split(/\s+/).slice(1).map(Number));
}

/** By ffprobe's names. Files have the first letter for what is shown first. */
const FIELD_ORDERS: Readonly<Record<string, FieldOrder>> = {
  ...{ tt: "top", tb: "top" },
  ...{ bb: "bottom", bt: "bottom" },
};

function factsOf(probe: Probe, stream: ProbedStream): StreamFacts {
  const sar = ratio(stream.sample_aspect_ratio);
  const matrix = stream.side_data_list?.find((data) => data.displaymatrix)?.displaymatrix;
  return {
    container: probe.format?.format_name ?? "unknown",
    stream: stream.index,
    codec: stream.codec_name ?? "unknown",
    width: stream.width ?? 0,
    height: stream.height ?? 0,
    pixelFormat: stream.pix_fmt,
    ...orientationOf(matrix === undefined ? undefined : parseMatrix(matrix)),
    sampleAspectRatio: sar[0] > 0 ? sar : [1, 1],
    timeBase: ratio(stream.time_base),
    startTime: Number(probe.format?.start_time ?? 0) || 0,
    frameRate: quotient(stream.avg_frame_rate) || quotient(stream.r_frame_rate),
    declaredFrames: Number(stream.nb_frames ?? 0) || 0,
    colorMatrix: stream.color_space ?? "unknown",
    colorTransfer: stream.color_transfer ?? "unknown",
    colorRange: stream.color_range ?? "unknown",
    fieldOrder: FIELD_ORDERS[stream.field_order ?? ""] ?? "progressive",
  };
}

/** Reads "pts=0|dts=0|duration=1|size=9|flags=K_". */
function parsePacket(line: string): PacketRecord | undefined {
  const fields = new Map(
    line.trim().split("|").map((field) => {
      const [key, value] = field.split("=");
      return [key!, value];
    }),
  );
  const size = Number(fields.get("size"));
  if (!Number.isFinite(size)) return undefined;
  const [pts, dts] = ["pts", "dts"].map((name) => Number(fields.get(name)));
  const flags = fields.get("flags") ?? "";
  return {
    ticks: Number.isFinite(pts) ? pts : undefined,
    decodeTicks: Number.isFinite(dts) ? dts : undefined,
    duration: Number(fields.get("duration")) || 0,
    size,
    keyframe: flags.startsWith("K"),
    shown: flags[1] !== "D",
  };
}

async function readPackets(
  source: string,
  stream: number,
  signal: AbortSignal | undefined,
): Promise<PacketRecord[]> {
  const entries = "packet=pts,dts,duration,size,flags";
  const select = ["-v", "error", "-select_streams", `${stream}`, "-show_entries", entries];
  const packets: PacketRecord[] = [];
  const args = [...select, "-of", "compact=p=0", source];
  await using program = new Program("ffprobe", args, undefined, "null", signal);
  for await (const line of linesOf(program.stdout)) {
    const packet = parsePacket(line);
    if (packet) packets.push(packet);
  }
  await program.finish();
  signal?.throwIfAborted();
  return packets;
}

/** Marks hidden frames: has ffmpeg copy the packets out, one behind the other. */
async function markHidden(
  source: string,
  facts: StreamFacts,
  packets: readonly PacketRecord[],
  signal: AbortSignal | undefined,
): Promise<PacketRecord[]> {
  const map = ["-v", "error", "-nostdin", "-i", source, "-map", `0:${facts.stream}`];
  const copy = ["-c", "copy", "-copyinkf", "-f", "rawvideo", "pipe:1"];
  await using program = new Program("ffmpeg", [...map, ...copy], undefined, "null", signal);
  const reader = BufferedReader.of(program.stdout);
  const marked: PacketRecord[] = [];
  for (const packet of packets) {
    const bytes = await reader.upTo(packet.size);
    const isWhole = bytes.length === packet.size;
    marked.push({ ...packet, shown: packet.shown && !(isWhole && isHidden(facts.codec, bytes)) });
  }
  signal?.throwIfAborted();
  return marked;
}

/** Arguments that stand before a live source. */
export function liveArguments({ format, options }: LiveInput): string[] {
  const named = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value]);
  return [...(format === undefined ? [] : ["-f", format]), ...named];
}

const SHOW = ["-v", "error", "-show_format", "-show_streams", "-of", "json"];

/** Reads the header of a live source. */
export async function probeLive(
  input: LiveInput,
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<StreamFacts> {
  const text = await outputOf("ffprobe", [...SHOW, ...liveArguments(input), input.url], signal);
  const probe = JSON.parse(text) as Probe;
  return factsOf(probe, chooseStream(probe, input.url, wanted));
}

/** Reads the header and all packets of a video stream. */
export async function inspectByFfprobe(
  source: string,
  wanted: number | undefined,
  signal?: AbortSignal,
): Promise<Inspection> {
  const probe = JSON.parse(await outputOf("ffprobe", [...SHOW, source], signal)) as Probe;
  const facts = factsOf(probe, chooseStream(probe, source, wanted));
  const packets = await readPackets(source, facts.stream, signal);
  if (!HIDING_CODECS.has(facts.codec)) return { facts, packets };
  return { facts, packets: await markHidden(source, facts, packets, signal) };
}
