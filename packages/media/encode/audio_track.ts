/**
 * A track of sound, encoded by FFmpeg in process.
 *
 * @module
 */
import type { AvCodecContext, AvFrame, NodeAv } from "../ffmpeg/node_av.ts";
import { type AudioPlan, interleaved } from "./video_encoder.ts";

/** Numbers of the sample formats that the encoders take (libavutil/samplefmt.h). */
const FORMATS = { aac: 8, libopus: 3 };

/** One speaker, or left and right, in FFmpeg's own order (libavutil/channel_layout.h). */
const LAYOUTS: Readonly<Record<number, bigint>> = { 1: 4n, 2: 3n };
const NATIVE_ORDER = 1;

/** Cuts samples into the pieces that an encoder takes. */
export class AudioFrames {
  readonly #av: NodeAv;
  readonly #plan: AudioPlan;
  readonly #encoder: AvCodecContext;
  #waiting: Float32Array[];
  #sent = 0;

  /** Takes an encoder that is open, as {@linkcode audioSettings} describes it. */
  constructor(av: NodeAv, plan: AudioPlan, encoder: AvCodecContext) {
    this.#av = av;
    this.#plan = plan;
    this.#encoder = encoder;
    this.#waiting = Array.from({ length: plan.channels }, () => new Float32Array());
  }

  /** Takes samples, and gives the frames that are full; the caller frees them. */
  *add(planes: readonly Float32Array[]): Generator<AvFrame> {
    this.#waiting = this.#waiting.map((kept, channel) => {
      const all = new Float32Array(kept.length + planes[channel]!.length);
      all.set(kept);
      all.set(planes[channel]!, kept.length);
      return all;
    });
    const { frameSize } = this.#encoder;
    let at = 0;
    for (; at + frameSize <= this.#waiting[0]!.length; at += frameSize) {
      yield this.#frame(at, frameSize);
    }
    this.#waiting = this.#waiting.map((plane) => plane.slice(at));
  }

  /** What is left for a last, shorter frame. */
  *rest(): Generator<AvFrame> {
    const { length } = this.#waiting[0]!;
    if (length > 0) yield this.#frame(0, length);
  }

  #frame(start: number, length: number): AvFrame {
    const { encoder, channels, sampleRate } = this.#plan;
    const planes = this.#waiting.map((plane) => plane.subarray(start, start + length));
    const row = encoder === "aac" ? joined(planes) : interleaved(planes);
    const frame = this.#av.Frame.fromAudioBuffer(new Uint8Array(row.buffer), {
      nbSamples: length,
      format: FORMATS[encoder],
      sampleRate,
      channelLayout: layoutOf(channels),
      pts: BigInt(this.#sent),
      timeBase: this.#encoder.timeBase,
    });
    this.#sent += length;
    return frame;
  }
}

/** Planes one after the other. */
function joined(planes: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const length = planes[0]!.length;
  const all = new Float32Array(planes.length * length);
  planes.forEach((plane, channel) => all.set(plane, channel * length));
  return all;
}

function layoutOf(channels: number) {
  return { nbChannels: channels, order: NATIVE_ORDER, mask: LAYOUTS[channels]! };
}

/** Settings of the encoder of a track. */
export function audioSettings(av: NodeAv, { encoder, sampleRate, channels }: AudioPlan) {
  return {
    sampleRate,
    sampleFormat: FORMATS[encoder],
    channelLayout: layoutOf(channels),
    timeBase: new av.Rational(1, sampleRate),
  };
}
