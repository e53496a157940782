/**
 * A film to be sent: its pictures, and its sound on the same clock.
 *
 * @module
 */
import type { Planar } from "@vcs/encodec-stream";
import { type AudioStream, openAudio } from "@vcs/media/audio";
import { MediaError } from "@vcs/media/errors";
import { isFile, untilAborted } from "@vcs/transport/internal";
import { type FrameSource, openSource, type SourceOptions } from "@vcs/video-vq";

/** How a film is opened. */
export interface FilmSourceOptions extends SourceOptions {
  /** Where its sound is, or false for none. Default: in the film, if it is a file. */
  readonly sound?: string | false;
  /** Rate of the sound in Hz: what the encoder takes. */
  readonly sampleRate: number;
  /** Channels of the sound: what the encoder takes. */
  readonly channels: number;
}

/** What is sent of a film. */
export interface Film {
  /** Its pictures, and whether they come in real time. */
  readonly video: Pick<FrameSource, "frames" | "frameRate" | "live">;
  /** Its sound from second 0 of the pictures' clock on, once; undefined if it has none. */
  readonly sound: AsyncIterable<Planar> | undefined;
}

/** An open film. */
export interface FilmSource extends Film, AsyncDisposable {
  /** Its pictures. */
  readonly video: FrameSource;
}

/**
 * Opens a film.
 *
 * @param reference what `openSource` of `@vcs/video-vq` reads
 * @throws {VideoVqError} `bad-source` if it has no frames.
 * @throws {MediaError} if it, or the file that is named for its sound, cannot be read.
 */
export async function openFilm(
  reference: string,
  { sound, sampleRate, channels, ...options }: FilmSourceOptions,
): Promise<FilmSource> {
  await using held = new AsyncDisposableStack();
  const video = held.use(await openSource(reference, options));
  const from = sound ?? (await isFile(reference) ? reference : false);
  const shape = { sampleRate, channels };
  const audio = from === false ? undefined : await openSound(from, shape, sound === undefined);
  if (audio) held.use(audio);
  const all = held.move();
  return {
    video,
    sound: audio && untilAborted(onClock(audio), options.stop),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function openSound(
  path: string,
  shape: { readonly sampleRate: number; readonly channels: number },
  mayLack: boolean,
): Promise<AudioStream | undefined> {
  try {
    return await openAudio(path, shape);
  } catch (error) {
    if (mayLack && error instanceof MediaError && error.code === "no-audio-stream") return;
    throw error;
  }
}

/** Sound from second 0 on: silence before what begins later. */
async function* onClock(audio: AudioStream): AsyncGenerator<Planar> {
  const { sampleRate, channels, startTime } = audio;
  for (let left = Math.round(startTime * sampleRate); left > 0; left -= sampleRate) {
    const silence = new Float32Array(Math.min(left, sampleRate));
    yield Array.from({ length: channels }, () => silence);
  }
  yield* audio;
}
