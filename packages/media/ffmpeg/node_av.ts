/**
 * Loads node-av, FFmpeg in process. It is large and its binary is GPLv3, so that only a program that
 * decodes fetches it. The interfaces name what we use of it.
 *
 * @module
 */
import { lazyPart } from "@vcs/transport/internal";
import { NODE_AV } from "./node_av_part.ts";

/** A rational number. */
export interface Rational {
  readonly num: number;
  readonly den: number;
}

/** AVPacket. */
export interface AvPacket {
  alloc(): void;
  free(): void;
  unref(): void;
  streamIndex: number;
  pts: bigint;
  rescaleTs(from: Rational, to: Rational): void;
  readonly dts: bigint;
  duration: bigint;
  readonly size: number;
  readonly flags: number;
  readonly data: Uint8Array | null;
}

/** AVFrame. */
export interface AvFrame {
  alloc(): void;
  free(): void;
  unref(): void;
  readonly width: number;
  readonly height: number;
  format: number;
  pts: bigint;
  readonly sampleRate: number;
  readonly channels: number;
  readonly bestEffortTimestamp: bigint;
  readonly keyFrame: number;
  readonly decodeErrorFlags: number;
  readonly colorSpace: number;
  readonly colorRange: number;
  readonly linesize: number[];
  readonly data: Uint8Array[] | null;
  toBuffer(): Uint8Array<ArrayBuffer>;
  getSideData(type: number): Uint8Array | null;
  isHwFrame(): boolean;
  hwframeTransferDataSync(target: AvFrame, flags?: number): number;
}

/** AVCodecParameters. */
export interface AvCodecParameters {
  readonly codecType: number;
  readonly codecId: number;
  readonly extradata: Uint8Array | null;
  readonly width: number;
  readonly height: number;
  readonly format: number;
  readonly sampleRate: number;
  readonly channels: number;
  readonly sampleAspectRatio: Rational;
  readonly frameRate: Rational;
  readonly colorSpace: number;
  readonly colorTrc: number;
  readonly colorRange: number;
  getCodedSideData(type: number): Uint8Array | null;
}

/** AVStream. */
export interface AvStream {
  readonly index: number;
  readonly codecpar: AvCodecParameters;
  timeBase: Rational;
  readonly startTime: bigint;
  discard: number;
  readonly nbFrames: bigint;
  avgFrameRate: Rational;
  readonly rFrameRate: Rational;
  readonly sampleAspectRatio: Rational;
}

/** Options of probing, as the package takes them: it maps a list, and passes on what that gives. */
export interface ProbingOptions {
  map(native: (options: AvDictionary) => object): object;
}

/** AVIOContext. */
export interface AvIoContext {
  allocContextWithCallbacks(
    bufferSize: number,
    write: 0,
    read: (size: number) => Promise<Uint8Array | number>,
    writing: null,
    seek: (offset: bigint, whence: number) => bigint,
  ): void;
  freeContext(): void;
}

/** AVFormatContext. */
export interface AvFormatContext {
  openInput(
    url: string,
    format?: object | null,
    options?: AvDictionary | null,
  ): Promise<number>;
  allocContext(): void;
  pb: AvIoContext | null;
  interrupt(): void;
  closeInput(): Promise<void>;
  readFrame(packet: AvPacket): Promise<number>;
  findStreamInfo(options: ProbingOptions | null): Promise<number>;
  closeInputSync(): void;
  readFrameSync(packet: AvPacket): number;
  seekFrame(stream: number, timestamp: bigint, flags: number): Promise<number>;
  seekFrameSync(stream: number, timestamp: bigint, flags: number): number;
  readonly streams: AvStream[];
  readonly startTime: bigint;
  readonly iformat: { readonly name: string | null } | null;
  findBestStream(type: number): number;
  allocOutputContext2(format: null, name: string | null, path: string): number;
  newStream(codec: AvCodec): AvStream;
  openOutput(): Promise<number>;
  writeHeader(options: AvDictionary | null): Promise<number>;
  interleavedWriteFrame(packet: AvPacket | null): Promise<number>;
  writeTrailer(): Promise<number>;
  closeOutput(): Promise<void>;
  freeContext(): void;
}

/** AVDictionary. */
export interface AvDictionary {
  readonly count: number;
}

/** AVCodec. */
export interface AvCodec {
  readonly name: string | null;
}

