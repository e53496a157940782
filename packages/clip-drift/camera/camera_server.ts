/**
 * A simulated camera: serves JPEGs as MJPEG over HTTP, with `/health` beside it, in the
 * framing of the Raspberry Pi program whose streams this package was first made for. For trying
 * things out, for tests, and for feeding any frames to software that expects a camera.
 *
 * @example A camera with one frame
 * ```ts
 * import { serveCamera } from "@vcs/clip-drift";
 * import { cameraFrames } from "@vcs/clip-drift";
 * import assert from "node:assert/strict";
 *
 * const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);
 * await using server = await serveCamera({ frame: () => jpeg, fps: 50 });
 * for await (const frame of cameraFrames(server.url)) {
 *   assert.deepEqual(frame.data, jpeg);
 *   break;
 * }
 * ```
 *
 * @module
 */
import { abortable, defined, Site, type SiteRequest, Streams } from "@vcs/transport/internal";

/** What to serve, and where. */
export interface CameraServerOptions {
  /** Returns the JPEG of a frame. */
  readonly frame: (index: number) => Uint8Array | Promise<Uint8Array>;
  /** Frames per second. Default: 15. */
  readonly fps?: number;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly hostname?: string;
  /** Port to listen on. Default: any free one. */
  readonly port?: number;
  /** What a viewer must know. Default: a random token beyond loopback, none on it. */
  readonly token?: string;
  /** Milliseconds in which a viewer must take some of what it is sent. Default: 15,000. */
  readonly stuckAfter?: number;
  /** Reported by `/health`: width, height and JPEG quality of the frames. */
  readonly config?: { readonly width: number; readonly height: number; readonly quality: number };
}

/** A camera that is being served. */
export interface CameraServer extends AsyncDisposable {
  /** URL of the stream, with the token where there is one. */
  readonly url: string;
  /** The port. */
  readonly port: number;
  /** Index of the latest frame. */
  readonly index: number;
  /**
   * Ends all streams and stops listening, as pulling the plug does.
   *
   * @throws what `frame` threw, which ends the streams, too
   */
  close(): Promise<void>;
}

/** The latest frame, and a promise of the next. */
class Clock {
  index = -1;
  jpeg: Uint8Array = new Uint8Array();
  lastFrameTime = 0;
  readonly streams = new Streams();
  #waiting = Promise.withResolvers<void>();

  get next(): Promise<void> {
    return this.#waiting.promise;
  }

  /** Shows a frame. */
  show(jpeg: Uint8Array): void {
    this.jpeg = jpeg;
    this.index++;
    this.lastFrameTime = Date.now() / 1000;
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers<void>();
  }
}

/** Shows frames at their times, without catching up if one was late. */
async function tick(
  clock: Clock,
  { frame, fps = 15 }: CameraServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now();
  for (let shown = 0; !signal.aborted;) {
    clock.show(await frame(clock.index + 1));
    shown = Math.max(shown + 1, Math.ceil((performance.now() - start) * fps / 1000));
    const wait = start + shown * 1000 / fps - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
  }
}

/** One frame as a part. */
function part({ jpeg, lastFrameTime }: Clock): Uint8Array[] {
  const head = `--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n` +
    `X-Timestamp: ${lastFrameTime.toFixed(6)}\r\n\r\n`;
  const encoder = new TextEncoder();
  return [encoder.encode(head), jpeg, encoder.encode("\r\n")];
}

/** An endless stream; a client that reads slowly misses frames. */
async function* stream(clock: Clock, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for (let sent = -1;; sent = clock.index) {
      if (clock.index === sent) await abortable(clock.next, signal);
      if (clock.index >= 0) yield* part(clock);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function streamResponse(clock: Clock, request: Request, stop: AbortSignal): Response {
  clock.streams.enter(request);
  const signal = AbortSignal.any([request.signal, stop]);
  const type = "multipart/x-mixed-replace; boundary=frame";
  return new Response(ReadableStream.from(stream(clock, signal)), {
    headers: { "content-type": type, "cache-control": "no-store" },
  });
}

function health(clock: Clock, options: CameraServerOptions): Response {
  const { fps = 15, config } = options;
  return Response.json({
    status: "ok",
    camera: "simulated",
    config: { ...config, fps },
    stats: {
      running: true,
      frames: clock.index + 1,
      streams: clock.streams.count,
      last_frame_time: clock.lastFrameTime,
      resolution: config === undefined ? null : [config.width, config.height],
      target_fps: fps,
      dummy: true,
    },
  });
}

const INDEX =
  '<!doctype html><title>Camera</title><h1>Camera</h1><img src="/stream.mjpg" alt="Stream">';

/**
 * Serves a camera: a page at `/`, the stream at `/stream.mjpg`, its state at `/health`.
 *
 * @throws {Deno.errors.AddrInUse} where the port is taken
 */
export async function serveCamera(options: CameraServerOptions): Promise<CameraServer> {
  const clock = new Clock();
  const stop = new AbortController();
  const { hostname, port, token, stuckAfter } = options;
  const open = (response: (request: Request) => Response) => ({ request }: SiteRequest) => {
    // Connections that were kept open may still ask.
    if (stop.signal.aborted) return new Response("The camera is closed\n", { status: 503 });
    return response(request);
  };
  const site = await Site.open({
    ...defined({ hostname, port, token, stuckAfter }),
    routes: {
      "GET /": open(() => new Response(INDEX, { headers: { "content-type": "text/html" } })),
      "GET /stream.mjpg": open((request) => streamResponse(clock, request, stop.signal)),
      "GET /health": open(() => health(clock, options)),
    },
  });
  const ticking = tick(clock, options, stop.signal);
  ticking.catch(() => stop.abort());
  const close = async () => {
    stop.abort();
    await site[Symbol.asyncDispose]();
    await ticking;
  };
  return {
    url: `${new URL("/stream.mjpg", site.url)}${new URL(site.url).search}`,
    port: site.port,
    get index() {
      return clock.index;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
