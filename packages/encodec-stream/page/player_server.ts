/**
 * The server behind the player page: opens files and URLs, and sends decoded audio as it is made,
 * no further ahead than the page takes it.
 *
 * @module
 */
import { Decoder } from "../decoder.ts";
import { EcdcReader } from "../container/reader.ts";
import { EcdcError } from "../errors.ts";
import { type HeaderSummary, summarizeHeader } from "../container/header_summary.ts";
import { interleave } from "../audio/pcm.ts";
import { playback } from "../playback.ts";
import type { CodecOptions } from "../network/model_session.ts";
import { encodeWav } from "@vcs/media/wav";
import { defined, errorLine, onAbort, Site, SiteError, Streams } from "@vcs/transport/internal";
import type { ModelName } from "../models.ts";
import { ASSETS } from "./assets.ts";
import { HeldFiles } from "./held_files.ts";
import { type Preroll, prerollOf } from "./preroll.ts";

/** Settings of the server. */
export interface PlayerOptions {
  /** Host name or address to listen on. Default: 127.0.0.1. */
  readonly hostname?: string;
  /** Port. Default: any free one. */
  readonly port?: number;
  /** Secret of the viewers. Default: a random token beyond loopback, none on it. */
  readonly token?: string;
  /** Weights, as decoders take them. Default: the official ones. */
  readonly weights?: CodecOptions["weights"];
  /** Device to decode on. Default: auto. */
  readonly device?: string;
  /** Classes of data that may stand in the weights. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
  /** File or URL that the page opens at once. */
  readonly file?: string;
}

/** What the page gets about an opened file, as soon as its header is there. */
interface Opened extends HeaderSummary {
  readonly id: string;
  /** Seconds of audio that are there, of a file that was cut off; null where all of it is. */
  readonly held: number | null;
  /** What a seek runs over in place of everything before it, or null where seeks are exact. */
  readonly preroll: Preroll | null;
}

/** Bytes of the largest file that the page may send. */
const MAX_UPLOAD = 64 * 1024 * 1024;

/** Pages whose playing is ended when they seek. */
const MAX_PAGES = 1000;

/** Segments of which the outline is read; four hours. */
const MAX_OUTLINE = 14_400;

/**
 * Bytes before the samples of a frame: first sample, samples, milliseconds since the last frame. A
 * frame of no samples is the last one of playing that failed: the reason follows, to the end.
 */
const FRAME_HEAD = 16;

/** What a page hears, or waits to hear. */
interface Heard {
  /** Gives it up. */
  readonly given: AbortController;
  /** Resolves when nothing of it is decoded any more. */
  readonly ended: PromiseWithResolvers<void>;
  /** That of what the page heard before. */
  readonly before: Promise<void> | undefined;
}

/** A running player. Stop it with `await using`. */
export class PlayerServer implements AsyncDisposable {
  readonly #options: PlayerOptions;
  readonly #stop = new AbortController();
  readonly #files = new HeldFiles();
  readonly #streams = new Streams();
  /** What each page hears; asked for anew, it ends. */
  readonly #heard = new Map<string, Heard>();
  readonly #decoders = new Map<ModelName, Promise<Decoder>>();
  #site: Site | undefined;

  private constructor(options: PlayerOptions) {
    this.#options = options;
  }