/** AVCodecContext. */
export interface AvCodecContext {
  allocContext3(codec: AvCodec | null): void;
  freeContext(): void;
  parametersToContext(parameters: AvCodecParameters): number;
  open2(codec: AvCodec): Promise<number>;
  parametersFromContext(parameters: AvCodecParameters): number;
  sendFrame(frame: AvFrame | null): Promise<number>;
  receivePacketSync(packet: AvPacket): number;
  setFlags(...flags: number[]): void;
  width: number;
  height: number;
  timeBase: Rational;
  framerate: Rational;
  gopSize: number;
  readonly frameSize: number;
  colorRange: number;
  colorSpace: number;
  colorPrimaries: number;
  colorTrc: number;
  sendPacketSync(packet: AvPacket | null): number;
  receiveFrameSync(frame: AvFrame): number;
  setFlags2(...flags: number[]): void;
  setOption(name: string, value: string | number): number;
  getOption(name: string): string | null;
  setHardwarePixelFormat(format: number): void;
  pktTimebase: Rational;
  threadCount: number;
  threadType: number;
  hwDeviceCtx: AvHardwareDevice | null;
  pixelFormat: number;
}

/** AVHWDeviceContext. */
export interface AvHardwareDevice {
  create(type: number, device?: string | null): number;
  free(): void;
}

/** AVFilterContext. */
export interface AvFilterContext {
  buffersrcAddFrameSync(frame: AvFrame | null, flags?: number): number;
  buffersinkGetFrameSync(frame: AvFrame): number;
}

/** AVFilterInOut. */
export interface AvFilterInOut {
  alloc(): void;
  name: string | null;
  filterCtx: AvFilterContext | null;
  padIdx: number;
}

/** AVFilterGraph. */
export interface AvFilterGraph {
  alloc(): void;
  free(): void;
  nbThreads: number;
  createFilter(filter: object, name: string, args?: string): AvFilterContext | null;
  parsePtr(chain: string, inputs: AvFilterInOut, outputs: AvFilterInOut): number;
  configSync(): number;
}

/** The part of the package that we use. */
export interface NodeAv {
  readonly FormatContext: new () => AvFormatContext;
  readonly IOContext: new () => AvIoContext;
  readonly CodecContext: new () => AvCodecContext;
  readonly Packet: new () => AvPacket;
  readonly Frame: (new () => AvFrame) & {
    fromVideoBuffer(
      buffer: Uint8Array,
      shape: { width: number; height: number; format: number; pts: bigint; timeBase: Rational },
    ): AvFrame;
    fromAudioBuffer(
      buffer: Uint8Array,
      shape: {
        nbSamples: number;
        format: number;
        sampleRate: number;
        channelLayout: { nbChannels: number; order: number; mask: bigint };
        pts: bigint;
        timeBase: Rational;
      },
    ): AvFrame;
  };
  readonly Rational: new (num: number, den: number) => Rational;
  readonly InputFormat: { findInputFormat(name: string): object | null };
  readonly Dictionary: { fromObject(entries: Record<string, string>): AvDictionary };
  readonly FilterGraph: new () => AvFilterGraph;
  readonly FilterInOut: new () => AvFilterInOut;
  readonly HardwareDeviceContext: new () => AvHardwareDevice;
  readonly Filter: { getByName(name: string): object | null };
  readonly Codec: {
    findDecoder(id: number): AvCodec | null;
    findEncoderByName(name: string): AvCodec | null;
  };
  readonly Log: { setLevel(level: number): void };
  readonly FFmpegError: { strerror(code: number): string };
  avGetCodecName(id: number): string | null;
  avGetPixFmtName(format: number): string | null;
  avGetHardwareDeviceTypeFromName(name: string): number;
  avGetPixFmtFromName(name: string): number;
}

/** Constants of FFmpeg's headers that are the same in all of its versions. */
export const AV = {
  EAGAIN: -11,
  EOF: -0x20464f45,
  NOPTS: -(2n ** 63n),
  MEDIA_VIDEO: 0,
  MEDIA_AUDIO: 1,
  PACKET_KEY: 1,
  PACKET_CORRUPT: 2,
  PACKET_DISCARD: 4,
  SEEK_BACKWARD: 1,
  DISCARD_DEFAULT: 0,
  DISCARD_NONREF: 8,
  DISCARD_ALL: 48,
  THREAD_FRAME: 1,
  THREAD_SLICE: 2,
  FLAG2_EXPORT_MVS: 1 << 28,
  FRAME_MOTION_VECTORS: 8,
  PACKET_DISPLAY_MATRIX: 5,
  LOG_QUIET: -8,
  FLAG_GLOBAL_HEADER: 1 << 22,
} as const;

/** node-av, quiet, loaded once per process; rejects where it cannot be fetched. */
export const loadNodeAv: () => Promise<NodeAv> = lazyPart<NodeAv>(NODE_AV, {
  prepare: (module) => module.Log.setLevel(AV.LOG_QUIET),
});
