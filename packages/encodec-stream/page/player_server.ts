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
import { defined, Site, SiteError } from "@vcs/transport/internal";
import type { ModelName } from "../models.ts";
import { ASSETS } from "./assets.ts";

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
  /** File or URL that the page opens at once. */
  readonly file?: string;
}

/** What the page gets about an opened file. */
interface Opened extends HeaderSummary {
  readonly id: string;
  /** Loudness of each second of a 48 kHz file, known before anything is decoded. */
  readonly outline: readonly number[];
}

/** Bytes of the largest file that the page may send, and most files that are held. */
const MAX_UPLOAD = 64 * 1024 * 1024;
const MAX_FILES = 8;

/** Segments of which the outline is read; four hours. */
const MAX_OUTLINE = 14_400;

/** Seconds of preroll after a seek in a 24 kHz file: longer is more exact, and a longer wait. */
const PREROLL = 2;

/** Bytes before the samples of a frame: first sample, samples, milliseconds since the last frame. */
const FRAME_HEAD = 16;

/** A running player. Stop it with `await using`. */
export class PlayerServer implements AsyncDisposable {
  readonly #options: PlayerOptions;
  readonly #stop = new AbortController();
  readonly #files = new Map<string, string | Uint8Array>();
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
        "POST /open": ({ request, url }) => reported(server.#open(request, url)),
        "GET /audio": ({ url }) => reported(server.#audio(url)),
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
    const id = crypto.randomUUID();
    this.#files.set(id, source);
    for (const old of [...this.#files.keys()].slice(0, -MAX_FILES)) this.#files.delete(old);
    const summary = summarizeHeader(reader.header);
    const opened: Opened = { id, ...summary, outline: await outlineOf(reader) };
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
    const { weights, device } = this.#options;
    const opening = Decoder.open(model, defined({ weights, device }));
    opening.catch(() => this.#decoders.delete(model));
    this.#decoders.set(model, opening);
    return opening;
  }

  /** Decoded audio from a second on, as frames of a head and interleaved s16 samples. */
  async #audio(url: URL): Promise<Response> {
    const source = this.#files.get(url.searchParams.get("id") ?? "");
    if (source === undefined) throw new SiteError("not-found", "No such file");
    const from = Number(url.searchParams.get("from") ?? 0);
    if (!(from >= 0)) throw new RangeError(`Cannot play from ${from}: expected seconds from 0`);
    const reader = await EcdcReader.open(source, { signal: this.#stop.signal });
    try {
      const decoder = await this.#decoder(reader.header.model);
      const frames = framesOf(reader, decoder, from);
      return new Response(ReadableStream.from(frames), {
        headers: { "content-type": "application/octet-stream" },
      });
    } catch (error) {
      await reader[Symbol.asyncDispose]();
      throw error;
    }
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

/** The scale of each segment of a 48 kHz file; of a damaged one those before the damage. */
async function outlineOf(reader: EcdcReader): Promise<number[]> {
  const outline: number[] = [];
  if (!reader.header.spec.segmentation || reader.header.lm) return outline;
  try {
    for await (const { scale } of reader.blocks({ to: MAX_OUTLINE })) outline.push(scale ?? 0);
  } catch (error) {
    if (!(error instanceof EcdcError)) throw error;
  }
  return outline;
}

async function* framesOf(
  reader: EcdcReader,
  decoder: Decoder,
  from: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    let before = performance.now();
    const blocks = playback(decoder, reader, { from, batch: 1, preroll: PREROLL });
    for await (const { start, channels } of blocks) {
      const samples = interleave(channels, "s16");
      const frame = new Uint8Array(FRAME_HEAD + samples.length);
      const head = new DataView(frame.buffer);
      head.setFloat64(0, start, true);
      head.setUint32(8, channels[0]!.length, true);
      head.setFloat32(12, performance.now() - before, true);
      frame.set(samples, FRAME_HEAD);
      yield frame;
      before = performance.now();
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}
