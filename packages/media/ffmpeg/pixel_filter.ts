/**
 * Runs an FFmpeg filter chain over single frames, in process.
 *
 * @module
 */
import { MediaError } from "../errors.ts";
import type { AvFilterContext, AvFilterGraph, AvFrame, NodeAv } from "./node_av.ts";

/** Filters one frame at a time; built anew when the stored size or format changes. */
export class PixelFilter implements Disposable {
  readonly #av: NodeAv;
  readonly #chain: string;
  readonly #threads: number;
  readonly #output: AvFrame;
  #graph: AvFilterGraph | undefined;
  #key = "";
  #entry: AvFilterContext | undefined;
  #exit: AvFilterContext | undefined;

  /** @param threads that the filters may use, 0 for one per core */
  constructor(av: NodeAv, chain: string, threads: number) {
    this.#av = av;
    this.#chain = chain;
    this.#threads = threads;
    this.#output = new av.Frame();
    this.#output.alloc();
  }

  #build(args: string): void {
    this.#graph?.free();
    const { FilterGraph, FilterInOut, Filter } = this.#av;
    const graph = new FilterGraph();
    graph.alloc();
    graph.nbThreads = this.#threads;
    const entry = graph.createFilter(Filter.getByName("buffer")!, "in", args);
    const exit = graph.createFilter(Filter.getByName("buffersink")!, "out");
    const [inputs, outputs] = [["out", exit], ["in", entry]].map(([name, context]) => {
      const end = new FilterInOut();
      end.alloc();
      end.name = name as string;
      end.filterCtx = context as AvFilterContext | null;
      end.padIdx = 0;
      return end;
    });
    const status = entry && exit ? graph.parsePtr(this.#chain, inputs!, outputs!) : -1;
    if (status < 0 || graph.configSync() < 0) {
      graph.free();
      throw new MediaError("decode-failed", `Cannot convert pixels: ${this.#chain} was refused`);
    }
    [this.#graph, this.#entry, this.#exit, this.#key] = [graph, entry!, exit!, args];
  }

  /** Filters a frame; the result is good until the next one. */
  run(frame: AvFrame): AvFrame {
    const args = `video_size=${frame.width}x${frame.height}:pix_fmt=${frame.format}` +
      `:time_base=1/1:colorspace=${frame.colorSpace}:range=${frame.colorRange}`;
    if (args !== this.#key) this.#build(args);
    this.#output.unref();
    const status = Math.min(
      this.#entry!.buffersrcAddFrameSync(frame),
      this.#exit!.buffersinkGetFrameSync(this.#output),
    );
    if (status < 0) {
      const reason = this.#av.FFmpegError.strerror(status);
      throw new MediaError("decode-failed", `Cannot convert pixels: ${reason}`);
    }
    return this.#output;
  }

  /** Frees the filters. */
  [Symbol.dispose](): void {
    this.#graph?.free();
    this.#output.free();
  }
}

/** Copies packed RGB out of a frame whose rows are padded, into an array that is given if it is as long. */
export function packRows(
  frame: AvFrame,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const plane = frame.data![0]!;
  const [stride, row] = [frame.linesize[0]!, frame.width * 3];
  const size = row * frame.height;
  const pixels = into?.length === size ? into : new Uint8Array(size);
  if (stride === row) {
    pixels.set(plane.subarray(0, pixels.length));
    return pixels;
  }
  for (let y = 0; y < frame.height; y++) {
    pixels.set(plane.subarray(y * stride, y * stride + row), y * row);
  }
  return pixels;
}
