/**
 * A received film as one video file: pictures at their times, sound at its own. Where pictures are
 * missing the one before is shown on, where sound is missing it is silent.
 *
 * @module
 */
import type { Planar } from "@vcs/encodec-stream";
import { VideoWriter } from "@vcs/media/video_writer";
import { OutputFile, type OutputOptions } from "@vcs/transport/internal";
import { type ReceivedFrame, ShapeRestorer } from "@vcs/video-vq";
import { type FilmOutput, SOUND } from "./film_receiver.ts";

/** Seconds of sound that are kept while no picture has come. */
const EARLY = 60;
/** Seconds between two pictures at least. */
const TICK = 1e-3;

/** Sound that came before the first picture. */
interface EarlySound {
  readonly samples: Planar;
  readonly second: number;
}

/** Writes a film; close it, or abort it. */
export class FilmFile implements FilmOutput {
  readonly #file: OutputFile;
  readonly #shape = new ShapeRestorer();
  #hasSound = false;
  #writer: VideoWriter | undefined;
  #early: EarlySound[] = [];
  /** Samples written. */
  #samples = 0;
  #latest = -TICK;

  private constructor(file: OutputFile) {
    this.#file = file;
  }

  /**
   * Prepares a file, which is created with the first picture and takes its place when it is closed.
   *
   * @param path `.mp4`, or `.webm`
   * @throws {UsageError} if it is one of the inputs.
   */
  static async open(path: string, options: OutputOptions = {}): Promise<FilmFile> {
    return new FilmFile(await OutputFile.open(path, { live: true, ...options }));
  }

  /** Whether there will be sound. */
  begin(hasSound: boolean): void {
    this.#hasSound = hasSound;
  }

  /** Writes a picture; one that is not after those before, or before the beginning, is left out. */
  async frame(frame: ReceivedFrame, second: number): Promise<void> {
    if (second < this.#latest + TICK) return;
    const { data, width, height } = this.#shape.restore(frame);
    this.#latest = second;
    const { path, part } = this.#file;
    const [numerator, denominator] = frame.frameRate;
    const isFirst = this.#writer === undefined;
    this.#writer ??= await VideoWriter.open(part, {
      ...{ width, height, fps: numerator / denominator, timed: true },
      format: /\.webm$/i.test(path) ? "webm" : "mp4",
      ...(this.#hasSound && { audio: SOUND }),
    });
    await this.#writer.add({ data, pts: second });
    if (!isFirst) return;
    for (const { samples, second } of this.#early.splice(0)) await this.sound(samples, second);
  }

  /** Writes sound, after silence where some is missing; what was written before is left out. */
  async sound(samples: Planar, second: number): Promise<void> {
    const writer = this.#writer;
    if (!writer) return this.#keep(samples, second);
    const start = Math.round(second * SOUND.sampleRate);
    while (start > this.#samples) {
      const silence = new Float32Array(Math.min(start - this.#samples, SOUND.sampleRate));
      this.#samples += silence.length;
      await writer.addAudio([silence, silence]);
    }
    const rest = samples.map((plane) => plane.subarray(this.#samples - start));
    this.#samples += rest[0]!.length;
    await writer.addAudio(rest);
  }

  #keep(samples: Planar, second: number): void {
    this.#early.push({ samples, second });
    while (this.#early[0]!.second < second - EARLY) this.#early.shift();
  }

  /** Completes the file; without a picture there is none. */
  async close(): Promise<void> {
    await this.#writer?.close();
    if (this.#writer) await this.#file.commit();
  }

  /** Gives up: a file that was there before stays. */
  async abort(): Promise<void> {
    await this.#writer?.abort();
    await this.#file[Symbol.asyncDispose]();
  }
}
