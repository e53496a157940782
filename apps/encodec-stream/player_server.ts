/**
 * The server behind the player page: opens files and URLs, and sends decoded audio as it is made,
 * no further ahead than the page takes it.
 *
 * @module
 */
import { Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc_reader";
import { EcdcError } from "@vcs/encodec-stream/errors";
import { type HeaderSummary, summarizeHeader } from "@vcs/encodec-stream/info";
import { interleave } from "@vcs/encodec-stream/pcm";
import { playback } from "@vcs/encodec-stream/playback";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import type { ModelName } from "@vcs/encodec-stream/models";

/** How the server works. */
export interface PlayerOptions {
  /** Address to listen on; this machine only where none is given. */
  readonly hostname?: string;
  /** Port; any free one where none is given. */
  readonly port?: number;
  /** Weights, as decoders take them; the official ones where none are given. */
  readonly checkpoint?: string | TensorSource;
  /** Device to decode on. */
  readonly device?: string;
  /** File or URL that the page opens at once. */
  readonly file?: string;
}

/** What the page is told of an opened file. */
interface Opened extends HeaderSummary {
  readonly id: string;
  /** Loudness of each second of a 48 kHz file, known before anything is decoded. */
  readonly outline: readonly number[];
}

/** Largest file that the page may send, and most of them that are held. */
const MAX_UPLOAD = 64 * 1024 * 1024;
const MAX_FILES = 8;

/** Segments of which the outline is read; four hours. */
const MAX_OUTLINE = 14_400;

/** Seconds of warm-up after a jump in a 24 kHz file: a listener waits for neither more nor less. */
const PREROLL = 2;

/** Bytes before the samples of a frame: first sample, samples, milliseconds since the last frame. */
const FRAME_HEAD = 16;

const PAGE = new URL("page/", import.meta.url);

const ASSETS: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/player.js": ["player.js", "text/javascript; charset=utf-8"],
  "/style.css": ["style.css", "text/css; charset=utf-8"],
};

type Handler = (request: Request, url: URL) => Response | Promise<Response>;

/** A running player. Stop it with `await using`. */
export class PlayerServer implements AsyncDisposable {
  readonly #options: PlayerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();
  readonly #files = new Map<string, string | Uint8Array>();
  readonly #decoders = new Map<ModelName, Promise<Decoder>>();
  readonly #routes: Readonly<Record<string, Handler>> = {
    "GET /start": () => Response.json({ file: this.#options.file ?? null }),
    "POST /open": (request, url) => this.#open(request, url),
    "GET /audio": (_request, url) => this.#audio(url),
  };

  /** Starts listening. */
  constructor(options: PlayerOptions = {}) {
    this.#options = options;
    const { hostname = "127.0.0.1", port = 0 } = options;
    this.#server = Deno.serve(
      { hostname, port, signal: this.#stop.signal, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Address of the page. */
  get url(): string {
    const { hostname, port } = this.#server.addr;
    return `http://${hostname}:${port}/`;
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const origin = request.headers.get("origin");
    if (origin !== null && origin !== url.origin) return new Response(null, { status: 403 });
    const asset = ASSETS[url.pathname];
    if (asset) {
      const [file, type] = asset;
      return new Response(await Deno.readFile(new URL(file, PAGE)), {
        headers: { "content-type": type },
      });
    }
    const handler = this.#routes[`${request.method} ${url.pathname}`];
    if (!handler) return new Response("Not found", { status: 404 });
    try {
      return await handler(request, url);
    } catch (error) {
      const message = error instanceof Error ? error.message : `${error}`;
      const status = error instanceof EcdcError || error instanceof RangeError ? 422 : 500;
      return Response.json({ error: message }, { status });
    }
  }

  /** Takes a file's bytes, or the `source` that the page names: a URL or the file of the command. */
  async #open(request: Request, url: URL): Promise<Response> {
    const named = url.searchParams.get("source");
    const source = named === null ? await upload(request) : this.#allowed(named);
    await using reader = await EcdcReader.open(source, { signal: this.#stop.signal });
    // Its model is made ready while the person looks for the button.
    void this.#decoder(reader.header.model);
    const id = crypto.randomUUID();
    this.#files.set(id, source);
    for (const old of [...this.#files.keys()].slice(0, -MAX_FILES)) this.#files.delete(old);
    const summary = summarizeHeader(reader.header);
    const opened: Opened = { id, ...summary, outline: await outlineOf(reader) };
    return Response.json(opened);
  }

  /** Pages may name addresses, and no files of this machine but the one the command was given. */
  #allowed(source: string): string {
    if (source === this.#options.file || /^https?:\/\//i.test(source)) return source;
    throw new RangeError(`Cannot open ${source}: an http or https address is needed`);
  }

  #decoder(model: ModelName): Promise<Decoder> {
    const { checkpoint, device } = this.#options;
    const open = () =>
      Decoder.open(model, { ...(checkpoint && { checkpoint }), ...(device && { device }) });
    const known = this.#decoders.get(model);
    if (known) return known;
    const opening = open();
    opening.catch(() => this.#decoders.delete(model));
    this.#decoders.set(model, opening);
    return opening;
  }

  /** Decoded audio from a second on, as frames of a head and interleaved s16 samples. */
  async #audio(url: URL): Promise<Response> {
    const source = this.#files.get(url.searchParams.get("id") ?? "");
    if (source === undefined) return new Response("No such file", { status: 404 });
    const from = Number(url.searchParams.get("from") ?? 0);
    if (!(from >= 0)) throw new RangeError(`Cannot play from ${from}: seconds are needed`);
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
    await this.#server.finished;
    for (const opening of this.#decoders.values()) {
      await opening.then((decoder) => decoder[Symbol.dispose](), () => {});
    }
  }
}

async function upload(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? Infinity) > MAX_UPLOAD) {
    throw new RangeError(`Cannot take the file: at most ${MAX_UPLOAD} bytes are allowed`);
  }
  return await request.bytes();
}

/** The scales that a 48 kHz file holds for each segment. A damaged file gives those before. */
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
