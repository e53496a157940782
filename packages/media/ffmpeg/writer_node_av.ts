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
  type AvPacket,
  type AvStream,
  loadNodeAv,
  type NodeAv,
} from "./node_av.ts";
import { PixelFilter } from "./pixel_filter.ts";
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

async function openEncoder(av: NodeAv, plan: EncodePlan): Promise<AvCodecContext> {
  const codec = av.Codec.findEncoderByName(plan.encoder);
  if (codec === null) {
    const message = `Cannot write ${plan.path}: this FFmpeg has no encoder ${plan.encoder}`;
    throw new MediaError("unsupported", message);
  }
  const encoder = new av.CodecContext();
  encoder.allocContext3(codec);
  const [num, den] = plan.rate;
  const tag = TAGS[plan.matrix];
  Object.assign(encoder, {
    width: plan.width,
    height: plan.height,
    pixelFormat: av.avGetPixFmtFromName("yuv420p"),
    timeBase: new av.Rational(den, num),
    framerate: new av.Rational(num, den),
    gopSize: plan.keyframeInterval,
    colorSpace: tag,
    colorPrimaries: tag,
    colorTrc: tag,
    colorRange: LIMITED_RANGE,
  });
  encoder.setFlags(AV.FLAG_GLOBAL_HEADER);
  for (const [name, value] of Object.entries(plan.settings)) encoder.setOption(name, value);
  check(av, plan, await encoder.open2(codec));
  return encoder;
}

/** An encoder and the file that it fills. */
class NodeAvWriter implements VideoEncoder {
  readonly #av: NodeAv;
  readonly #plan: EncodePlan;
  readonly #encoder: AvCodecContext;
  readonly #output: AvFormatContext;
  readonly #stream: AvStream;
  readonly #filter: PixelFilter;
  readonly #packet: AvPacket;
  #frames = 0n;

  constructor(
    av: NodeAv,
    plan: EncodePlan,
    encoder: AvCodecContext,
    output: AvFormatContext,
    stream: AvStream,
  ) {
    this.#av = av;
    this.#plan = plan;
    this.#encoder = encoder;
    this.#output = output;
    this.#stream = stream;
    this.#filter = new PixelFilter(av, plan.filter, 0);
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  async write(rgb: Uint8Array): Promise<void> {
    const frame = this.#av.Frame.fromVideoBuffer(rgb, {
      width: this.#plan.width,
      height: this.#plan.height,
      format: this.#av.avGetPixFmtFromName("rgb24"),
      pts: 0n,
      timeBase: this.#encoder.timeBase,
    });
    try {
      const filtered = this.#filter.run(frame);
      filtered.pts = this.#frames++;
      check(this.#av, this.#plan, await this.#encoder.sendFrame(filtered));
    } finally {
      frame.free();
    }
    await this.#drain();
  }

  /** Moves finished packets into the file. */
  async #drain(): Promise<void> {
    for (;;) {
      const status = this.#encoder.receivePacketSync(this.#packet);
      if (status === AV.EAGAIN || status === AV.EOF) return;
      check(this.#av, this.#plan, status);
      this.#packet.rescaleTs(this.#encoder.timeBase, this.#stream.timeBase);
      this.#packet.streamIndex = this.#stream.index;
      check(this.#av, this.#plan, await this.#output.interleavedWriteFrame(this.#packet));
    }
  }

  async finish(): Promise<void> {
    try {
      check(this.#av, this.#plan, await this.#encoder.sendFrame(null));
      await this.#drain();
      check(this.#av, this.#plan, await this.#output.writeTrailer());
    } finally {
      await this.abort();
    }
  }

  async abort(): Promise<void> {
    this.#filter[Symbol.dispose]();
    this.#packet.free();
    this.#encoder.freeContext();
    await this.#output.closeOutput();
    this.#output.freeContext();
  }
}

/** Starts a writer over node-av. */
export async function startNodeAvWriter(plan: EncodePlan): Promise<VideoEncoder> {
  const av = await loadNodeAv();
  const encoder = await openEncoder(av, plan);
  const output = new av.FormatContext();
  try {
    check(av, plan, output.allocOutputContext2(null, plan.container, plan.path));
    const stream = output.newStream(av.Codec.findEncoderByName(plan.encoder)!);
    check(av, plan, encoder.parametersFromContext(stream.codecpar));
    stream.timeBase = encoder.timeBase;
    stream.avgFrameRate = encoder.framerate;
    check(av, plan, await output.openOutput());
    const options = plan.container === "mp4" ? { movflags: "+faststart" } : {};
    check(av, plan, await output.writeHeader(av.Dictionary.fromObject(options)));
    return new NodeAvWriter(av, plan, encoder, output, stream);
  } catch (error) {
    encoder.freeContext();
    output.freeContext();
    throw error;
  }
}
