/**
 * DAC, the Descript Audio Codec, as the same four graphs as EnCodec: "High-Fidelity Audio Compression
 * with Improved RVQGAN" (arXiv 2306.06546). Its halves are cut between the convolutions and the
 * quantiser. Names of weights are those of transformers.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { derive, type Dim, GraphBuilder, type Value } from "@vcs/onnx/graph";
import type { DacSpec, ModelSpec } from "../models.ts";
import type { WeightShape } from "./layers.ts";
import type { Network } from "./networks.ts";
import { checkpointWeight } from "./seanet.ts";

/** The numbers of a DAC model. */
type Spec = ModelSpec & { readonly dac: DacSpec };

/** Whether a model is DAC. */
export function isDac(spec: ModelSpec): spec is Spec {
  return spec.dac !== undefined;
}

/** Distances of the taps in the three residual units of a stage. */
const DILATIONS = [1, 3, 9];

/** The activation's guard against division by zero. */
const EPSILON = 1e-9;

/** A convolution by the prefix of its weights. */
interface Conv {
  readonly prefix: string;
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly dilation?: number;
}

/** Adds layers to a graph. */
class Dac {
  readonly g: GraphBuilder;
  readonly #source: TensorSource;

  constructor(name: string, source: TensorSource) {
    this.g = new GraphBuilder(name);
    this.#source = source;
  }

