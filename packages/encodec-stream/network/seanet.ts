/**
 * EnCodec's layers as ONNX operators, in two forms: for whole segments, where a convolution has
 * reflect padding on both sides and a norm covers the whole segment, and causally, where each layer
 * keeps the samples that its next call needs, so that any chunking gives the same audio.
 *
 * @module
 */
import {
  derive,
  type Dim,
  foldWeightNorm,
  type GraphBuilder,
  interleave,
  type LazyTensor,
  lstm,
  toFloat,
  upsampleBias,
  upsampleKernel,
  type Value,
} from "@vcs/onnx/graph";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { OnnxError } from "@vcs/onnx/errors";
import type { ModelSpec } from "../models.ts";
import type { ConvLayer, Layer, LstmLayer, ResidualLayer, UpsampleLayer } from "./layers.ts";
import { padToStride, reflectionOfStart, reflectPad, tailOfStream, TIME } from "./padding.ts";
import { joinTiles, lengthOf, retile, type Signal } from "./tiles.ts";
import { normalize } from "./segment_norm.ts";

/** A state tensor of a streaming graph: zeros at the start. */
export interface StateTensor {
  /** Name of the input; the output's has `next.` before it. */
  readonly name: string;
  /** Its shape. */
  readonly shape: readonly number[];
}

/** A tensor of a checkpoint as float32, read when the model is written. */
export function checkpointWeight(
  source: TensorSource,
  name: string,
  shape: readonly number[],
): LazyTensor {
  const found = source.has(name) ? source.info(name) : undefined;
  if (!found || found.shape.join() !== shape.join()) {
    throw new OnnxError(
      "weights-mismatch",
      `Cannot use the checkpoint: found ${
        found ? `tensor ${name} of shape [${found.shape}]` : `no tensor ${name}`
      }, expected shape [${shape}]`,
    );
  }
  return { dtype: "F32", shape, read: async () => toFloat(await source.read(name), "F32") };
}

/** All taps of a kernel as rows of a matrix: row tap · to + o. */
function tapRows(kernel: Float32Array, to: number, from: number, taps: number): Float32Array {
  const rows = new Float32Array(kernel.length);
  kernel.forEach((v, i) => {
    const tap = i % taps;
    const c = Math.floor(i / taps) % from;
    const o = Math.floor(i / taps / from);
    rows[(tap * to + o) * from + c] = v;
  });
  return rows;
}

/** Length of a convolution's output; an unknown one gets the name of its layer's channels. */
function strided(length: Dim, stride: number, to: number): Dim {
  if (typeof length === "number") return Math.ceil(length / stride);
  return stride === 1 ? length : `T${to}`;
}

/** Adds layers to a graph. */
export class Seanet {
  /** The graph. */
  readonly g: GraphBuilder;
  /** Whether layers are causal and keep state between calls. */
  readonly causal: boolean;
  /** State tensors that were added. */
  readonly state: StateTensor[] = [];
  readonly #source: TensorSource;
  readonly #norms: ModelSpec["norm"];
  readonly #padding: ModelSpec["padding"];
  #first: Value | undefined;

  /** Starts with a graph and the checkpoint that its weights come from. */
  constructor(
    g: GraphBuilder,
    source: TensorSource,
    { segmentation, norm, padding }: Pick<ModelSpec, "segmentation" | "norm" | "padding">,
  ) {
    this.g = g;
    this.#source = source;
    this.causal = segmentation === undefined;
    this.#norms = norm;
    this.#padding = padding;
  }

  /**
   * Adds layers one after the other.
   *
   * @param unit the signal may be cut at multiples of so many samples. Default: 1.
   */
  apply(layers: readonly Layer[], x: Value, unit = 1): Value {
    const layer = (signal: Signal, layer: Layer) => this.#layer(layer, signal, unit);
    return joinTiles(this.g, layers.reduce(layer, [x]));
  }

