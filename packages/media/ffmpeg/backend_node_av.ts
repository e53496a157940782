/**
 * FFmpeg in process: the fast way. Calls are synchronous, one packet at a time, with the event
 * loop given its turn in between; the decoder's own threads work on meanwhile.
 *
 * @module
 */
import type { Backend, DecodedFrame, DecodeRequest, DecodeRun, LiveConnection } from "./backend.ts";
import { MediaError } from "../errors.ts";
import { eventLoopYielder } from "../decode/event_loop.ts";
import { codedPixels } from "../decode/video_options.ts";
import { hasTornSlice } from "../formats/ffv1_slices.ts";
import { onAbort } from "@vcs/transport/internal";
import type { LiveInput } from "../live/address.ts";
import { type MotionVectors, parseMotionVectors } from "../decode/motion_vectors.ts";
import {
  AV,
  type AvCodecContext,
  type AvFormatContext,
  type AvFrame,
  type AvHardwareDevice,
  type AvPacket,
  type AvStream,
  loadNodeAv,
  type NodeAv,
} from "./node_av.ts";
import type { MirrorReader } from "../remote/mirror_reader.ts";
import {
  close,
  factsOf,
  type Opened,
  openFile,
  openInput,
  selectStream,
  videoStream,
} from "./node_av_input.ts";
import { inspectFile } from "./node_av_by_rate.ts";
import { packRows, PixelFilter } from "./pixel_filter.ts";

/** The stored planes without padding, as node-av copies them out. */
function packed(frame: AvFrame): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = frame.toBuffer();
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Opens a GPU for decoding.
 *
 * @throws {MediaError} `no-device`
 */
export function openDevice(av: NodeAv, device: string): AvHardwareDevice {
  const [kind, number] = device.split(":");
  const hardware = new av.HardwareDeviceContext();
  const type = av.avGetHardwareDeviceTypeFromName(kind!);
  const status = hardware.create(type, number ?? null);
  if (status >= 0) return hardware;
  throw new MediaError(
    "no-device",
    `Cannot decode on ${device}: ${av.FFmpegError.strerror(status)}; ` +
      'no usable NVIDIA driver was found, use device "cpu"',
  );
}

const THREAD_TYPES = {
  auto: AV.THREAD_FRAME | AV.THREAD_SLICE,
  frame: AV.THREAD_FRAME,
  slice: AV.THREAD_SLICE,
};

/**
 * Asks for motion vectors. Not with frame threads: a frame can leave the decoder while another
 * thread still works on it, and its vectors are incomplete then.
 */
function exportMotion(decoder: AvCodecContext): void {
  decoder.setFlags2(AV.FLAG2_EXPORT_MVS);
  decoder.threadType = AV.THREAD_SLICE;
}

async function openDecoder(
  av: NodeAv,
  stream: AvStream,
  request: DecodeRequest,
  hardware: AvHardwareDevice | undefined,
): Promise<AvCodecContext> {
  const codec = av.Codec.findDecoder(stream.codecpar.codecId);
  const decoder = new av.CodecContext();
  let status = -1;
  if (codec) {
    decoder.allocContext3(codec);
    decoder.parametersToContext(stream.codecpar);
    decoder.pktTimebase = stream.timeBase;
    decoder.threadCount = request.threads;
    decoder.threadType = THREAD_TYPES[request.threadType];
    decoder.setOption("max_pixels", codedPixels(request.maxPixels));
    if (request.motion) exportMotion(decoder);
    if (hardware) {
      decoder.hwDeviceCtx = hardware;
      decoder.setHardwarePixelFormat(av.avGetPixFmtFromName("cuda"));
    }
    status = await decoder.open2(codec);
  }
  if (status >= 0) return decoder;
  const reason = codec ? av.FFmpegError.strerror(status) : "FFmpeg has no decoder for it";
  throw new MediaError(
    "decode-failed",
    `Cannot open the decoder for ${request.facts.codec}: ${reason}`,
  );
}

