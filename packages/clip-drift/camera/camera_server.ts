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
 * await using server = serveCamera({ frame: () => jpeg, fps: 50 });
 * for await (const frame of cameraFrames(server.url)) {
 *   assert.deepEqual(frame.data, jpeg);
 *   break;
 * }
 * ```
 *
 * @module
 */
import { Guard, isLoopback, onAbort, SiteError } from "@vcs/transport/internal";

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
  /** Reported by `/health`: width, height and JPEG quality of the frames. */
  readonly config?: { readonly width: number; readonly height: number; readonly quality: number };
}

/** A camera that is being served. */
export interface CameraServer extends AsyncDisposable {
  /** URL of the stream. */
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

/** An endless answer; a client that reads slowly misses frames. */
function streamResponse(clock: Clock, signal: AbortSignal): Response {
  let sent = -1;
  let closing: Disposable;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      closing = onAbort(signal, () => controller.close());
    },
    cancel() {
      closing[Symbol.dispose]();
    },
    async pull(controller) {
      while (clock.index === sent && !signal.aborted) await clock.next;
      if (signal.aborted) return;
      sent = clock.index;
      for (const chunk of part(clock)) controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
  const type = "multipart/x-mixed-replace; boundary=frame";
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
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
 * The answer to a page of another site, which may not look through this machine at its own camera;
 * undefined where the request is fine, or where the camera is for the network.
 */
function refusal(request: Request, address: Deno.NetAddr): Response | undefined {
  if (!isLoopback(address.hostname)) return undefined;
  const { hostname, port } = address;
  const { method, headers, url } = request;
  try {
    const guard = new Guard({ hostname, port });
    guard.check({ method, headers, url: new URL(url), localAddress: hostname });
  } catch (error) {
    if (error instanceof SiteError) return error.response();
    throw error;
  }
}

/** Serves a camera: a page at `/`, the stream at `/stream.mjpg`, its state at `/health`. */
export function serveCamera(options: CameraServerOptions): CameraServer {
  const { hostname = "127.0.0.1", port = 0 } = options;
  const clock = new Clock();
  const stop = new AbortController();
  const routes: Record<string, () => Response> = {
    "/": () => new Response(INDEX, { headers: { "content-type": "text/html" } }),
    "/stream.mjpg": () => streamResponse(clock, stop.signal),
    "/health": () => health(clock, options),
  };
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname, port, onListen: () => {} },
    (request) => {
      // Connections that were kept open may still ask.
      if (stop.signal.aborted) return new Response("The camera is closed\n", { status: 503 });
      const route = routes[new URL(request.url).pathname];
      return refusal(request, server.addr) ?? route?.() ??
        new Response("There is no such path\n", { status: 404 });
    },
  );
  const ticking = tick(clock, options, stop.signal);
  ticking.catch(() => stop.abort());
  const close = async () => {
    stop.abort();
    await server.shutdown();
    await ticking;
  };
  const shownHost = hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
  return {
    url: `http://${shownHost}:${server.addr.port}/stream.mjpg`,
    port: server.addr.port,
    get index() {
      return clock.index;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
