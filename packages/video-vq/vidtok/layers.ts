/**
 * The layers of VidTok's networks, on clips as [T, C, H, W]: frames are the batch, so that most of
 * them are 2-D convolutions, for which every device has kernels.
 *
 * @module
 */
import { derive } from "@vcs/onnx/graph";
import { activation } from "@vcs/onnx/internal";
import type { GraphBuilder, Value, WeightSource } from "@vcs/onnx/graph";
import type { WeightOf } from "../official/network.ts";
import { type VideoOps, videoOps } from "../official/video_ops.ts";

/** A layer by the key of its tensors. */
type Layer = (x: Value, key: string, channels: number) => Value;

const EPSILON = 1e-6;

/** Adds layers to a graph. Keys are without `.weight` and `.bias`. */
export class VidtokLayers {
  readonly #ops: VideoOps;

  /** Adds nothing yet. */
  constructor(readonly g: GraphBuilder, readonly weightOf: WeightOf) {
    this.#ops = videoOps(g, weightOf, "planes");
  }

  /** Brings a model input [1, C, T, H, W] into the layout. */
  enter(x: Value): Value {
    return this.#ops.enter(x);
  }

  /** Brings a clip back to [1, C, T, H, W], in float32. */
  leave(x: Value): Value {
    return this.#ops.leave(x);
  }

  /** `x` times its sigmoid. */
  swish(x: Value): Value {
    return activation(this.g, "silu", x);
  }

  /** A causal convolution over 3×3×3 places. */
  volume(x: Value, key: string, channels: number): Value {
    return this.#ops.conv(x, key, channels, { bias: true });
  }

  /** Layer norm over the channels of each position, in float32. */
  norm(x: Value, key: string): Value {
    const { g } = this;
    const channels = Number(x.shape[1]);
    const [scale, shift] = ["weight", "bias"].map((part) =>
      g.cast(this.#weight(`${key}.norm.${part}`, [channels]), "F32")
    );
    const last = g.transpose(g.cast(x, "F32"), [0, 2, 3, 1]);
    const normed = g.layerNorm(last, scale!, shift!, EPSILON);
    return g.cast(g.transpose(normed, [0, 3, 1, 2]), x.dtype);
  }

  /** The blocks of a level, in space and in time by turns. */
  level(x: Value, key: string, level: number, channels: number, count: number): Value {
    for (let i = 0; i < count; i++) {
      x = this.#residual(x, `${key}.${level}.block.${i}`, channels, this.#plane);
      x = this.#residual(x, `${key}_temporal.${level}.block.${i}`, channels, this.#alongTime);
    }
    return x;
  }

  /** Two blocks over space and time, between them each frame's look at itself. */
  middle(x: Value, key: string): Value {
    const channels = Number(x.shape[1]);
    const conv: Layer = (value, name) => this.volume(value, `${name}.conv`, channels);
    const before = this.#residual(x, `${key}.block_1`, channels, conv);
    return this.#residual(
      this.#attention(before, `${key}.attn_1`),
      `${key}.block_2`,
      channels,
      conv,
    );
  }

  /** Halves rows and columns; what is missing of the last windows is zeros behind. */
  halveSpace(x: Value, key: string): Value {
    return this.#conv2d(x, key, Number(x.shape[1]), 3, { stride: [2, 2], pads: [0, 0, 1, 1] });
  }

  /** Doubles rows and columns: each pixel four times, then a convolution. */
  doubleSpace(x: Value, key: string): Value {
    const [frames, channels, height, width] = x.shape.map(Number) as [
      number,
      number,
      number,
      number,
    ];
    const sizes = [frames, channels, 2 * height, 2 * width];
    return this.#plane(this.g.resize(x, sizes, { mode: "nearest" }), key, channels);
  }

