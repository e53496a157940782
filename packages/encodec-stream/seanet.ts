/**
 * EnCodec's layers as ONNX operators, in two manners: for whole segments, where a convolution pads
 * both sides by mirroring and a norm looks at the whole segment, and causally, where each layer
 * remembers the samples that its next call needs, so that any chunking gives the same audio.
 *
 * @module
 */
import { float, type GraphBuilder, type LazyTensor, type Value } from "@vcs/onnx/graph";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { OnnxError } from "@vcs/onnx/errors";
import { foldWeightNorm, interleave, lstm, upsampleBias, upsampleKernel } from "@vcs/onnx/layers";
import { derive, toFloat } from "@vcs/onnx/weights";
import type { ConvLayer, Layer, LstmLayer, ResidualLayer, UpsampleLayer } from "./layers.ts";
import { mirrored, mirrorOfStart, tailOfStream, TIME } from "./padding.ts";

/** A tensor that a streaming graph takes and gives back: zeros at the start. */
export interface StateTensor {
  /** Name of the input; the output's has `next.` before it. */
  readonly name: string;
  /** Its shape. */
  readonly shape: readonly number[];
}

/** What keeps a norm from dividing by zero. */
const EPSILON = 1e-5;

/** A tensor of a checkpoint as float32, read when the model is written. */
export function checkpointWeight(
  source: TensorSource,
  name: string,
  shape: readonly number[],
): LazyTensor {
  const found = source.has(name) ? source.info(name) : undefined;
  if (!found || found.shape.join() !== shape.join()) {
    throw new OnnxError(
      "weights_mismatch",
      `Cannot use the checkpoint: tensor ${name} must have shape [${shape}], found ${
        found ? `[${found.shape}]` : "none of that name"
      }`,
    );
  }
  return { dtype: "F32", shape, read: async () => toFloat(await source.read(name), "F32") };
}

/** All taps of a kernel as rows of a product: row tap · to + o. */
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

/** Adds layers to a graph. */
export class Seanet {
  /** The graph. */
  readonly g: GraphBuilder;
  /** Whether layers are causal and keep state between calls. */
  readonly causal: boolean;
  /** State tensors that were added. */
  readonly state: StateTensor[] = [];
  readonly #source: TensorSource;
  #first: Value | undefined;

  /** Starts with a graph and the checkpoint that its weights come from. */
  constructor(g: GraphBuilder, source: TensorSource, causal: boolean) {
    this.g = g;
    this.#source = source;
    this.causal = causal;
  }

  /** Adds layers one after the other. */
  apply(layers: readonly Layer[], x: Value): Value {
    return layers.reduce((value, layer) => this.#layer(layer, value), x);
  }

  #layer(layer: Layer, x: Value): Value {
    switch (layer.kind) {
      case "conv":
        return this.#conv(layer, x);
      case "upsample":
        return this.#upsample(layer, x);
      case "residual":
        return this.#residual(layer, x);
      case "lstm":
        return this.#lstm(layer, x);
      case "elu":
        return this.#elu(x);
    }
  }

