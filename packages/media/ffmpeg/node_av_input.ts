/**
 * Files and live sources as FFmpeg in process opens them: the header, and the list of packets.
 *
 * @module
 */
import type { FieldOrder, Inspection, PacketRecord, StreamFacts } from "./backend.ts";
import { orientationOf } from "../formats/display_matrix.ts";
import { MediaError } from "../errors.ts";
import { eventLoopYielder } from "../decode/event_loop.ts";
import { codedPixels, MAX_PIXELS } from "../decode/video_options.ts";
import { HIDING_CODECS, isHidden } from "../decode/hidden_frames.ts";
import { isBare } from "../decode/packet_doubts.ts";
import type { RangeMirror } from "../remote/range_mirror.ts";
import { holdsIdr } from "../formats/h264_start.ts";
import { onAbort } from "@vcs/transport/internal";
import type { LiveInput } from "../live/address.ts";
import {
  AV,
  type AvCodecParameters,
  type AvFormatContext,
  type AvPacket,
  type AvStream,
  loadNodeAv,
  type NodeAv,
  type ProbingOptions,
} from "./node_av.ts";
import { MirrorReader } from "../remote/mirror_reader.ts";

/** FFmpeg's names of its colour matrix numbers (libavutil/pixfmt.h). */
const MATRIX_NAMES: Readonly<Record<number, string>> = {
  0: "gbr",
  1: "bt709",
  4: "fcc",
  5: "bt470bg",
  6: "smpte170m",
  7: "smpte240m",
  8: "ycgco",
  9: "bt2020nc",
  10: "bt2020c",
  11: "smpte2085",
  12: "chroma-derived-nc",
  13: "chroma-derived-c",
  14: "ictcp",
  15: "ipt-c2",
  16: "ycgco-re",
  17: "ycgco-ro",
};

/** FFmpeg's names of its transfer functions (libavutil/pixfmt.h). */
const TRANSFER_NAMES: Readonly<Record<number, string>> = {
  1: "bt709",
  4: "bt470m",
  5: "bt470bg",
  6: "smpte170m",
  7: "smpte240m",
  8: "linear",
  9: "log100",
  10: "log316",
  11: "iec61966-2-4",
  12: "bt1361e",
  13: "iec61966-2-1",
  14: "bt2020-10",
  15: "bt2020-12",
  16: "smpte2084",
  17: "smpte428",
  18: "arib-std-b67",
};

/** FFmpeg's AVFieldOrder: TT, BB, TB and BT. Files have the first letter for what is shown first. */
const FIELD_ORDERS: Readonly<Record<string, FieldOrder>> = {
  ...{ "2": "top", "4": "top" },
  ...{ "3": "bottom", "5": "bottom" },
};

/** The order of fields, which only the options of a decoder show. */
function fieldOrderOf(av: NodeAv, parameters: AvCodecParameters): FieldOrder {
  const context = new av.CodecContext();
  try {
    context.allocContext3(null);
    context.parametersToContext(parameters);
    return FIELD_ORDERS[context.getOption("field_order") ?? ""] ?? "progressive";
  } finally {
    context.freeContext();
  }
}

const RANGE_NAMES: Readonly<Record<number, string>> = { 1: "tv", 2: "pc" };

/**
 * Has FFmpeg decode no frame of any size to learn what a stream is. It takes an option for each of
 * the streams, and the package hands over one: beyond the first it would read what is not there.
 */
function probingBounds(av: NodeAv, input: AvFormatContext): ProbingOptions | null {
  if (input.streams.length !== 1) return null;
  const bounds = av.Dictionary.fromObject({ max_pixels: `${codedPixels(MAX_PIXELS)}` });
  return { map: (native) => native(bounds) };
}

/** Opens a file or URL and reads its header; an abort ends a live source's waits, then and later. */
export async function openInput(
  av: NodeAv,
  source: string,
  live?: LiveInput,
  signal?: AbortSignal,
  reader?: MirrorReader,
): Promise<AvFormatContext> {
  signal?.throwIfAborted();
  const input = new av.FormatContext();
  if (live || reader) input.allocContext(); // without it, opening cannot be interrupted
  if (reader) input.pb = reader.context;
  using _ = onAbort(signal, () => input.interrupt());
  const format = live?.format === undefined ? null : av.InputFormat.findInputFormat(live.format);
  let status = await input.openInput(source, format, av.Dictionary.fromObject(live?.options ?? {}));
  if (status >= 0) {
    status = await input.findStreamInfo(probingBounds(av, input));
    if (status >= 0 && !signal?.aborted) return input;
    await input.closeInput();
  }
  signal?.throwIfAborted();
  reader?.check();
  throw new MediaError(
    "invalid-media",
    `Cannot open ${source}: ${av.FFmpegError.strerror(status)}`,
  );
}