  /** Halves time: a mix of means of three frames and a convolution, both with one frame before. */
  halveTime(x: Value, key: string): Value {
    const { g } = this;
    const channels = Number(x.shape[1]);
    const conv = this.#ops.conv(x, `${key}.conv.conv`, channels, {
      steps: [2, 1, 1],
      past: 1,
      bias: true,
    });
    const padded = g.pad(x, [[1, 0], [0, 0], [0, 0], [0, 0]]);
    const count = Number(conv.shape[0]);
    const frames = [0, 1, 2].map((tap) => g.slice(padded, 0, tap, tap + 2 * count - 1, 2));
    const mean = g.div(frames.reduce((sum, frame) => g.add(sum, frame)), 3);
    return this.#mix(mean, conv, key);
  }

  /** Doubles time: a mix of each frame twice and a convolution of these. */
  doubleTime(x: Value, key: string): Value {
    const { g } = this;
    const [frames, channels, height, width] = x.shape.map(Number) as [
      number,
      number,
      number,
      number,
    ];
    const twice = g.concat([g.unsqueeze(x, [1]), g.unsqueeze(x, [1])], 1);
    const longer = g.reshape(twice, [2 * frames, channels, height, width]);
    return this.#mix(longer, this.volume(longer, `${key}.conv.conv`, channels), key);
  }

  /** The first's share is the sigmoid of a weight. */
  #mix(first: Value, second: Value, key: string): Value {
    const { g } = this;
    const share = g.sigmoid(this.#weight(`${key}.mix_factor`, [1]));
    return g.add(g.mul(share, first), g.mul(g.sub(1, share), second));
  }

  /** The skip passes through a 1×1 convolution if the number of channels changes. */
  #residual(x: Value, key: string, channels: number, conv: Layer): Value {
    const first = conv(this.swish(this.norm(x, `${key}.norm1`)), `${key}.conv1`, channels);
    const second = conv(this.swish(this.norm(first, `${key}.norm2`)), `${key}.conv2`, channels);
    const skip = x.shape[1] === channels
      ? x
      : this.#conv2d(x, `${key}.nin_shortcut`, channels, 1, {});
    return this.g.add(skip, second);
  }

  /** A convolution over 3×3 pixels of each frame. */
  readonly #plane: Layer = (x, key, channels) => this.#conv2d(x, key, channels, 3, { pads: 1 });

  /** A causal convolution over 3 frames at each place: 1×1 over the three one after the other. */
  readonly #alongTime: Layer = (x, key, channels) => {
    const { g } = this;
    const [frames, inputs] = x.shape.map(Number) as [number, number];
    const padded = g.pad(x, [[2, 0], [0, 0], [0, 0], [0, 0]]);
    const seen = [0, 1, 2].map((tap) => g.slice(padded, 0, tap, tap + frames));
    const source = this.weightOf(`${key}.conv.weight`, [channels, inputs, 3]);
    const weight = g.weight(`${key}.conv.weight`, tapsFirst(source));
    return g.conv(g.concat(seen, 1), weight, this.#weight(`${key}.conv.bias`, [channels]));
  };

  #conv2d(
    x: Value,
    key: string,
    channels: number,
    kernel: 1 | 3,
    window: Parameters<GraphBuilder["conv"]>[3],
  ): Value {
    const shape = [channels, Number(x.shape[1]), kernel, kernel];
    const bias = this.#weight(`${key}.bias`, [channels]);
    return this.g.conv(x, this.#weight(`${key}.weight`, shape), bias, window);
  }

  /** Attention of one head over the places of each frame. */
  #attention(x: Value, key: string): Value {
    const { g } = this;
    const [frames, channels, height, width] = x.shape.map(Number) as [
      number,
      number,
      number,
      number,
    ];
    const normed = this.norm(x, `${key}.norm`);
    const one = (value: Value, part: string) =>
      this.#ops.conv(value, `${key}.${part}.conv`, channels, { kernel: 1, bias: true });
    const [query, keys, values] = ["q", "k", "v"].map((part) =>
      g.reshape(one(normed, part), [frames, channels, height * width])
    ) as [Value, Value, Value];
    const likeness = g.matmul(g.transpose(query, [0, 2, 1]), keys);
    const shares = g.softmax(g.mul(likeness, 1 / Math.sqrt(channels)));
    const attended = g.matmul(values, g.transpose(shares, [0, 2, 1]));
    return g.add(x, one(g.reshape(attended, x.shape), "proj_out"));
  }

  #weight(key: string, shape: readonly number[]): Value {
    return this.g.weight(key, this.weightOf(key, shape));
  }
}

/** A kernel over time [out, in, 3] as one over channels, [out, 3 in, 1, 1], tap by tap. */
function tapsFirst(source: WeightSource): WeightSource {
  const [outputs, inputs, taps] = source.shape as [number, number, number];
  return derive([source], [outputs, taps * inputs, 1, 1], ([kernel]) => {
    const result = new Float32Array(kernel.length);
    for (let i = 0; i < kernel.length; i++) {
      const [output, rest] = [Math.floor(i / (inputs * taps)), i % (inputs * taps)];
      result[output * inputs * taps + (rest % taps) * inputs + Math.floor(rest / taps)] =
        kernel[i]!;
    }
    return result;
  });
}