  /** `max(x, e^min(x, 0) - 1)`: four fast kernels in place of the runtime's slow one. */
  #elu(x: Value): Value {
    const { g } = this;
    return g.max(x, g.sub(g.exp(g.min(x, 0)), 1));
  }

  /** A tensor of the checkpoint. */
  tensor(name: string, shape: readonly number[]): LazyTensor {
    return checkpointWeight(this.#source, name, shape);
  }

  #kernel(prefix: string, shape: readonly number[]): LazyTensor {
    if (!this.causal) return this.tensor(`${prefix}.weight`, shape);
    const lengths = this.tensor(`${prefix}.weight_g`, [shape[0]!, 1, 1]);
    const directions = this.tensor(`${prefix}.weight_v`, shape);
    return foldWeightNorm(lengths, directions);
  }

  #conv(layer: ConvLayer, x: Value): Value {
    const { prefix, to, kernel, stride } = layer;
    const reach = kernel - stride;
    const padded = kernel === 1
      ? x
      : this.causal
      ? this.#withPast(x, prefix, reach, stride)
      : mirrored(this.g, x, reach, stride);
    const y = to * kernel < layer.from
      ? this.#narrowConv(layer, padded)
      : this.#plainConv(layer, padded);
    const length = stride === 1 ? x.shape[TIME]! : `T${to}`;
    const sized = this.g.assume(y, [x.shape[0]!, to, length]);
    return this.causal ? sized : this.#groupNorm(sized, `${prefix}.conv.norm`);
  }

  #plainConv({ prefix, from, to, kernel, stride }: ConvLayer, x: Value): Value {
    const name = `${prefix}.conv.conv`;
    const weight = this.g.weight(`${name}.weight`, this.#kernel(name, [to, from, kernel]));
    const bias = this.g.weight(`${name}.bias`, this.tensor(`${name}.bias`, [to]));
    return this.g.conv(x, weight, bias, { stride });
  }

  /**
   * A convolution to very few channels as one product for all taps and a sum of shifted parts: the
   * runtime's own way copies every sample once per tap, which here costs more than the arithmetic.
   */
  #narrowConv({ prefix, from, to, kernel }: ConvLayer, x: Value): Value {
    const { g } = this;
    const name = `${prefix}.conv.conv`;
    const rows = derive(
      [this.#kernel(name, [to, from, kernel])],
      [kernel * to, from, 1],
      ([w]) => tapRows(w, to, from, kernel),
    );
    const all = g.conv(x, g.weight(`${name}.rows`, rows));
    const shifted = Array.from({ length: kernel }, (_, tap) => {
      const part = g.slice(all, 1, tap * to, (tap + 1) * to);
      const later = kernel - 1 - tap;
      return g.slice(part, TIME, tap, later === 0 ? undefined : -later);
    });
    const sum = shifted.reduce((total, part) => g.add(total, g.assume(part, total.shape)));
    const bias = derive([this.tensor(`${name}.bias`, [to])], [1, to, 1], ([b]) => b);
    return g.add(sum, g.weight(`${name}.bias`, bias));
  }

  #upsample({ prefix, from, to, stride: s }: UpsampleLayer, x: Value): Value {
    const { g } = this;
    const name = `${prefix}.convtr.convtr`;
    const kernel = this.#kernel(name, [from, to, 2 * s]);
    const weight = g.weight(`${name}.rows`, upsampleKernel(kernel, s));
    const bias = g.weight(`${name}.biases`, upsampleBias(this.tensor(`${name}.bias`, [to]), s));
    if (this.causal) {
      const past = this.#past(prefix, [1, from, 1]);
      const joined = g.concat([past, x], TIME);
      this.#keep(prefix, g.slice(joined, TIME, -1));
      const length = x.shape[TIME]!;
      const y = g.assume(g.conv(joined, weight, bias), [x.shape[0]!, to * s, length]);
      return interleave(g, y, s);
    }
    // The norm looks at the s samples that are trimmed after it, too.
    const y = interleave(g, g.conv(x, weight, bias, { pads: 1 }), s);
    const right = Math.floor(s / 2);
    return g.slice(this.#groupNorm(y, `${prefix}.convtr.norm`), TIME, s - right, -right);
  }

  #residual({ squeeze, expand, shortcut }: ResidualLayer, x: Value): Value {
    const inner = this.#elu(this.#conv(squeeze, this.#elu(x)));
    return this.g.add(this.#conv(shortcut, x), this.#conv(expand, inner));
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
      ? { h: this.#past(name("h"), [1, 1, size]), c: this.#past(name("c"), [1, 1, size]) }
      : undefined;
    const { y, h, c } = lstm(this.g, name("l"), x, weights, before);
    if (before) {
      this.#keep(name("h"), h);
      this.#keep(name("c"), c);
    }
    return y;
  }

  /** Normalises over channels and time of each segment, then scales and shifts each channel. */
  #groupNorm(x: Value, prefix: string): Value {
    const channels = Number(x.shape[1]);
    const scale = this.tensor(`${prefix}.weight`, [channels]);
    const shift = this.tensor(`${prefix}.bias`, [channels]);
    const result = x.shape[0] === 1
      ? this.#normalizeOne(x, prefix, scale, shift)
      : this.#normalizeEach(x, prefix, scale, shift);
    return this.g.assume(result, x.shape);
  }

  /** Mean of each segment, in two steps: the runtime's sum of a whole segment loses four digits. */
  #mean(x: Value): Value {
    return this.g.mean(this.g.mean(x, [TIME]), [1]);
  }

  #normalizeEach(x: Value, prefix: string, scale: LazyTensor, shift: LazyTensor): Value {
    const { g } = this;
    const column = (name: string, w: LazyTensor) =>
      g.weight(`${prefix}.${name}`, derive([w], [1, w.shape[0]!, 1], ([v]) => v));
    const centred = g.sub(x, this.#mean(x));
    const deviation = g.sqrt(g.add(this.#mean(g.mul(centred, centred)), EPSILON));
    return g.add(g.mul(centred, g.div(column("weight", scale), deviation)), column("bias", shift));
  }

  /**
   * For a batch of one, a batch norm with the segment's own mean and variance: one pass over the
   * samples in place of three.
   */
  #normalizeOne(x: Value, prefix: string, scale: LazyTensor, shift: LazyTensor): Value {
    const { g } = this;
    const mean = this.#mean(x);
    const variance = g.sub(this.#mean(g.mul(x, x)), g.mul(mean, mean));
    const size = g.int64([scale.shape[0]!]);
    const statistics = [mean, g.max(variance, 0)].map((v) =>
      g.op("Expand", [g.squeeze(v, [0, 1]), size], {}, { dtype: x.dtype, shape: scale.shape })
    );
    const weights = [
      g.weight(`${prefix}.weight`, scale),
      g.weight(`${prefix}.bias`, shift),
    ];
    const settings = { epsilon: float(EPSILON) };
    return g.op("BatchNormalization", [x, ...weights, ...statistics], settings, x);
  }

  /** The value that says whether a call is a stream's first. */
  #isFirst(): Value {
    return this.#first ??= this.g.input("first", "BOOL", [1]);
  }

  #past(name: string, shape: readonly number[]): Value {
    this.state.push({ name, shape });
    return this.g.input(name, "F32", shape);
  }

  #keep(name: string, value: Value): void {
    const shape = this.state.find((s) => s.name === name)!.shape;
    this.g.output(`next.${name}`, this.g.assume(value, shape));
  }

  /**
   * Puts the samples before this call's in front: those of the last call, or at the very start the
   * mirrored first ones. A strided layer's end is filled up to a multiple of the stride, which
   * happens in a stream's last call only.
   */
  #withPast(x: Value, prefix: string, reach: number, stride: number): Value {
    const { g } = this;
    const past = this.#past(prefix, [1, Number(x.shape[1]), reach]);
    const mirror = mirrorOfStart(g, x, reach, g.int64([reach + 1]));
    const head = g.where(this.#isFirst(), mirror, past);
    const joined = g.concat([head, x], TIME);
    this.#keep(prefix, g.slice(joined, TIME, -reach));
    if (stride === 1) return joined;
    const tail = tailOfStream(g, x, past, this.#isFirst(), stride);
    return g.concat([joined, tail], TIME);
  }
}