  #layer(layer: Layer, x: Signal, unit: number): Signal {
    switch (layer.kind) {
      case "conv":
        return this.#conv(
          layer,
          this.#tile(x, Math.max(layer.from, layer.to / layer.stride), unit),
        );
      case "upsample":
        return this.#upsample(layer, this.#tile(x, layer.to * layer.stride, unit));
      case "residual":
        return this.#residual(layer, this.#tile(x, layer.squeeze.from, unit));
      case "lstm":
        return [this.#lstm(layer, joinTiles(this.g, x))];
      case "elu":
        return this.#elu(x);
    }
  }

  /** Tiles for a layer whose larger side has so many channels for each sample of its input. */
  #tile(x: Signal, channels: number, unit: number): Signal {
    return this.causal ? x : retile(this.g, x, channels, unit);
  }

  /** `max(x, e^min(x, 0) - 1)`: four fast kernels in place of the runtime's slow one. */
  #elu(x: Signal): Signal {
    const { g } = this;
    return x.map((tile) => g.max(tile, g.sub(g.exp(g.min(tile, 0)), 1)));
  }

  /** A tensor of the checkpoint. */
  tensor(name: string, shape: readonly number[]): LazyTensor {
    return checkpointWeight(this.#source, name, shape);
  }

  #kernel(prefix: string, shape: readonly number[]): LazyTensor {
    if (this.#norms !== "weight") return this.tensor(`${prefix}.weight`, shape);
    const lengths = this.tensor(`${prefix}.weight_g`, [shape[0]!, 1, 1]);
    const directions = this.tensor(`${prefix}.weight_v`, shape);
    return foldWeightNorm(lengths, directions);
  }

  #conv(layer: ConvLayer, x: Signal): Signal {
    const { prefix, from, to, kernel, stride } = layer;
    const y = kernel > 1 && to * kernel < from
      ? this.#narrowConv(layer, x)
      : this.#plainConv(layer, kernel === 1 ? x : this.#padded(x, prefix, kernel, stride));
    const lengths = y.length === x.length ? x.map((tile) => tile.shape[TIME]!) : [lengthOf(x)];
    const sized = y.map((tile, i) =>
      this.g.assume(tile, [x[0]!.shape[0]!, to, strided(lengths[i]!, stride, to)])
    );
    return this.#norm(sized, `${prefix}.conv.norm`);
  }

  #padded(x: Signal, prefix: string, kernel: number, stride: number): Signal {
    const reach = kernel - stride;
    return this.causal
      ? [this.#withPast(x[0]!, prefix, reach, stride)]
      : reflectPad(this.g, x, reach, stride);
  }

  #plainConv({ prefix, from, to, kernel, stride }: ConvLayer, x: Signal): Signal {
    const name = `${prefix}.conv.conv`;
    const weight = this.g.weight(`${name}.weight`, this.#kernel(name, [to, from, kernel]));
    const bias = this.g.weight(`${name}.bias`, this.tensor(`${name}.bias`, [to]));
    return x.map((tile) => this.g.conv(tile, weight, bias, { stride }));
  }

  /**
   * A convolution to very few channels as one product for all taps and a sum of shifted parts: the
   * runtime's own way copies every sample once per tap, which here costs more than the arithmetic.
   */
  #narrowConv({ prefix, from, to, kernel }: ConvLayer, x: Signal): Signal {
    const { g } = this;
    const name = `${prefix}.conv.conv`;
    const rows = derive(
      [this.#kernel(name, [to, from, kernel])],
      [kernel * to, from, 1],
      ([w]) => tapRows(w, to, from, kernel),
    );
    const weight = g.weight(`${name}.rows`, rows);
    const taps = (signal: Signal) => joinTiles(g, signal.map((tile) => g.conv(tile, weight)));
    // The reflection of the products is the products of the reflection.
    const all = this.causal
      ? taps(this.#padded(x, prefix, kernel, 1))
      : reflectPad(g, [taps(x)], kernel - 1, 1)[0]!;
    const shifted = Array.from({ length: kernel }, (_, tap) => {
      const part = g.slice(all, 1, tap * to, (tap + 1) * to);
      const later = kernel - 1 - tap;
      return g.slice(part, TIME, tap, later === 0 ? undefined : -later);
    });
    const sum = shifted.reduce((total, part) => g.add(total, g.assume(part, total.shape)));
    const bias = derive([this.tensor(`${name}.bias`, [to])], [1, to, 1], ([b]) => b);
    return [g.add(sum, g.weight(`${name}.bias`, bias))];
  }

  #upsample({ prefix, from, to, stride: s }: UpsampleLayer, x: Signal): Signal {
    const { g } = this;
    const name = `${prefix}.convtr.convtr`;
    const kernel = this.#kernel(name, [from, to, 2 * s]);
    const weight = g.weight(`${name}.rows`, upsampleKernel(kernel, s));
    const bias = g.weight(`${name}.biases`, upsampleBias(this.tensor(`${name}.bias`, [to]), s));
    if (this.causal) {
      const past = this.past(prefix, [1, from, 1]);
      const joined = g.concat([past, x[0]!], TIME);
      this.keep(prefix, g.slice(joined, TIME, -1));
      const length = x[0]!.shape[TIME]!;
      const y = g.assume(g.conv(joined, weight, bias), [x[0]!.shape[0]!, to * s, length]);
      return [interleave(g, y, s)];
    }
    const last = x.length - 1;
    // The norm looks at the s samples that are trimmed after it, too.
    const y = x.map((tile, i) => {
      const joined = i === 0 ? tile : g.concat([g.slice(x[i - 1]!, TIME, -1), tile], TIME);
      const pads = [Number(i === 0), Number(i === last)];
      return interleave(g, g.conv(joined, weight, bias, { pads }), s);
    });
    const right = Math.floor(s / 2);
    return this.#norm(y, `${prefix}.convtr.norm`).map((tile, i) => {
      if (i > 0 && i < last) return tile;
      return g.slice(tile, TIME, i === 0 ? s - right : 0, i === last ? -right : undefined);
    });
  }

  #residual({ squeeze, expand, shortcut }: ResidualLayer, x: Signal): Signal {
    const inner = this.#elu(this.#conv(squeeze, this.#elu(x)));
    const expanded = this.#conv(expand, inner);
    const beside = shortcut ? this.#conv(shortcut, x) : x;
    return beside.map((tile, i) => this.g.add(tile, expanded[i]!));
  }

  #lstm({ prefix, size }: LstmLayer, x: Value): Value {
    const { g } = this;
    const steps = g.transpose(x, [2, 0, 1]);
    const first = this.#recurrence(`${prefix}.lstm`, 0, size, steps);
    const second = this.#recurrence(`${prefix}.lstm`, 1, size, first);
    return g.transpose(g.add(second, steps), [1, 2, 0]);
  }

  #recurrence(prefix: string, l: number, size: number, x: Value): Value {
    const take = (kind: string, shape: number[]) => this.tensor(`${prefix}.${kind}_l${l}`, shape);
    const weights = {
      weightIh: take("weight_ih", [4 * size, size]),
      weightHh: take("weight_hh", [4 * size, size]),
      biasIh: take("bias_ih", [4 * size]),
      biasHh: take("bias_hh", [4 * size]),
    };
    const name = (part: string) => `${prefix}.${part}${l}`;
    const before = this.causal
      ? { h: this.past(name("h"), [1, 1, size]), c: this.past(name("c"), [1, 1, size]) }
      : undefined;
    const { y, h, c } = lstm(this.g, name("l"), x, weights, before);
    if (before) {
      this.keep(name("h"), h);
      this.keep(name("c"), c);
    }
    return y;
  }

  /** The norm behind a convolution, if the model has one. */
  #norm(x: Signal, prefix: string): Signal {
    if (this.#norms !== "segment") return x;
    const channels = [Number(x[0]!.shape[1])];
    const [scale, shift] = ["weight", "bias"].map((w) => this.tensor(`${prefix}.${w}`, channels));
    return normalize(this.g, x, { prefix, scale: scale!, shift: shift! });
  }

  /** The value that says whether a call is a stream's first. */
  isFirst(): Value {
    return this.#first ??= this.g.input("first", "BOOL", [1]);
  }

  /** Adds a state tensor, and gives what the call before left in it. */
  past(name: string, shape: readonly number[]): Value {
    this.state.push({ name, shape });
    return this.g.input(name, "F32", shape);
  }

  /** Leaves a state tensor's value to the next call. */
  keep(name: string, value: Value): void {
    const shape = this.state.find((s) => s.name === name)!.shape;
    this.g.output(`next.${name}`, this.g.assume(value, shape));
  }

  /**
   * Puts the samples before this call's in front: those of the last call, or at the very start
   * padding. The end of a strided layer is padded to a multiple of the stride, which happens in a
   * stream's last call only.
   */
  #withPast(x: Value, prefix: string, reach: number, stride: number): Value {
    const { g } = this;
    const past = this.past(prefix, [1, Number(x.shape[1]), reach]);
    if (this.#padding === "zeros") {
      const joined = g.concat([past, x], TIME);
      this.keep(prefix, g.slice(joined, TIME, -reach));
      return stride === 1 ? joined : padToStride(g, joined, x, stride, "constant");
    }
    const reflection = reflectionOfStart(g, x, reach, g.int64([reach + 1]));
    const head = g.where(this.isFirst(), reflection, past);
    const joined = g.concat([head, x], TIME);
    this.keep(prefix, g.slice(joined, TIME, -reach));
    if (stride === 1) return joined;
    const tail = tailOfStream(g, x, past, this.isFirst(), stride);
    return g.concat([joined, tail], TIME);
  }
}