/**
 * Codecs whose decoders report neither an error nor a damaged frame where a part of it is missing,
 * and leave in it what was in that memory before. Asked to give up at an error, they report it.
 */
const SILENT_CODECS = new Set(["mjpeg"]);

/** Whether a packet has a damage that its decoder would not report. */
type TearTest = (packet: AvPacket) => boolean;

/** How that is seen, by codec. */
function tearTest(codec: string, extradata: Uint8Array | null): TearTest | undefined {
  // What a cut took of stored pixels is what was in that memory before.
  if (codec === "rawvideo") return ({ flags }) => (flags & AV.PACKET_CORRUPT) !== 0;
  // FFV1 before version 3 has neither extradata nor slices.
  if (codec !== "ffv1" || !extradata?.length) return undefined;
  return ({ data }) => data !== null && hasTornSlice(data);
}

/** Errors in a row after which a decoder gets its next packet, so that none can hold us up. */
const MAX_FAILURES = 32;

/** Most packets that are passed between where the demuxer landed and the key frame. */
const MAX_PASSED = 1000;

/** One pass of demuxer and decoder through the stream. */
class NodeAvRun implements DecodeRun {
  readonly #av: NodeAv;
  readonly #request: DecodeRequest;
  readonly #input: AvFormatContext;
  readonly #reader: MirrorReader | undefined;
  readonly #decoder: AvCodecContext;
  readonly #hardware: AvHardwareDevice | undefined;
  readonly #filter: PixelFilter | undefined;
  readonly #packet: AvPacket;
  readonly #frame: AvFrame;
  readonly #download: AvFrame;
  readonly #yieldToEventLoop = eventLoopYielder();
  readonly #wanted: ReadonlySet<number> | undefined;
  readonly #silent: boolean;
  readonly #isTorn: TearTest | undefined;
  /** Times of packets that are torn. */
  readonly #torn = new Set<number>();
  /** What is read of a file elsewhere. */
  #reading: Promise<unknown> = Promise.resolve();
  #skipping = false;
  #errors = 0;
  #ended = false;
  #closed = false;