/** An input, and what reads a file elsewhere for it. */
export interface Opened {
  /** The input. */
  readonly input: AvFormatContext;
  /** What reads for it; undefined where the file is whole. */
  readonly reader?: MirrorReader;
}

/** Opens a file, or one elsewhere as far as it is read. */
export async function openFile(
  av: NodeAv,
  source: string,
  mirror: RangeMirror | undefined,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  if (mirror === undefined || mirror.whole !== undefined) {
    return { input: await openInput(av, source) };
  }
  const reader = new MirrorReader(av, mirror, signal);
  try {
    return { input: await openInput(av, source, undefined, signal, reader), reader };
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
}

/** The stream that was asked for, or the one that FFmpeg takes for the best. */
export function videoStream(
  input: AvFormatContext,
  source: string,
  wanted: number | undefined,
): AvStream {
  const index = wanted ?? input.findBestStream(AV.MEDIA_VIDEO);
  const stream = input.streams[index];
  if (stream?.codecpar.codecType === AV.MEDIA_VIDEO) return stream;
  const found = wanted === undefined ? "no video stream" : `stream ${wanted} is not video`;
  throw new MediaError("no-video-stream", `Cannot read video of ${source}: ${found}`);
}

/** A display matrix as FFmpeg keeps it: nine int32. */
function matrixOf(bytes: Uint8Array | null): number[] | undefined {
  if (bytes === null || bytes.length < 36) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 36);
  return Array.from({ length: 9 }, (_, i) => view.getInt32(4 * i, true));
}

const ratio = (value: { num: number; den: number }): number =>
  value.den > 0 && value.num > 0 ? value.num / value.den : 0;

/** What an input says of a stream. */
export function factsOf(av: NodeAv, input: AvFormatContext, stream: AvStream): StreamFacts {
  const parameters = stream.codecpar;
  const sar = [stream.sampleAspectRatio, parameters.sampleAspectRatio].find(ratio);
  return {
    container: input.iformat?.name ?? "unknown",
    stream: stream.index,
    codec: av.avGetCodecName(parameters.codecId) ?? "unknown",
    width: parameters.width,
    height: parameters.height,
    pixelFormat: parameters.format < 0 ? undefined : av.avGetPixFmtName(parameters.format) ??
      undefined,
    ...orientationOf(matrixOf(parameters.getCodedSideData(AV.PACKET_DISPLAY_MATRIX))),
    sampleAspectRatio: sar ? [sar.num, sar.den] : [1, 1],
    timeBase: [stream.timeBase.num, stream.timeBase.den],
    startTime: input.startTime === AV.NOPTS ? 0 : Number(input.startTime) / 1e6,
    frameRate: ratio(stream.avgFrameRate) || ratio(stream.rFrameRate),
    declaredFrames: Number(stream.nbFrames),
    colorMatrix: MATRIX_NAMES[parameters.colorSpace] ?? "unknown",
    colorTransfer: TRANSFER_NAMES[parameters.colorTrc] ?? "unknown",
    colorRange: RANGE_NAMES[parameters.colorRange] ?? "unknown",
    fieldOrder: fieldOrderOf(av, parameters),
  };
}

/** What a packet says of itself. */
export function recordOf(packet: AvPacket, codec: string): PacketRecord {
  const hidden = HIDING_CODECS.has(codec) && isHidden(codec, packet.data ?? new Uint8Array());
  return {
    ticks: packet.pts === AV.NOPTS ? undefined : Number(packet.pts),
    decodeTicks: packet.dts === AV.NOPTS ? undefined : Number(packet.dts),
    duration: Number(packet.duration),
    size: packet.size,
    keyframe: (packet.flags & AV.PACKET_KEY) !== 0,
    shown: !hidden && (packet.flags & AV.PACKET_DISCARD) === 0,
  };
}

/** The rate that the codec's own headers name, which counts where the file has no times; else 0. */
function bareRate({ codecpar }: AvStream, packets: readonly PacketRecord[]): number {
  return isBare(packets) ? ratio(codecpar.frameRate) : 0;
}

