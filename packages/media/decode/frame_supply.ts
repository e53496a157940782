/**
 * Gets frames from decoders, and decides what to do about those that are damaged or missing.
 *
 * @module
 */
import type { Backend, DecodedFrame, DecodeRequest } from "../ffmpeg/backend.ts";
import { MediaError } from "../errors.ts";
import { checkCounted, FrameCursor, type Located } from "./frame_cursor.ts";
import type { VideoIndex } from "./video_index.ts";
import type { FramesOptions, Replacement, VideoFrame, VideoInfo } from "./video_types.ts";

type Reason = Replacement["reason"];

type Pixels = Uint8Array<ArrayBuffer>;

/** The decoders of one reader, and what they could not deliver. */
export class FrameSupply implements AsyncDisposable {
  readonly #backend: Backend;
  readonly #request: DecodeRequest;
  readonly #index: VideoIndex;
  readonly #info: VideoInfo;
  readonly #cursors = new Set<FrameCursor>();
  readonly #replaced = new Map<number, Replacement>();
  #substitute: VideoFrame | undefined;

  /** What to do about frames that are not exact. */
  readonly onError: "throw" | "nearest" | "skip";
  /** Whether seeking has led astray, so that decoding starts at the beginning from now on. */
  linear = false;
  /** Whether the reader was closed. */
  closed = false;

  /** Makes the supply of a reader. */
  constructor(
    backend: Backend,
    request: DecodeRequest,
    index: VideoIndex,
    info: VideoInfo,
    onError: "throw" | "nearest" | "skip",
  ) {
    this.#backend = backend;
    this.#request = request;
    this.#index = index;
    this.#info = info;
    this.onError = onError;
  }

