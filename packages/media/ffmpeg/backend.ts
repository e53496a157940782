/**
 * What the reader needs of FFmpeg, whichever way it is reached: node-av in process, or the
 * programs ffmpeg and ffprobe. Not public: choose with the reader's `backend` option.
 *
 * @module
 */
import type { Orientation } from "../formats/display_matrix.ts";
import type { MotionVectors } from "../decode/motion_vectors.ts";
import type { RangeMirror } from "../remote/range_mirror.ts";
import type { LiveInput } from "../live/address.ts";

/** Numerator and denominator. */
export type Ratio = readonly [number, number];

/** One packet of the video stream, in decode order. */
export interface PacketRecord {
  /** Presentation time in time-base units; undefined where the container has none. */
  readonly ticks: number | undefined;
  /** Time of decoding in time-base units, the only one in AVI; undefined where there is none. */
  readonly decodeTicks: number | undefined;
  /** Duration in time-base units, 0 where unknown. */
  readonly duration: number;
  /** Bytes. */
  readonly size: number;
  /** Whether decoding can start here. */
  readonly keyframe: boolean;
  /** False for packets that are decoded but never shown: cut by an edit list, or hidden frames. */
  readonly shown: boolean;
}

/** What the container and the codec header say about the video stream. */
export interface StreamFacts extends Orientation {
  /** Short name of the container format. */
  readonly container: string;
  /** Index of the stream in the container. */
  readonly stream: number;
  /** Codec name as FFmpeg has it. */
  readonly codec: string;
  /** Size of the stored frame in pixels. */
  readonly width: number;
  /** Size of the stored frame in pixels. */
  readonly height: number;
  /** FFmpeg's name of the stored pixel format; undefined where no frame shows it. */
  readonly pixelFormat: string | undefined;
  /** Width to height of one pixel. */
  readonly sampleAspectRatio: Ratio;
  /** Seconds per tick. */
  readonly timeBase: Ratio;
  /** Time that the container starts at, in seconds; presentation times count from here. */
  readonly startTime: number;
  /** Frames per second that the container names, 0 where it does not. */
  readonly frameRate: number;
  /** Number of frames that the container promises, 0 where it does not. */
  readonly declaredFrames: number;
  /** Colour matrix as FFmpeg names it ("bt709", …), or "unknown". */
  readonly colorMatrix: string;
  /** Transfer function as FFmpeg names it ("smpte2084" for PQ, "arib-std-b67" for HLG), or "unknown". */
  readonly colorTransfer: string;
  /** Colour range as FFmpeg names it ("tv" or "pc"), or "unknown". */
  readonly colorRange: string;
  /** Whether frames are two fields of different times: which is stored first, or neither. */
  readonly fieldOrder: FieldOrder;
}

/** The first field of an interlaced frame, in time; progressive where it is none, or not known. */
export type FieldOrder = "top" | "bottom" | "progressive";

/** The stream and all of its packets. */
export interface Inspection {
  /** What the header says. */
  readonly facts: StreamFacts;
  /** The packets in decode order. */
  readonly packets: readonly PacketRecord[];
  /** Whether the first packet is known to be shown without anything before it. Default: false. */
  readonly beginsWhole?: boolean;
  /**
   * Frames a second at which packets were counted that the file does not list; undefined where all
   * are listed.
   */
  readonly countedAt?: number;
}

/** How decoding is to be done. */
export interface DecodeRequest {
  /** Path or URL. */
  readonly source: string;
  /** The file elsewhere that the path mirrors; undefined where the file is whole. */
  readonly mirror?: RangeMirror | undefined;
  /** How a live source is opened; undefined for files. */
  readonly input?: LiveInput;
  /** The stream. */
  readonly facts: StreamFacts;
  /** Presentation time of the key frame to start at; from the beginning where undefined. */
  readonly from: number | undefined;
  /** Presentation times of the frames whose pixels are needed; all of them where undefined. */
  readonly wanted: readonly number[] | undefined;
  /** Whether other frames may be left undecoded, where nothing builds on them. */
  readonly sparse: boolean;
  /** FFmpeg filter chain for the pixels; stored pixels where undefined. */
  readonly filter: string | undefined;
  /** Bytes of one frame that leaves the filter; undefined for stored pixels. */
  readonly frameBytes: number | undefined;
  /** Decoder threads, 0 for one per core. */
  readonly threads: number;
  /** What threads share: frames, slices of a frame, or both. */
  readonly threadType: "auto" | "frame" | "slice";
  /** "cpu", or "cuda" with an optional device number. */
  readonly device: string;
  /** Most pixels of a stored frame; larger ones are not decoded. */
  readonly maxPixels: number;
  /** Whether motion vectors are wanted. */
  readonly motion: boolean;
  /** Ends decoding. */
  readonly signal: AbortSignal | undefined;
}

/** A decoded frame; good until the run's next frame is asked for. */
export interface DecodedFrame {
  /** Presentation time in time-base units; undefined where there is none. */
  readonly ticks: number | undefined;
  /** Whether it is a key frame. */
  readonly keyframe: boolean;
  /** Size of the stored frame in pixels, which can change on the way. */
  readonly width: number;
  /** Size of the stored frame in pixels. */
  readonly height: number;
  /** Whether the decoder met errors in it or since the frame before. */
  readonly damaged: boolean;
  /**
   * The pixels, in memory of their own; not good for frames that are not wanted.
   *
   * @param into may be used in place of fresh memory, if it is as long
   */
  pixels(into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** Motion vectors, where they were asked for. */
  motion(): MotionVectors;
  /** The same frame in memory of its own. */
  keep(): DecodedFrame;
}

/** A decoder on its way through the stream. */
export interface DecodeRun extends AsyncDisposable {
  /** Whether frames that nobody asked for are skipped. */
  readonly sparse: boolean;
  /** The next frame in presentation order, undefined after the last. */
  next(): Promise<DecodedFrame | undefined>;
}

/** A live source whose header has been read. */
export interface LiveConnection extends AsyncDisposable {
  /** What the header says. */
  readonly facts: StreamFacts;
  /** Decodes it, once. */
  decode(request: DecodeRequest): Promise<DecodeRun>;
}

/** One way to reach FFmpeg. */
export interface Backend {
  /** Name for the `backend` option. */
  readonly name: "node-av" | "ffmpeg";
  /** What one seek costs, counted in frames decoded and not used. */
  readonly seekCost: number;
  /**
   * Reads the header and all packets of a video stream.
   *
   * @param mirror what the path mirrors: its header is read, and the list of its frames
   */
  inspect(
    source: string,
    stream: number | undefined,
    signal?: AbortSignal,
    mirror?: RangeMirror,
  ): Promise<Inspection>;
  /** Connects to a live source; an abort ends this and all that is read later. */
  connect(
    input: LiveInput,
    stream: number | undefined,
    signal: AbortSignal,
  ): Promise<LiveConnection>;
  /** Starts to decode. */
  decode(request: DecodeRequest): Promise<DecodeRun>;
}
