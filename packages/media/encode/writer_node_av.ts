/**
 * Writes video by FFmpeg in process; encoding runs off the JavaScript thread.
 *
 * @module
 */
import { MediaError } from "../errors.ts";
import {
  AV,
  type AvCodecContext,
  type AvFormatContext,
  type AvFrame,
  type AvPacket,
  type AvStream,
  loadNodeAv,
  type NodeAv,
} from "../ffmpeg/node_av.ts";
import { PixelFilter } from "../ffmpeg/pixel_filter.ts";
import { AudioFrames, audioSettings } from "./audio_track.ts";
import type { EncodePlan, VideoEncoder } from "./video_encoder.ts";

/** Numbers of the colour tags (libavutil/pixfmt.h); primaries and transfer have the same ones. */
const TAGS = { bt709: 1, smpte170m: 6 };

const LIMITED_RANGE = 1;

/** Throws where FFmpeg reports an error. */
function check(av: NodeAv, plan: EncodePlan, status: number): void {
  if (status >= 0) return;
  const reason = av.FFmpegError.strerror(status);
  throw new MediaError("encode-failed", `Cannot write ${plan.path}: ${reason}`);
}

/** Opens an encoder by its name. */
async function openEncoder(
  av: NodeAv,
  plan: EncodePlan,
  name: string,
  properties: object,
  settings: Readonly<Record<string, string>>,
): Promise<AvCodecContext> {
  const codec = av.Codec.findEncoderByName(name);
  if (codec === null) {
    const message = `Cannot write ${plan.path}: this FFmpeg has no encoder ${name}`;
    throw new MediaError("unsupported", message);
  }
  const encoder = new av.CodecContext();
  encoder.allocContext3(codec);
  Object.assign(encoder, properties);
  encoder.setFlags(AV.FLAG_GLOBAL_HEADER);
  for (const [key, value] of Object.entries(settings)) encoder.setOption(key, value);
  try {
    check(av, plan, await encoder.open2(codec));
    return encoder;
  } catch (error) {
    encoder.freeContext();
    throw error;
  }
}

/** Settings of the encoder of the frames. */
function videoSettings(av: NodeAv, plan: EncodePlan) {
  const tag = TAGS[plan.matrix];
  return {
    width: plan.width,
    height: plan.height,
    pixelFormat: av.avGetPixFmtFromName("yuv420p"),
    timeBase: new av.Rational(...plan.timeBase),
    framerate: new av.Rational(...plan.rate),
    gopSize: plan.keyframeInterval,
    colorSpace: tag,
    colorPrimaries: tag,
    colorTrc: tag,
    colorRange: LIMITED_RANGE,
  };
}

/** An encoder and its place in the file. */
interface Track {
  readonly encoder: AvCodecContext;
  readonly stream: AvStream;
}

/** Encoders and the file that they fill. */
class NodeAvWriter implements VideoEncoder {
  readonly #av: NodeAv;
  readonly #plan: EncodePlan;
  readonly #output: AvFormatContext;
  readonly #tracks: readonly Track[];
  readonly #samples: AudioFrames | undefined;
  readonly #filter: PixelFilter;
  readonly #packet: AvPacket;
  /** How long a frame is usually shown. */
  readonly #frameTicks: bigint;

