/**
 * Audio by the installed programs ffmpeg and ffprobe.
 *
 * @module
 */
import { BufferedReader, onAbort } from "@vcs/transport/internal";
import type { AudioChunk, AudioDecoder } from "./audio_decoder.ts";
import { MediaError } from "../errors.ts";
import { decodePcm } from "../audio/pcm.ts";
import { outputOf, Program } from "./programs.ts";

interface Probe {
  readonly streams?: readonly {
    readonly codec_name?: string;
    readonly sample_rate?: string;
    readonly channels?: number;
    readonly start_time?: string;
  }[];
  readonly format?: { readonly start_time?: string };
}

async function probe(source: string, select: string, signal: AbortSignal) {
  const entries = "stream=codec_name,sample_rate,channels,start_time:format=start_time";
  const args = ["-v", "error", "-select_streams", select, "-show_entries", entries];
  const text = await outputOf("ffprobe", [...args, "-of", "json", source], signal);
  const { streams, format } = JSON.parse(text) as Probe;
  const found = streams?.[0];
  if (found?.channels && found.sample_rate) {
    return {
      codec: found.codec_name ?? "unknown",
      sampleRate: Number(found.sample_rate),
      channels: found.channels,
      startTime: Number(found.start_time) - Number(format?.start_time) || 0,
    };
  }
  throw new MediaError("no-audio-stream", `Cannot read audio of ${source}: no audio stream`);
}

async function* decode(
  source: string,
  select: string,
  { channels, sampleRate }: { channels: number; sampleRate: number },
  signal: AbortSignal,
): AsyncIterable<AudioChunk> {
  signal.throwIfAborted();
  const args = ["-v", "error", "-nostdin", "-i", source, "-map", `0:${select}`];
  await using program = new Program("ffmpeg", [...args, "-f", "f32le", "pipe:1"]);
  using _ = onAbort(signal, () => void program[Symbol.asyncDispose]());
  const frame = channels * 4;
  await using reader = BufferedReader.of(program.stdout);
  for (let bytes = await reader.units(frame); bytes.length > 0; bytes = await reader.units(frame)) {
    yield { sampleRate, samples: decodePcm(bytes, "f32", channels) };
  }
  signal.throwIfAborted();
  if (await program.finish()) return;
  throw new MediaError(
    "decode-failed",
    `Cannot decode audio of ${source}: ffmpeg says ${program.complaint}`,
  );
}

/** Audio by ffmpeg. The program starts with the first chunk that is taken. */
export const decodeByFfmpeg: AudioDecoder = async (source, stream, signal) => {
  const select = stream === undefined ? "a:0" : `${stream}`;
  const facts = await probe(source, select, signal);
  return {
    ...facts,
    chunks: decode(source, select, facts, signal),
    close: () => Promise.resolve(),
  };
};