/** Has the demuxer skip all streams but one. */
export function selectStream(input: AvFormatContext, wanted: number): void {
  for (const stream of input.streams) {
    if (stream.index !== wanted) stream.discard = AV.DISCARD_ALL;
  }
}

async function readPackets(
  av: NodeAv,
  input: AvFormatContext,
  facts: StreamFacts,
  signal: AbortSignal | undefined,
): Promise<Pick<Inspection, "packets" | "beginsWhole">> {
  const packets: PacketRecord[] = [];
  let beginsWhole = false;
  const yieldToEventLoop = eventLoopYielder();
  const packet = new av.Packet();
  packet.alloc();
  try {
    while (input.readFrameSync(packet) >= 0) {
      if (packet.streamIndex === facts.stream) {
        if (packets.length === 0 && facts.codec === "h264") {
          beginsWhole = holdsIdr(packet.data ?? new Uint8Array());
        }
        packets.push(recordOf(packet, facts.codec));
      }
      packet.unref();
      await yieldToEventLoop(signal);
    }
  } finally {
    packet.free();
  }
  return { packets, beginsWhole };
}

/**
 * Codecs of which an MP4 file's own list says all that packets do. Others are looked into for where a
 * frame begins, whether it is a key frame, or whether it is shown.
 */
const LISTED_CODECS = new Set(["h264", "hevc", "mpeg4"]);

/** Closes an input, and then what reads for it. */
export function close({ input, reader }: Opened): void {
  input.closeInputSync();
  reader?.[Symbol.dispose]();
}

/** What the header says of a stream, and the first packet. */
async function readHeader(
  av: NodeAv,
  source: string,
  wanted: number | undefined,
  signal: AbortSignal | undefined,
  mirror: RangeMirror,
): Promise<Inspection> {
  const opened = await openFile(av, source, mirror, signal);
  const { input, reader } = opened;
  const packet = new av.Packet();
  packet.alloc();
  try {
    const stream = videoStream(input, source, wanted);
    const facts = factsOf(av, input, stream);
    selectStream(input, facts.stream);
    let beginsWhole = false;
    while (facts.codec === "h264" && await input.readFrame(packet) >= 0) {
      const isFirst = packet.streamIndex === facts.stream;
      beginsWhole = isFirst && holdsIdr(packet.data ?? new Uint8Array());
      packet.unref();
      if (isFirst) break;
    }
    reader?.check();
    return { facts, packets: [], beginsWhole };
  } finally {
    packet.free();
    close(opened);
  }
}

/**
 * The header of a file elsewhere, and its packets as the file lists them: they are read of the mirror,
 * whose holes are where their bytes are. Nothing of those is used.
 */
async function inspectMirror(
  av: NodeAv,
  source: string,
  wanted: number | undefined,
  signal: AbortSignal | undefined,
  mirror: RangeMirror,
): Promise<Inspection | undefined> {
  const header = await readHeader(av, source, wanted, signal, mirror);
  const { codec, stream } = header.facts;
  if (!LISTED_CODECS.has(codec)) {
    await mirror.complete(`frames of ${codec} have to be looked into`, signal);
    return undefined;
  }
  const input = new av.FormatContext();
  const options = av.Dictionary.fromObject({ fflags: "+noparse+nofillin" });
  const status = await input.openInput(source, null, options);
  try {
    if (status < 0 || input.streams[stream] === undefined) {
      throw new MediaError("invalid-media", `Cannot list the frames of ${source}`);
    }
    selectStream(input, stream);
    const { packets } = await readPackets(av, input, header.facts, signal);
    return { ...header, packets };
  } finally {
    if (status >= 0) input.closeInputSync();
  }
}

/** The header and all packets of a video stream. */
export async function inspect(
  source: string,
  wanted: number | undefined,
  signal?: AbortSignal,
  mirror?: RangeMirror,
): Promise<Inspection> {
  const av = await loadNodeAv();
  if (mirror && mirror.whole === undefined) {
    const listed = await inspectMirror(av, source, wanted, signal, mirror);
    if (listed) return listed;
  }
  const input = await openInput(av, source);
  try {
    const stream = videoStream(input, source, wanted);
    const facts = factsOf(av, input, stream);
    selectStream(input, facts.stream);
    const read = await readPackets(av, input, facts, signal);
    const frameRate = bareRate(stream, read.packets) || facts.frameRate;
    return { facts: { ...facts, frameRate }, ...read };
  } finally {
    input.closeInputSync();
  }
}