  tensor(name: string, shape: readonly number[]) {
    return checkpointWeight(this.#source, name, shape);
  }

  weight(name: string, shape: readonly number[]): Value {
    return this.g.weight(name, this.tensor(name, shape));
  }

  /** A convolution padded by zeros on both sides; time is called by a name. */
  conv({ prefix, from, to, kernel, stride = 1, dilation = 1 }: Conv, x: Value, time: Dim): Value {
    const pads = stride === 1 ? (kernel - 1) * dilation / 2 : Math.ceil(stride / 2);
    const weight = this.weight(`${prefix}.weight`, [to, from, kernel]);
    const bias = this.weight(`${prefix}.bias`, [to]);
    const y = this.g.conv(x, weight, bias, { stride, dilation, pads });
    return this.g.assume(y, [x.shape[0]!, to, time]);
  }

  upsample(prefix: string, from: number, to: number, stride: number, x: Value, time: Dim): Value {
    const weight = this.weight(`${prefix}.weight`, [from, to, 2 * stride]);
    const bias = this.weight(`${prefix}.bias`, [to]);
    const y = this.g.convTranspose(x, weight, bias, { stride, pads: Math.ceil(stride / 2) });
    return this.g.assume(y, [x.shape[0]!, to, time]);
  }

  /** `x + sin²(αx) / α`. */
  snake(prefix: string, x: Value): Value {
    const { g } = this;
    const shape = [1, Number(x.shape[1]), 1];
    const alpha = this.tensor(`${prefix}.alpha`, shape);
    const inverse = derive([alpha], shape, ([a]) => a.map((v) => 1 / Math.fround(v + EPSILON)));
    const sine = g.op("Sin", [g.mul(x, g.weight(`${prefix}.alpha`, alpha))], {}, x);
    return g.add(x, g.mul(g.weight(`${prefix}.inverse`, inverse), g.mul(sine, sine)));
  }

  residuals(prefix: string, width: number, x: Value): Value {
    const time = x.shape[2]!;
    return DILATIONS.reduce((y, dilation, i) => {
      const at = `${prefix}.res_unit${i + 1}`;
      const wide = { prefix: `${at}.conv1`, from: width, to: width, kernel: 7, dilation };
      const inner = this.conv(wide, this.snake(`${at}.snake1`, y), time);
      const narrow = { prefix: `${at}.conv2`, from: width, to: width, kernel: 1 };
      return this.g.add(y, this.conv(narrow, this.snake(`${at}.snake2`, inner), time));
    }, x);
  }
}

function finish({ g }: Dac, name: string, value: Value): Network {
  g.output(name, value);
  return { graph: g, state: [] };
}

/** Audio [1, 1, S], a multiple of the hop, to features [1, latent, T]. */
export function dacEncoderConv(spec: Spec, source: TensorSource): Network {
  const net = new Dac("dac_encoder_conv", source);
  const { filters, latent } = spec;
  const audio = net.g.input("audio", "F32", [1, spec.channels, "S"]);
  const first = { prefix: "encoder.conv1", from: spec.channels, to: filters, kernel: 7 };
  let x = net.conv(first, audio, "S");
  [...spec.strides].reverse().forEach((stride, i) => {
    const [prefix, from] = [`encoder.block.${i}`, filters * 2 ** i];
    x = net.snake(`${prefix}.snake1`, net.residuals(prefix, from, x));
    const down = { prefix: `${prefix}.conv1`, from, to: 2 * from, kernel: 2 * stride, stride };
    x = net.conv(down, x, `T${i}`);
  });
  const width = filters * 2 ** spec.strides.length;
  const last = { prefix: "encoder.conv2", from: width, to: latent, kernel: 3 };
  return finish(net, "features", net.conv(last, net.snake("encoder.snake1", x), "T"));
}

/** Rows of unit length. */
function normalized(rows: Float32Array, width: number): Float32Array {
  return rows.map((value, i) => {
    const row = Math.floor(i / width) * width;
    const norm = Math.hypot(...rows.subarray(row, row + width));
    return value / Math.max(norm, 1e-12);
  });
}

function transposed(rows: Float32Array, columns: number): Float32Array {
  const count = rows.length / columns;
  return rows.map((_, i) => rows[(i % count) * columns + Math.floor(i / count)]!);
}

/** Features [N, latent, T] to codes [N, T, K]: of each codebook the entry of the nearest direction. */
export function dacEncoderCodes(spec: Spec, source: TensorSource, codebooks: number): Network {
  const net = new Dac(`dac_encoder_codes_${codebooks}`, source);
  const { g } = net;
  const { latent, codebookSize: size, dac: { codeWidth: width } } = spec;
  let residual: Value = g.input("features", "F32", ["N", latent, "T"]);
  const codes = Array.from({ length: codebooks }, (_, k) => {
    const at = `quantizer.quantizers.${k}`;
    const inner = { prefix: `${at}.in_proj`, from: latent, to: width, kernel: 1 };
    const projected = g.transpose(net.conv(inner, residual, "T"), [0, 2, 1]);
    const length = g.max(g.sqrt(g.sum(g.mul(projected, projected), [2])), 1e-12);
    const entries = net.tensor(`${at}.codebook.weight`, [size, width]);
    const directions = derive(
      [entries],
      [width, size],
      ([e]) => transposed(normalized(e, width), width),
    );
    const likeness = g.matmul(g.div(projected, length), g.weight(`${at}.directions`, directions));
    const code = g.argMax(likeness, 2);
    const vectors = g.gather(g.weight(`${at}.codebook.weight`, entries), code);
    const outer = { prefix: `${at}.out_proj`, from: width, to: latent, kernel: 1 };
    residual = g.sub(residual, net.conv(outer, g.transpose(vectors, [0, 2, 1]), "T"));
    return g.unsqueeze(code, [2]);
  });
  return finish(net, "codes", g.concat(codes, 2));
}

/** Flattened codes [N, T, K] to features [N, latent, T]. */
export function dacDecoderCodes(spec: Spec, source: TensorSource): Network {
  const net = new Dac("dac_decoder_codes", source);
  const { g } = net;
  const { latent, codebookSize: size, codebooks, dac: { codeWidth: width } } = spec;
  const flat = g.input("flat_codes", "I32", ["N", "T", "K"]);
  const parts = Array.from({ length: codebooks }, (_, k) => {
    const at = `quantizer.quantizers.${k}`;
    return [
      net.tensor(`${at}.codebook.weight`, [size, width]),
      net.tensor(`${at}.out_proj.weight`, [latent, width, 1]),
      net.tensor(`${at}.out_proj.bias`, [latent]),
    ];
  });
  const table = derive(parts.flat(), [codebooks * size, latent], (all) => {
    const joined = new Float32Array(codebooks * size * latent);
    for (let k = 0; k < codebooks; k++) {
      const [entries, weight, bias] = all.slice(3 * k, 3 * k + 3) as Float32Array[];
      joined.set(projected(entries!, weight!, bias!, width), k * size * latent);
    }
    return joined;
  });
  const vectors = g.sum(g.gather(g.weight("codebooks", table), flat), [2], false);
  return finish(net, "features", g.transpose(vectors, [0, 2, 1]));
}

/** Every entry of a codebook through its output projection. */
function projected(
  entries: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  width: number,
): Float32Array {
  const latent = bias.length;
  return Float32Array.from({ length: entries.length / width * latent }, (_, i) => {
    const [entry, row] = [Math.floor(i / latent) * width, i % latent];
    let sum = bias[row]!;
    for (let j = 0; j < width; j++) sum += entries[entry + j]! * weight[row * width + j]!;
    return sum;
  });
}

/** Features [1, latent, T] to audio [1, 1, hop · T]. */
export function dacDecoderConv(spec: Spec, source: TensorSource): Network {
  const net = new Dac("dac_decoder_conv", source);
  const { latent, dac: { decoderWidth } } = spec;
  const features = net.g.input("features", "F32", [1, latent, "T"]);
  const first = { prefix: "decoder.conv1", from: latent, to: decoderWidth, kernel: 7 };
  let x = net.conv(first, features, "T");
  spec.strides.forEach((stride, i) => {
    const [prefix, from] = [`decoder.block.${i}`, decoderWidth / 2 ** i];
    const active = net.snake(`${prefix}.snake1`, x);
    x = net.upsample(`${prefix}.conv_t1`, from, from / 2, stride, active, `S${i}`);
    x = net.residuals(prefix, from / 2, x);
  });
  const width = decoderWidth / 2 ** spec.strides.length;
  const last = { prefix: "decoder.conv2", from: width, to: spec.channels, kernel: 7 };
  const audio = net.conv(last, net.snake("decoder.snake1", x), `${spec.hop}*T`);
  return finish(net, "audio", net.g.tanh(audio));
}

const convWeights = (prefix: string, shape: number[], outputs: number): WeightShape[] => [
  [`${prefix}.weight`, shape],
  [`${prefix}.bias`, [outputs]],
];

function stageWeights(prefix: string, width: number): WeightShape[] {
  return DILATIONS.flatMap((_, i): WeightShape[] => {
    const at = `${prefix}.res_unit${i + 1}`;
    return [
      [`${at}.snake1.alpha`, [1, width, 1]],
      ...convWeights(`${at}.conv1`, [width, width, 7], width),
      [`${at}.snake2.alpha`, [1, width, 1]],
      ...convWeights(`${at}.conv2`, [width, width, 1], width),
    ];
  });
}

/** Every tensor of a model's file, sorted by name. */
export function dacWeights(spec: Spec): WeightShape[] {
  const { filters, latent, channels, strides, codebooks, codebookSize, dac } = spec;
  const last = dac.decoderWidth / 2 ** strides.length;
  const encoder = [...strides].reverse().flatMap((stride, i): WeightShape[] => {
    const [prefix, from] = [`encoder.block.${i}`, filters * 2 ** i];
    return [
      ...stageWeights(prefix, from),
      [`${prefix}.snake1.alpha`, [1, from, 1]],
      ...convWeights(`${prefix}.conv1`, [2 * from, from, 2 * stride], 2 * from),
    ];
  });
  const decoder = strides.flatMap((stride, i): WeightShape[] => {
    const [prefix, from] = [`decoder.block.${i}`, dac.decoderWidth / 2 ** i];
    return [
      [`${prefix}.snake1.alpha`, [1, from, 1]],
      ...convWeights(`${prefix}.conv_t1`, [from, from / 2, 2 * stride], from / 2),
      ...stageWeights(prefix, from / 2),
    ];
  });
  const width = filters * 2 ** strides.length;
  const quantizer = Array.from({ length: codebooks }, (_, k): WeightShape[] => [
    ...convWeights(`quantizer.quantizers.${k}.in_proj`, [dac.codeWidth, latent, 1], dac.codeWidth),
    ...convWeights(`quantizer.quantizers.${k}.out_proj`, [latent, dac.codeWidth, 1], latent),
    [`quantizer.quantizers.${k}.codebook.weight`, [codebookSize, dac.codeWidth]],
  ]);
  return [
    ...convWeights("encoder.conv1", [filters, channels, 7], filters),
    ...encoder,
    ["encoder.snake1.alpha", [1, width, 1]] as const,
    ...convWeights("encoder.conv2", [latent, width, 3], latent),
    ...convWeights("decoder.conv1", [dac.decoderWidth, latent, 7], dac.decoderWidth),
    ...decoder,
    ["decoder.snake1.alpha", [1, last, 1]] as const,
    ...convWeights("decoder.conv2", [channels, last, 7], channels),
    ...quantizer.flat(),
  ].sort(([a], [b]) => a < b ? -1 : 1);
}
