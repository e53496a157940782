/**
 * The few operations that the network is made of, in the forms that execution providers need:
 * whole three-dimensional convolutions, or the same sums as two-dimensional ones over single
 * frames.
 *
 * @module
 */
import type { GraphBuilder, Value, WeightSource } from "@vcs/onnx/graph";
import { derive } from "@vcs/onnx/graph";
import { groupNorm } from "@vcs/onnx/internal";
import type { ConvForm, WeightOf } from "./network.ts";

/** Steps or block sizes in time, rows and columns. */
export type Steps = readonly [time: number, rows: number, columns: number];

/** What a convolution is like. */
export interface ConvOptions {
  /** Places that the kernel covers in each direction: 3, or 1. */
  readonly kernel?: 1 | 3;
  /** Steps between outputs. Default: 1. */
  readonly steps?: Steps;
  /** Frames of zeros before the first. Default: as many as the kernel sees of the past. */
  readonly past?: number;
  /** Whether there is a `.bias`. */
  readonly bias?: boolean;
}

/** What the network's description is written in. Values are clips in the form's own layout. */
export interface VideoOps {
  /** Brings a model input [1, C, T, H, W] into the form's layout. */
  enter(x: Value): Value;
  /** Brings a clip back to [1, C, T, H, W]. */
  leave(x: Value): Value;
  /** A convolution that sees the present and the past; `key` is without `.weight`. */
  conv(x: Value, key: string, channels: number, options?: ConvOptions): Value;
  /** GroupNorm over the whole clip; scale and shift have one number a channel. */
  norm(x: Value, scale: Value, shift: Value): Value;
  /** Blocks of channels to places in time, rows and columns. */
  depthToSpace(x: Value, block: Steps): Value;
  /** The clip without one frame. */
  withoutFrame(x: Value, index: number): Value;
}

const GROUPS = 32;
const EPSILON = 1e-6;

/** Makes the operations of a form. */
export function videoOps(g: GraphBuilder, weightOf: WeightOf, form: ConvForm): VideoOps {
  return form === "planes" ? new PlaneOps(g, weightOf) : new VolumeOps(g, weightOf, form);
}

/** Adds the weights of a convolution to the graph. */
class KernelSource {
  constructor(readonly g: GraphBuilder, readonly weightOf: WeightOf) {}

  source(key: string, x: Value, channels: number, kernel: number): WeightSource {
    return this.weightOf(`${key}.weight`, [channels, Number(x.shape[1]), kernel, kernel, kernel]);
  }

  bias(key: string, channels: number, isUsed: boolean): Value | undefined {
    if (!isUsed) return undefined;
    return this.g.weight(`${key}.bias`, this.weightOf(`${key}.bias`, [channels]));
  }
}

/** Clips as [1, C, T, H, W]. */
class VolumeOps extends KernelSource implements VideoOps {
  constructor(g: GraphBuilder, weightOf: WeightOf, readonly form: "volume" | "padded") {
    super(g, weightOf);
  }

  enter(x: Value): Value {
    return this.g.toFloat(x);
  }

  leave(x: Value): Value {
    return this.g.cast(x, "F32");
  }

  conv(x: Value, key: string, channels: number, options: ConvOptions = {}): Value {
    const { g } = this;
    const { kernel = 3, steps = [1, 1, 1], past = kernel - 1, bias = false } = options;
    const weight = g.weight(`${key}.weight`, this.source(key, x, channels, kernel));
    const shift = this.bias(key, channels, bias);
    if (kernel === 1) return g.conv(x, weight, shift);
    if (this.form === "volume") {
      return g.conv(x, weight, shift, { stride: steps, pads: [past, 1, 1, 0, 1, 1] });
    }
    const padded = g.pad(x, [[0, 0], [0, 0], [past, 0], [0, 0], [0, 0]]);
    return g.conv(padded, weight, shift, { stride: steps, pads: [0, 1, 1, 0, 1, 1] });
  }

  norm(x: Value, scale: Value, bias: Value): Value {
    return groupNorm(this.g, x, { groups: GROUPS, epsilon: EPSILON, scale, bias });
  }

  depthToSpace(x: Value, [bt, bh, bw]: Steps): Value {
    const { g } = this;
    const [, channels, frames, height, width] = sizes(x);
    const inner = channels / (bt * bh * bw);
    const apart = g.reshape(x, [bt, bh, bw, inner, frames, height, width]);
    const woven = g.transpose(apart, [3, 4, 0, 5, 1, 6, 2]);
    return g.reshape(woven, [1, inner, frames * bt, height * bh, width * bw]);
  }

  withoutFrame(x: Value, index: number): Value {
    return without(this.g, x, 2, index);
  }
}