  constructor(
    av: NodeAv,
    plan: EncodePlan,
    output: AvFormatContext,
    [video, audio]: readonly [Track, Track?],
  ) {
    this.#av = av;
    this.#plan = plan;
    this.#output = output;
    this.#tracks = audio ? [video, audio] : [video];
    this.#samples = plan.audio && audio && new AudioFrames(av, plan.audio, audio.encoder);
    this.#filter = new PixelFilter(av, plan.filter, 0);
    const { rate, timeBase } = plan;
    this.#frameTicks = BigInt(Math.round(rate[1] * timeBase[1] / rate[0] / timeBase[0]));
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  async write(rgb: Uint8Array, seconds: number): Promise<void> {
    const { width, height, timeBase: [num, den] } = this.#plan;
    const [video] = this.#tracks as [Track];
    const frame = this.#av.Frame.fromVideoBuffer(rgb, {
      width,
      height,
      format: this.#av.avGetPixFmtFromName("rgb24"),
      pts: 0n,
      timeBase: video.encoder.timeBase,
    });
    try {
      const filtered = this.#filter.run(frame);
      filtered.pts = BigInt(Math.round(seconds * den / num));
      await this.#encode(video, filtered);
    } finally {
      frame.free();
    }
  }

  async writeAudio(planes: readonly Float32Array[]): Promise<void> {
    await this.#encodeAudio(this.#samples!.add(planes));
  }

  async #encodeAudio(frames: Iterable<AvFrame>): Promise<void> {
    for (const frame of frames) {
      try {
        await this.#encode(this.#tracks[1]!, frame);
      } finally {
        frame.free();
      }
    }
  }

  /** Sends a frame, or undefined for the end, and moves finished packets into the file. */
  async #encode({ encoder, stream }: Track, frame: AvFrame | undefined): Promise<void> {
    check(this.#av, this.#plan, await encoder.sendFrame(frame ?? null));
    for (;;) {
      const status = encoder.receivePacketSync(this.#packet);
      if (status === AV.EAGAIN || status === AV.EOF) return;
      check(this.#av, this.#plan, status);
      // Only the last frame's matters; without one, it would not be shown.
      if (this.#packet.duration === 0n) this.#packet.duration = this.#frameTicks;
      this.#packet.rescaleTs(encoder.timeBase, stream.timeBase);
      this.#packet.streamIndex = stream.index;
      check(this.#av, this.#plan, await this.#output.interleavedWriteFrame(this.#packet));
    }
  }

  async finish(): Promise<void> {
    try {
      if (this.#samples) await this.#encodeAudio(this.#samples.rest());
      for (const track of this.#tracks) await this.#encode(track, undefined);
      check(this.#av, this.#plan, await this.#output.writeTrailer());
    } finally {
      await this.abort();
    }
  }

  async abort(): Promise<void> {
    this.#filter[Symbol.dispose]();
    this.#packet.free();
    for (const { encoder } of this.#tracks) encoder.freeContext();
    await this.#output.closeOutput();
    this.#output.freeContext();
  }
}

/** Gives an encoder its place in a file. */
function addTrack(
  av: NodeAv,
  plan: EncodePlan,
  output: AvFormatContext,
  name: string,
  encoder: AvCodecContext,
): Track {
  const stream = output.newStream(av.Codec.findEncoderByName(name)!);
  check(av, plan, encoder.parametersFromContext(stream.codecpar));
  stream.timeBase = encoder.timeBase;
  return { encoder, stream };
}

/** Starts a writer over node-av. */
export async function startNodeAvWriter(plan: EncodePlan): Promise<VideoEncoder> {
  const av = await loadNodeAv();
  const output = new av.FormatContext();
  const open: AvCodecContext[] = [];
  try {
    const encoder = await openEncoder(
      av,
      plan,
      plan.encoder,
      videoSettings(av, plan),
      plan.settings,
    );
    open.push(encoder);
    const { audio } = plan;
    const sound = audio && await openEncoder(av, plan, audio.encoder, audioSettings(av, audio), {});
    if (sound) open.push(sound);
    check(av, plan, output.allocOutputContext2(null, plan.container, plan.path));
    const video = addTrack(av, plan, output, plan.encoder, encoder);
    video.stream.avgFrameRate = encoder.framerate;
    const track = sound && addTrack(av, plan, output, audio!.encoder, sound);
    check(av, plan, await output.openOutput());
    const options = plan.container === "mp4" ? { movflags: "+faststart" } : {};
    check(av, plan, await output.writeHeader(av.Dictionary.fromObject(options)));
    return new NodeAvWriter(av, plan, output, track ? [video, track] : [video]);
  } catch (error) {
    for (const encoder of open) encoder.freeContext();
    output.freeContext();
    throw error;
  }
}