  /** Frames that were not exact, by number. */
  get replaced(): Replacement[] {
    return [...this.#replaced.values()].sort((a, b) => a.frame - b.frame);
  }

  /**
   * A feed that starts at a key frame, or at the beginning for -1.
   *
   * @param sparse whether it is only ever asked for these frames
   */
  async start(
    from: number,
    frames: readonly number[],
    options: FramesOptions,
    sparse: boolean,
  ): Promise<Feed> {
    const key = this.linear ? -1 : from;
    return new Feed(this, frames, options, key, await this.cursor(key, frames, options, sparse));
  }

  /** A cursor that starts at a key frame, or at the beginning for -1. */
  async cursor(
    key: number,
    frames: readonly number[] | undefined,
    options: FramesOptions,
    sparse = false,
  ): Promise<FrameCursor> {
    const { ticks, timed } = this.#index;
    const run = await this.#backend.decode({
      ...this.#request,
      from: key < 0 ? undefined : ticks[key]!,
      wanted: timed && frames ? frames.map((id) => ticks[id]!) : undefined,
      sparse,
      motion: options.motion !== undefined,
      signal: options.signal,
    });
    const cursor = new FrameCursor(run, this.#index, Math.max(0, key));
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Ends a cursor. */
  async drop(cursor: FrameCursor): Promise<void> {
    this.#cursors.delete(cursor);
    await cursor[Symbol.asyncDispose]();
  }

  /** The function that hands a frame's motion vectors to whoever asked for them. */
  visitor({ motion }: FramesOptions): ((located: Located) => void) | undefined {
    return motion && (({ frame, decoded }) => {
      const { pts, keyframe } = this.#index.frames[frame]!;
      motion({ index: frame, pts, keyframe, vectors: decoded.motion() });
    });
  }

  /**
   * A frame record; stored pixels have the size that they were stored with.
   *
   * @param into memory for its pixels, if it is as long
   */
  frame(id: number, decoded: DecodedFrame, into?: Pixels): VideoFrame {
    const { pts, duration, keyframe } = this.#index.frames[id]!;
    const data = decoded.pixels(into);
    const { width, height } = this.#request.filter === undefined ? decoded : this.#info;
    return { index: id, pts, duration, width, height, data, keyframe };
  }

  /** What to deliver for a frame that is not exact; undefined for nothing. */
  async salvage(id: number, located: Located | undefined): Promise<VideoFrame | undefined> {
    if (this.closed) return undefined;
    const reason: Reason = located ? "damaged" : "missing";
    if (this.onError === "throw") throw this.failure(id, reason);
    if (located) {
      this.#replaced.set(id, { frame: id, by: id, reason });
      return this.frame(id, located.decoded);
    }
    const by = this.onError === "nearest" ? await this.#nearest(id) : undefined;
    this.#replaced.set(id, { frame: id, by: by?.index, reason });
    const { pts, duration, keyframe } = this.#index.frames[id]!;
    return by && { ...by, index: id, pts, duration, keyframe, data: by.data.slice() };
  }

  /** Whether every frame between the substitute and this one is known to be missing. */
  #substituteServes(id: number): VideoFrame | undefined {
    const found = this.#substitute;
    if (found === undefined || found.index >= id) return undefined;
    for (let i = found.index + 1; i < id; i++) {
      if (this.#replaced.get(i)?.reason !== "missing") return undefined;
    }
    return found;
  }

  /** The last frame before this one that can be decoded, or else the first one after it. */
  async #nearest(id: number): Promise<VideoFrame> {
    const known = this.#substituteServes(id);
    if (known) return known;
    const cursor = await this.cursor(-1, undefined, {});
    try {
      for (let located; (located = await cursor.next());) {
        if (this.#substitute && located.frame > id && this.#substitute.index < id) break;
        this.#substitute = this.frame(located.frame, located.decoded);
        if (located.frame > id) break;
      }
    } finally {
      await this.drop(cursor);
    }
    if (this.#substitute === undefined) throw this.failure(id, "missing");
    return this.#substitute;
  }

  /** Refuses to go on where a frame that was counted is not there. */
  checkCounted(): void {
    checkCounted(this.#index);
  }

  /** The error for a frame that is not exact. */
  failure(id: number, reason: Reason): MediaError {
    const what = reason === "damaged"
      ? "the decoder found it, or a frame it builds on, damaged"
      : "the decoder gave no frame for it";
    return new MediaError(
      "decode-failed",
      `Cannot decode frame ${id} of ${this.#index.frames.length}: ${what}; ` +
        'onError "nearest" or "skip" reads what is left',
      { frame: id },
    );
  }

  /** Ends all decoders. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    await Promise.all([...this.#cursors].map((cursor) => this.drop(cursor)));
  }
}

/** A decoder that gives ascending frames, and starts over once where seeking led astray. */
export class Feed implements AsyncDisposable {
  readonly #supply: FrameSupply;
  readonly #frames: readonly number[];
  readonly #options: FramesOptions;
  readonly #visit: ((located: Located) => void) | undefined;
  #key: number;
  #cursor: FrameCursor;

  /** Wraps a cursor that started at a key frame, or at the beginning for -1. */
  constructor(
    supply: FrameSupply,
    frames: readonly number[],
    options: FramesOptions,
    key: number,
    cursor: FrameCursor,
  ) {
    this.#supply = supply;
    this.#frames = frames;
    this.#options = options;
    this.#visit = supply.visitor(options);
    this.#key = key;
    this.#cursor = cursor;
  }

  /** The frame that comes next. */
  get position(): number {
    return this.#cursor.position;
  }

  /**
   * A frame; undefined where it is to be skipped.
   *
   * @param into memory for its pixels, if it is as long
   */
  async take(id: number, into?: Pixels): Promise<VideoFrame | undefined> {
    let located = await this.#cursor.find(id, this.#visit);
    if (!located && !this.#supply.closed) this.#supply.checkCounted();
    if ((!located || located.damaged) && this.#key >= 0 && !this.#supply.closed) {
      await this.#startOver(id);
      located = await this.#cursor.find(id);
    }
    if (!located || located.damaged) return await this.#supply.salvage(id, located);
    return this.#supply.frame(id, located.decoded, into);
  }

  async #startOver(id: number): Promise<void> {
    this.#supply.linear = true;
    await this.#supply.drop(this.#cursor);
    const rest = this.#frames.filter((frame) => frame >= id);
    this.#key = -1;
    this.#cursor = await this.#supply.cursor(-1, rest, this.#options);
  }

  /** Ends the decoder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supply.drop(this.#cursor);
  }
}