  /** Starts listening. */
  static async open(options: PlayerOptions = {}): Promise<PlayerServer> {
    const server = new PlayerServer(options);
    const { hostname, port, token } = options;
    server.#site = await Site.open({
      ...defined({ hostname, port, token }),
      assets: ASSETS,
      body: MAX_UPLOAD,
      routes: {
        "GET /start": () => Response.json({ file: options.file ?? null }),
        "GET /silence.wav": silence,
        "POST /open": ({ request, url }) => reported(server.#open(request, url)),
        "GET /outline": ({ request, url }) => reported(server.#outline(request, url)),
        "GET /audio": ({ request, url }) => reported(server.#audio(request, url)),
      },
    });
    return server;
  }

  /** URL of the page, with the token if there is one. */
  get url(): string {
    return this.#site!.url;
  }

  /** Opens a file's bytes, or the `source` that the page names: a URL or the file of the command. */
  async #open(request: Request, url: URL): Promise<Response> {
    const named = url.searchParams.get("source");
    const source = named === null ? await request.bytes() : this.#allowed(named);
    await using reader = await EcdcReader.open(source, { signal: this.#stop.signal });
    // Its model is opened while the person looks for the button.
    void this.#decoder(reader.header.model);
    const id = await this.#files.add(source);
    const preroll = prerollOf(reader.header.spec) ?? null;
    const held = reader.heldSeconds ?? null;
    const opened: Opened = { id, held, preroll, ...summarizeHeader(reader.header) };
    return Response.json(opened);
  }

  /** Pages may name URLs, and no file of this machine but that of the command. */
  #allowed(source: string): string {
    if (source === this.#options.file || /^https?:\/\//i.test(source)) return source;
    throw new RangeError(`Cannot open ${source}: expected an http or https URL`);
  }

  #decoder(model: ModelName): Promise<Decoder> {
    const known = this.#decoders.get(model);
    if (known) return known;
    const { weights, device, allowGlobals } = this.#options;
    const opening = Decoder.open(model, defined({ weights, device, allowGlobals }));
    opening.catch(() => this.#decoders.delete(model));
    this.#decoders.set(model, opening);
    return opening;
  }

  #file(url: URL): string | Uint8Array {
    const source = this.#files.get(url.searchParams.get("id") ?? "");
    if (source === undefined) throw new SiteError("not-found", "No such file");
    return source;
  }

  /** Loudness of each second of a 48 kHz file, as it comes: known before anything is decoded. */
  async #outline(request: Request, url: URL): Promise<Response> {
    const signal = AbortSignal.any([this.#stop.signal, request.signal]);
    const reader = await EcdcReader.open(this.#file(url), { signal });
    return streamed(outlineOf(reader));
  }

  /** Decoded audio from a second on, as frames of a head and interleaved s16 samples. */
  async #audio(request: Request, url: URL): Promise<Response> {
    const source = this.#file(url);
    const from = Number(url.searchParams.get("from") ?? 0);
    if (!(from >= 0)) throw new RangeError(`Cannot play from ${from}: expected seconds from 0`);
    this.#streams.enter(request);
    const heard = this.#giveUp(url.searchParams.get("page") ?? crypto.randomUUID());
    const signal = AbortSignal.any([this.#stop.signal, request.signal, heard.given.signal]);
    try {
      // Of many quick seeks only the latest is decoded, and nothing beside it.
      await heard.before;
      signal.throwIfAborted();
      const reader = await EcdcReader.open(source, { signal });
      const decoder = await this.#decoder(reader.header.model);
      const frames = framesOf(reader, decoder, from, signal, heard.ended.resolve);
      // One that nobody has begun to read would not end by itself.
      const end = () => frames.return(undefined).catch(() => {}).finally(heard.ended.resolve);
      onAbort(signal, () => void end());
      return streamed(frames);
    } catch (error) {
      heard.ended.resolve();
      throw error;
    }
  }

  /** Ends what a page was hearing, so that nothing is decoded that nobody will hear. */
  #giveUp(page: string): Heard {
    const last = this.#heard.get(page);
    last?.given.abort();
    const ended = Promise.withResolvers<void>();
    const heard = { given: new AbortController(), ended, before: last?.ended.promise };
    this.#heard.delete(page);
    this.#heard.set(page, heard);
    for (const old of [...this.#heard.keys()].slice(0, -MAX_PAGES)) this.#heard.delete(old);
    return heard;
  }

  /** Ends what is being played, stops listening and releases the models. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#site?.[Symbol.asyncDispose]();
    for (const opening of this.#decoders.values()) {
      await opening.then((decoder) => decoder[Symbol.dispose](), () => {});
    }
  }
}

/** Six seconds without a sound: browsers give media keys to players of at least five. */
function silence(): Response {
  const body = encodeWav([new Float32Array(6 * 8000)], { sampleRate: 8000 });
  return new Response(body, { headers: { "content-type": "audio/wav" } });
}

/** Reports to the viewer what is wrong with a file. */
async function reported(response: Promise<Response>): Promise<Response> {
  try {
    return await response;
  } catch (error) {
    if (error instanceof SiteError) throw error;
    const message = error instanceof Error ? error.message : `${error}`;
    const isFile = error instanceof EcdcError || error instanceof RangeError;
    throw new SiteError(isFile ? "unprocessable" : "internal", message, { cause: error });
  }
}

function streamed(bytes: AsyncIterable<Uint8Array<ArrayBuffer>>): Response {
  return new Response(ReadableStream.from(bytes), {
    headers: { "content-type": "application/octet-stream" },
  });
}

/** The scale of each segment of a 48 kHz file as float32; of a damaged one those before the damage. */
async function* outlineOf(reader: EcdcReader): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    if (!reader.header.spec.segmentation || reader.header.lm) return;
    for await (const { scale = 0 } of reader.blocks({ to: MAX_OUTLINE })) {
      yield new Uint8Array(Float32Array.of(scale).buffer);
    }
  } catch {
    // Playing says what is wrong.
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

function frameOf(start: number, samples: number, spent: number, rest: Uint8Array) {
  const frame = new Uint8Array(FRAME_HEAD + rest.length);
  const head = new DataView(frame.buffer);
  head.setFloat64(0, start, true);
  head.setUint32(8, samples, true);
  head.setFloat32(12, spent, true);
  frame.set(rest, FRAME_HEAD);
  return frame;
}

async function* framesOf(
  reader: EcdcReader,
  decoder: Decoder,
  from: number,
  signal: AbortSignal,
  ended: () => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    let before = performance.now();
    const preroll = prerollOf(decoder.spec)?.seconds ?? 0;
    const blocks = playback(decoder, reader, { from, batch: 1, preroll, signal });
    for await (const { start, channels } of blocks) {
      signal.throwIfAborted();
      const spent = performance.now() - before;
      yield frameOf(start, channels[0]!.length, spent, interleave(channels, "s16"));
      before = performance.now();
    }
  } catch (error) {
    // Whoever has gone on to another second needs no reason.
    if (signal.aborted) throw error;
    yield frameOf(0, 0, 0, new TextEncoder().encode(errorLine(error)));
  } finally {
    await reader[Symbol.asyncDispose]();
    ended();
  }
}
