/**
 * Audio by FFmpeg in process.
 *
 * @module
 */
import type { AudioChunk, AudioDecoder } from "./audio_decoder.ts";
import { openInput } from "./node_av_input.ts";
import { MediaError } from "../errors.ts";
import { eventLoopYielder } from "../decode/event_loop.ts";
import {
  AV,
  type AvCodecContext,
  type AvFormatContext,
  type AvFrame,
  type AvStream,
  loadNodeAv,
  type NodeAv,
} from "./node_av.ts";
import { decodePcm, type PcmFormat } from "../audio/pcm.ts";

/** FFmpeg's sample formats by number (libavutil/samplefmt.h): interleaved ones, then planar. */
const SAMPLE_FORMATS: readonly PcmFormat[] = ["u8", "s16", "s32", "f32", "f64"];

/** Samples of a decoded frame, whichever way they are stored. */
function samplesOf(frame: AvFrame): Float32Array<ArrayBuffer>[] {
  const { channels } = frame;
  const format = SAMPLE_FORMATS[frame.format % SAMPLE_FORMATS.length];
  if (format === undefined || frame.format >= 2 * SAMPLE_FORMATS.length) {
    throw new MediaError("unsupported", `Cannot read samples of format ${frame.format}`);
  }
  const bytes = frame.toBuffer();
  if (frame.format < SAMPLE_FORMATS.length) return decodePcm(bytes, format, channels);
  const plane = bytes.length / channels;
  return Array.from(
    { length: channels },
    (_, i) => decodePcm(bytes.subarray(i * plane, (i + 1) * plane), format, 1)[0]!,
  );
}

async function openDecoder(av: NodeAv, stream: AvStream): Promise<AvCodecContext> {
  const codec = av.Codec.findDecoder(stream.codecpar.codecId);
  const decoder = new av.CodecContext();
  if (codec) {
    decoder.allocContext3(codec);
    decoder.parametersToContext(stream.codecpar);
    decoder.pktTimebase = stream.timeBase;
    if (await decoder.open2(codec) >= 0) return decoder;
  }
  const name = av.avGetCodecName(stream.codecpar.codecId);
  throw new MediaError("decode-failed", `Cannot open the decoder for ${name}`);
}

/** Decodes packet after packet; a damaged one is skipped, as ffmpeg does. */
async function* decode(
  av: NodeAv,
  input: AvFormatContext,
  stream: AvStream,
  signal: AbortSignal,
): AsyncIterable<AudioChunk> {
  const yieldToEventLoop = eventLoopYielder();
  const packet = new av.Packet();
  const frame = new av.Frame();
  packet.alloc();
  frame.alloc();
  let decoder: AvCodecContext | undefined;
  try {
    decoder = await openDecoder(av, stream);
    for (let more = true; more;) {
      await yieldToEventLoop(signal);
      more = input.readFrameSync(packet) >= 0;
      if (more && packet.streamIndex !== stream.index) continue;
      decoder.sendPacketSync(more ? packet : null);
      packet.unref();
      while (decoder.receiveFrameSync(frame) >= 0) {
        yield { sampleRate: frame.sampleRate, samples: samplesOf(frame) };
      }
    }
  } finally {
    packet.free();
    frame.free();
    decoder?.freeContext();
  }
}

/** When a stream begins, in seconds from the beginning of its file. */
function startOf(stream: AvStream, input: AvFormatContext): number {
  if (stream.startTime === AV.NOPTS || input.startTime === AV.NOPTS) return 0;
  const { num, den } = stream.timeBase;
  return Number(stream.startTime) * num / den - Number(input.startTime) / 1e6;
}

/** Audio by node-av. */
export const decodeByNodeAv: AudioDecoder = async (source, wanted, signal) => {
  const av = await loadNodeAv();
  const input = await openInput(av, source);
  const stream = input.streams[wanted ?? input.findBestStream(AV.MEDIA_AUDIO)];
  if (stream?.codecpar.codecType !== AV.MEDIA_AUDIO) {
    input.closeInputSync();
    throw new MediaError("no-audio-stream", `Cannot read audio of ${source}: no audio stream`);
  }
  const { codecId, sampleRate, channels } = stream.codecpar;
  let closed = false;
  return {
    codec: av.avGetCodecName(codecId) ?? "unknown",
    sampleRate,
    channels,
    startTime: startOf(stream, input),
    chunks: decode(av, input, stream, signal),
    close: () => {
      if (!closed) input.closeInputSync();
      closed = true;
      return Promise.resolve();
    },
  };
};