  constructor(
    av: NodeAv,
    request: DecodeRequest,
    { input, reader }: Opened,
    decoder: AvCodecContext,
    hardware: AvHardwareDevice | undefined,
  ) {
    this.#av = av;
    this.#request = request;
    this.#input = input;
    this.#reader = reader;
    this.#decoder = decoder;
    this.#hardware = hardware;
    const { filter, threads } = request;
    this.#filter = filter === undefined ? undefined : new PixelFilter(av, filter, threads);
    this.#wanted = request.sparse ? new Set(request.wanted) : undefined;
    const { extradata } = input.streams[request.facts.stream]!.codecpar;
    this.#isTorn = tearTest(request.facts.codec, extradata);
    this.#silent = SILENT_CODECS.has(request.facts.codec);
    if (this.#silent) decoder.setOption("err_detect", "explode");
    this.#packet = new av.Packet();
    this.#frame = new av.Frame();
    this.#download = new av.Frame();
    for (const object of [this.#packet, this.#frame, this.#download]) object.alloc();
  }

  /** Goes to the key frame; false where the demuxer did not land on it or shortly before. */
  async seek(ticks: number): Promise<boolean> {
    if (await this.#seekBefore(ticks) < 0) return false;
    for (let passed = 0; passed < MAX_PASSED && await this.#readNext(); passed++) {
      const { pts, flags } = this.#packet;
      const isKey = (flags & AV.PACKET_KEY) !== 0;
      if (isKey && pts > BigInt(ticks)) return false;
      if (isKey && pts === BigInt(ticks)) {
        this.#send(this.#packet);
        return true;
      }
      this.#packet.unref();
    }
    return false;
  }

  async #seekBefore(ticks: number): Promise<number> {
    const { facts: { stream } } = this.#request;
    const [input, time] = [this.#input, BigInt(ticks)];
    if (!this.#reader) return input.seekFrameSync(stream, time, AV.SEEK_BACKWARD);
    return await this.#awaited(input.seekFrame(stream, time, AV.SEEK_BACKWARD));
  }

  /** Waits for what reads a file elsewhere; nothing is freed before it is done. */
  async #awaited<T>(work: Promise<T>): Promise<T> {
    this.#reading = work.catch(() => {});
    const result = await work;
    this.#reader?.check();
    return result;
  }

  /** Reads the next packet of the stream, from wherever it comes. */
  async #readNext(): Promise<boolean> {
    if (this.#request.input) return await this.#readLive();
    return this.#reader ? await this.#readElsewhere() : this.#read();
  }

  /** Waits for the next packet of a file elsewhere. */
  async #readElsewhere(): Promise<boolean> {
    while (!this.#closed && await this.#awaited(this.#input.readFrame(this.#packet)) >= 0) {
      if (this.#packet.streamIndex === this.#request.facts.stream) return !this.#closed;
      this.#packet.unref();
    }
    return false;
  }

  /** Reads the next packet of the stream. */
  #read(): boolean {
    while (this.#input.readFrameSync(this.#packet) >= 0) {
      if (this.#packet.streamIndex === this.#request.facts.stream) return true;
      this.#packet.unref();
    }
    return false;
  }

  /** Waits for the next packet of a live source, which must not hold up the thread. */
  async #readLive(): Promise<boolean> {
    const { signal, facts } = this.#request;
    using _ = onAbort(signal, () => this.#input.interrupt());
    while (!signal?.aborted && await this.#input.readFrame(this.#packet) >= 0) {
      if (this.#packet.streamIndex === facts.stream) return true;
      this.#packet.unref();
    }
    signal?.throwIfAborted();
    return false;
  }

  /** Spares the decoder frames that nobody asked for and nothing builds on. */
  #choose(packet: AvPacket): void {
    const skip = !this.#wanted!.has(Number(packet.pts));
    if (skip === this.#skipping) return;
    this.#decoder.setOption("skip_frame", skip ? AV.DISCARD_NONREF : AV.DISCARD_DEFAULT);
    this.#skipping = skip;
  }

  #send(packet: AvPacket | null): void {
    if (packet && this.#wanted) this.#choose(packet);
    if (packet) this.#verify(packet);
    const status = this.#decoder.sendPacketSync(packet);
    if (status < 0 && status !== AV.EOF) {
      this.#errors++;
      if (packet && this.#silent) this.#sendDamaged(packet);
    }
    packet?.unref();
  }

  /** Notes a damage that the decoder would not report. */
  #verify(packet: AvPacket): void {
    if (this.#isTorn?.(packet)) this.#torn.add(Number(packet.pts));
  }

  /** Has the decoder make what it can of a packet that it gave up. */
  #sendDamaged(packet: AvPacket): void {
    this.#decoder.setOption("err_detect", "0");
    this.#decoder.sendPacketSync(packet);
    this.#decoder.setOption("err_detect", "explode");
  }

  get sparse(): boolean {
    return this.#wanted !== undefined;
  }

  async next(): Promise<DecodedFrame | undefined> {
    if (this.#closed) return undefined;
    this.#frame.unref();
    for (let failures = 0;;) {
      await this.#yieldToEventLoop(this.#request.signal);
      if (this.#closed) return undefined;
      const status = this.#decoder.receiveFrameSync(this.#frame);
      if (status >= 0) return this.#current();
      if (status === AV.EOF) return undefined;
      if (status !== AV.EAGAIN && ++failures < MAX_FAILURES) this.#errors++;
      else if (this.#ended) return undefined;
      else if (await this.#readNext()) this.#send(this.#packet);
      else {
        if (this.#closed) return undefined;
        this.#ended = true;
        this.#send(null);
      }
    }
  }

  #current(): DecodedFrame {
    const frame = this.#frame;
    const time = frame.bestEffortTimestamp;
    const isTorn = this.#torn.delete(Number(time));
    const facts = {
      ticks: time === AV.NOPTS ? undefined : Number(time),
      keyframe: frame.keyFrame !== 0,
      width: frame.width,
      height: frame.height,
      damaged: isTorn || this.#errors > 0 || frame.decodeErrorFlags !== 0,
    };
    this.#errors = 0;
    return {
      ...facts,
      pixels: (into) => this.#pixels(into),
      motion: () => this.#motion(),
      keep: () => this.#kept(facts),
    };
  }

  #motion(): MotionVectors {
    return parseMotionVectors(
      this.#frame.getSideData(AV.FRAME_MOTION_VECTORS) ?? new Uint8Array(),
    );
  }

  /** The current frame with what is wanted of it copied out. */
  #kept(facts: Omit<DecodedFrame, "pixels" | "motion" | "keep">): DecodedFrame {
    const isWanted = this.#wanted?.has(facts.ticks ?? NaN) ?? true;
    const pixels = isWanted ? this.#pixels() : new Uint8Array();
    const motion = this.#motion();
    const kept = { ...facts, pixels: () => pixels, motion: () => motion, keep: () => kept };
    return kept;
  }

  #pixels(into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const frame = this.#frame.isHwFrame() ? this.#fetch() : this.#frame;
    return this.#filter === undefined ? packed(frame) : packRows(this.#filter.run(frame), into);
  }

  /** Brings a frame from the GPU into memory. */
  #fetch(): AvFrame {
    this.#download.unref();
    const status = this.#frame.hwframeTransferDataSync(this.#download);
    if (status >= 0) return this.#download;
    const reason = this.#av.FFmpegError.strerror(status);
    throw new MediaError("decode-failed", `Cannot fetch a frame from the GPU: ${reason}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader?.stop();
    await this.#reading;
    this.#filter?.[Symbol.dispose]();
    for (const object of [this.#packet, this.#frame, this.#download]) object.free();
    this.#decoder.freeContext();
    this.#hardware?.free();
    // What a live source is told at its end goes over the network.
    if (this.#request.input) await this.#input.closeInput();
    else this.#input.closeInputSync();
    this.#reader?.[Symbol.dispose]();
  }
}

async function startRun(
  av: NodeAv,
  request: DecodeRequest,
  taken?: AvFormatContext,
): Promise<NodeAvRun> {
  const { source, mirror, signal } = request;
  const opened = taken ? { input: taken } : await openFile(av, source, mirror, signal);
  const { input } = opened;
  let hardware: AvHardwareDevice | undefined;
  try {
    selectStream(input, request.facts.stream);
    if (request.device !== "cpu") hardware = openDevice(av, request.device);
    const stream = input.streams[request.facts.stream]!;
    const decoder = await openDecoder(av, stream, request, hardware);
    return new NodeAvRun(av, request, opened, decoder, hardware);
  } catch (error) {
    hardware?.free();
    close(opened);
    throw error;
  }
}

async function decode(request: DecodeRequest): Promise<DecodeRun> {
  const av = await loadNodeAv();
  const run = await startRun(av, request);
  if (request.from === undefined) return run;
  try {
    if (await run.seek(request.from)) return run;
  } catch (error) {
    await run[Symbol.asyncDispose]();
    throw error;
  }
  await run[Symbol.asyncDispose]();
  return await startRun(av, { ...request, from: undefined });
}

/** One connection: its decoder takes over what was opened. */
async function connect(
  live: LiveInput,
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<LiveConnection> {
  const av = await loadNodeAv();
  let input: AvFormatContext | undefined = await openInput(av, live.url, live, signal);
  const close = async () => await input?.closeInput();
  try {
    const facts = factsOf(av, input, videoStream(input, live.url, wanted));
    const take = async (request: DecodeRequest) => {
      const taken = input;
      input = undefined;
      return await startRun(av, request, taken);
    };
    return { facts, decode: take, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** FFmpeg in process, by npm:node-av. */
export const nodeAvBackend: Backend = {
  name: "node-av",
  seekCost: 3,
  inspect: inspectFile,
  connect,
  decode,
};