/** Clips as [T, C, H, W]: frames are the batch. */
class PlaneOps extends KernelSource implements VideoOps {
  enter(x: Value): Value {
    const { g } = this;
    return g.transpose(g.squeeze(g.toFloat(x), [0]), [1, 0, 2, 3]);
  }

  leave(x: Value): Value {
    const { g } = this;
    return g.cast(g.unsqueeze(g.transpose(x, [1, 0, 2, 3]), [0]), "F32");
  }

  conv(x: Value, key: string, channels: number, options: ConvOptions = {}): Value {
    const { g } = this;
    const { kernel = 3, steps = [1, 1, 1], past = kernel - 1, bias = false } = options;
    const [time, rows, columns] = steps;
    const source = readOnce(this.source(key, x, channels, kernel), kernel);
    const shift = this.bias(key, channels, bias);
    if (kernel === 1) return g.conv(x, this.#tap(key, source, 0), shift);
    const count = Math.floor((Number(x.shape[0]) + past - kernel) / time) + 1;
    const padded = g.pad(x, [[past, 0], [0, 0], [0, 0], [0, 0]]);
    const parts = Array.from({ length: kernel }, (_, tap) => {
      const seen = g.slice(padded, 0, tap, tap + (count - 1) * time + 1, time);
      const own = tap === kernel - 1 ? shift : undefined;
      const window = { stride: [rows, columns], pads: 1 };
      return g.conv(seen, this.#tap(key, source, tap), own, window);
    });
    return parts.reduce((sum, part) => g.add(sum, part));
  }

  /** One tap of time of a kernel [out, in, taps, h, w]: [out, in, h, w]. */
  #tap(key: string, source: WeightSource, tap: number): Value {
    const [out, inner, taps, height, width] = source.shape as [
      number,
      number,
      number,
      number,
      number,
    ];
    const area = height * width;
    const plane = derive([source], [out, inner, height, width], ([kernel]) => {
      const picked = new Float32Array(out * inner * area);
      for (let i = 0; i < out * inner; i++) {
        const from = (i * taps + tap) * area;
        picked.set(kernel.subarray(from, from + area), i * area);
      }
      return picked;
    });
    return this.g.weight(`${key}.weight.${tap}`, plane);
  }

  /** In float32 and in steps, places first, as `groupNorm` of `@vcs/onnx` does it. */
  norm(input: Value, scale: Value, shift: Value): Value {
    const { g } = this;
    const [frames, channels, height, width] = sizes(input);
    const members = channels / GROUPS;
    const x = g.reshape(g.cast(input, "F32"), [frames, GROUPS, members, height * width]);
    const mean = (v: Value) => g.mean(g.mean(g.mean(v, [3]), [2]), [0]);
    const perChannel = (v: Value) => g.reshape(g.cast(v, "F32"), [1, GROUPS, members, 1]);
    const centred = g.sub(x, mean(x));
    const inverse = g.div(1, g.sqrt(g.add(mean(g.mul(centred, centred)), EPSILON)));
    const scaled = g.mul(centred, g.mul(inverse, perChannel(scale)));
    return g.cast(g.reshape(g.add(scaled, perChannel(shift)), input.shape), input.dtype);
  }

  /** First the blocks of time become frames, then ONNX's own operator weaves each frame. */
  depthToSpace(x: Value, [bt, bh]: Steps): Value {
    const { g } = this;
    const [frames, channels, height, width] = sizes(x);
    const inner = channels / bt;
    const frame = g.reshape(x, [frames * bt, inner, height, width]);
    return g.op("DepthToSpace", [frame], { blocksize: bh, mode: "DCR" }, {
      dtype: x.dtype,
      shape: [frames * bt, inner / (bh * bh), height * bh, width * bh],
    });
  }

  withoutFrame(x: Value, index: number): Value {
    return without(this.g, x, 0, index);
  }
}

/** A weight that is read once for a number of readers, and let go after the last. */
function readOnce(source: WeightSource, readers: number): WeightSource {
  if (!("read" in source)) return source;
  let held: ReturnType<typeof source.read> | undefined;
  let left = readers;
  return {
    dtype: source.dtype,
    shape: source.shape,
    read() {
      const found = held ??= source.read();
      if (--left === 0) [held, left] = [undefined, readers];
      return found;
    },
  };
}

function sizes(x: Value): [number, number, number, number, number] {
  return x.shape.map(Number) as [number, number, number, number, number];
}

function without(g: GraphBuilder, x: Value, axis: number, index: number): Value {
  const before = g.slice(x, axis, 0, index);
  const frames = Number(x.shape[axis]);
  return frames === index + 1 ? before : g.concat([before, g.slice(x, axis, index + 1)], axis);
}
