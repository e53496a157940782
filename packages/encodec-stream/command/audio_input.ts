/**
 * What `-e` reads: bare samples on standard input, or an audio file there or anywhere.
 *
 * @module
 */
import { Resampler } from "@vcs/media";
import type { AudioStream } from "@vcs/media/audio";
import { peek } from "@vcs/media/internal";
import { say } from "@vcs/transport/internal";
import { encodedKind, KIND_BYTES } from "../audio/encoded_kind.ts";
import type { FiniteSamples } from "../audio/finite.ts";
import { mixDown } from "../audio/downmix.ts";
import type { Planar } from "../audio/overlap_add.ts";
import { EcdcError } from "../errors.ts";

/** PCM on standard input. */
const PIPE = { sampleRate: 48000, channels: 2, format: "s16" } as const;

/**
 * Opens a file, or standard input for `-`: s16le at 48 kHz in stereo, unless it is an audio file.
 *
 * @throws {EcdcError} `unsupported` if it is an `.ecdc` file.
 */
export async function openInput(input: string): Promise<AudioStream> {
  const { openAudio } = await import("@vcs/media/audio");
  if (input !== "-") return await openAudio(input);
  const { head, whole } = await peek(Deno.stdin.readable, KIND_BYTES);
  const kind = encodedKind(head);
  if (kind === ".ecdc") {
    throw new EcdcError("unsupported", "Cannot encode standard input: it is an .ecdc file already");
  }
  if (kind === undefined) return await openAudio(whole, { raw: PIPE });
  say(`note: standard input is a file (${kind}), not bare samples, and is decoded`);
  return await openAudio(whole);
}

/** An input at the rate and number of channels of a model; what is no number is counted as 0. */
export function fitted(
  audio: Pick<AudioStream, "sampleRate" | "channels"> & AsyncIterable<Planar>,
  finite: FiniteSamples,
  rate: number,
  channels: number,
): AsyncIterable<Planar> {
  const mixed = mixDown(finite.of(audio), audio.channels, channels);
  return resampled(mixed, new Resampler(audio.sampleRate, rate, channels));
}

async function* resampled(chunks: AsyncIterable<Planar>, resampler: Resampler) {
  for await (const chunk of chunks) yield resampler.push(chunk);
  yield resampler.flush();
}

/** Passes audio on up to its end or its failure, so that what came before it is encoded, too. */
export class UntilFailure {
  /** Why the audio ended too soon, if it did. */
  failure: unknown;

  /** The audio. */
  async *of(audio: AsyncIterable<Planar>): AsyncGenerator<Planar> {
    try {
      yield* audio;
    } catch (error) {
      this.failure = error;
    }
  }
}
