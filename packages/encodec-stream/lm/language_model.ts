/**
 * The language model of entropy-coded files: it predicts the probabilities of each code of a frame
 * from the frames before. A transformer of five layers, run one frame at a time.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { derive, GraphBuilder, type Value } from "@vcs/onnx/graph";
import { tensor } from "@vcs/transport/tensor";
import { defined, transposeMatrix } from "@vcs/transport/portable";
import { EcdcError } from "../errors.ts";
import {
  type CodecOptions,
  ModelSession,
  openWeights,
  type StreamState,
} from "../network/model_session.ts";
import { type LanguageModelSpec, type ModelName, type ModelSpec, modelSpec } from "../models.ts";
import type { Network } from "../network/networks.ts";
import { checkpointWeight } from "../network/seanet.ts";

/** A codec that has a language model. */
interface Spec extends ModelSpec {
  readonly languageModel: LanguageModelSpec;
}

/** Entries of an embedding: one for "no code yet", then one per code. */
function symbolsOf({ codebookSize }: ModelSpec): number {
  return codebookSize + 1;
}

/** Frames that attention looks back over, beside the frame itself. */
function pastFrames({ sampleRate, hop, languageModel }: Spec): number {
  return Math.floor(languageModel.pastSeconds * sampleRate / hop);
}

/** Adds the model's layers to a graph. */
class Transformer {
  readonly #g: GraphBuilder;
  readonly #source: TensorSource;
  readonly #spec: Spec;

  constructor(g: GraphBuilder, source: TensorSource, spec: Spec) {
    this.#g = g;
    this.#source = source;
    this.#spec = spec;
  }

  #weight(name: string, shape: readonly number[]): Value {
    return this.#g.weight(name, checkpointWeight(this.#source, name, shape));
  }

  norm(x: Value, prefix: string): Value {
    const { size } = this.#spec.languageModel;
    const [scale, bias] = ["weight", "bias"].map((k) => this.#weight(`${prefix}.${k}`, [size]));
    return this.#g.layerNorm(x, scale!, bias!, 1e-5);
  }

  /** `x Wᵀ + b` with rows `from` to `to` of a matrix. */
  linear(x: Value, weight: string, bias: string, rows: number, part?: [number, number]): Value {
    const size = Number(x.shape.at(-1));
    const [from, to] = part ?? [0, rows];
    const matrix = checkpointWeight(this.#source, weight, [rows, size]);
    const transposed = derive(
      [matrix],
      [size, to - from],
      ([w]) => transposeMatrix(w.subarray(from * size, to * size), to - from, size),
    );
    const offsets = derive(
      [checkpointWeight(this.#source, bias, [rows])],
      [to - from],
      ([b]) => b.slice(from, to),
    );
    const name = part ? `${weight}.${from}` : weight;
    const product = this.#g.matmul(x, this.#g.weight(name, transposed));
    return this.#g.add(product, this.#g.weight(part ? `${bias}.${from}` : bias, offsets));
  }

  /** Attention of one frame over the past ones and itself. */
  #attention(x: Value, known: Value, prefix: string): Value {
    const g = this.#g;
    const { size, heads } = this.#spec.languageModel;
    const project = (value: Value, nth: number) =>
      this.linear(value, `${prefix}.in_proj_weight`, `${prefix}.in_proj_bias`, 3 * size, [
        nth * size,
        (nth + 1) * size,
      ]);
    const split = (value: Value, order: number[]) =>
      g.transpose(g.reshape(value, [value.shape[0]!, heads, size / heads]), order);
    const query = split(project(x, 0), [1, 0, 2]);
    const key = split(project(known, 1), [1, 2, 0]);
    const value = split(project(known, 2), [1, 0, 2]);
    const shares = g.softmax(g.mul(g.matmul(query, key), 1 / Math.sqrt(size / heads)));
    const mixed = g.reshape(g.transpose(g.matmul(shares, value), [1, 0, 2]), [1, size]);
    return this.linear(mixed, `${prefix}.out_proj.weight`, `${prefix}.out_proj.bias`, size);
  }

  layer(x: Value, known: Value, prefix: string): Value {
    const g = this.#g;
    const { size, feedForward } = this.#spec.languageModel;
    const attended = this.#attention(x, known, `${prefix}.self_attn`);
    const y = this.norm(g.add(x, attended), `${prefix}.norm1`);
    const wide = this.linear(
      y,
      `${prefix}.linear1.weight`,
      `${prefix}.linear1.bias`,
      feedForward,
    );
    const active = g.op("Gelu", [wide], { approximate: "none" }, wide);
    const narrow = this.linear(
      active,
      `${prefix}.linear2.weight`,
      `${prefix}.linear2.bias`,
      size,
    );
    return this.norm(g.add(y, narrow), `${prefix}.norm2`);
  }

  /** Sum of the embeddings of a frame's symbols, which are entries of all embeddings joined. */
  embed(flatSymbols: Value, codebooks: number): Value {
    const { size } = this.#spec.languageModel;
    const symbols = symbolsOf(this.#spec);
    const tables = Array.from(
      { length: codebooks },
      (_, k) => checkpointWeight(this.#source, `emb.${k}.weight`, [symbols, size]),
    );
    const joined = derive(tables, [codebooks * symbols, size], (all) => {
      const table = new Float32Array(codebooks * symbols * size);
      (all as Float32Array[]).forEach((t, k) => table.set(t, k * t.length));
      return table;
    });
    return this.#g.sum(this.#g.gather(this.#g.weight("embeddings", joined), flatSymbols), [0]);
  }
}

/** The model as a graph for one frame, with the past inputs of each layer as state. */
export function languageModelNetwork(
  spec: Spec,
  source: TensorSource,
  codebooks: number,
): Network {
  const g = new GraphBuilder(`language_model_${codebooks}`);
  const net = new Transformer(g, source, spec);
  const { languageModel: { size, layers }, codebookSize } = spec;
  const flatSymbols = g.input("flat_symbols", "I32", [codebooks]);
  const position = g.input("position", "F32", [1, size]);
  let x = g.add(net.norm(net.embed(flatSymbols, codebooks), "transformer.norm_in"), position);
  const state = Array.from({ length: layers }, (_, l) => {
    const name = `past.${l}`;
    const known = g.concat([g.input(name, "F32", ["P", size]), x], 0);
    x = net.layer(x, known, `transformer.layers.${l}`);
    g.output(`next.${name}`, g.slice(known, 0, -pastFrames(spec)));
    return { name, shape: [1, size] };
  });
  const logits = Array.from(
    { length: codebooks },
    (_, k) => net.linear(x, `linears.${k}.weight`, `linears.${k}.bias`, codebookSize),
  );
  g.output(
    "probabilities",
    g.op("Softmax", [g.concat(logits, 0)], { axis: -1 }, {
      dtype: "F32",
      shape: [codebooks, codebookSize],
    }),
  );
  return { graph: g, state };
}

/** The encoding of a frame's position: cosines, then sines, of falling frequencies. */
function positionVector(step: number, size: number): Float32Array {
  const half = size / 2;
  const phase = (i: number) => step / 10000 ** (i / (half - 1));
  return Float32Array.from(
    { length: size },
    (_, i) => i < half ? Math.cos(phase(i)) : Math.sin(phase(i - half)),
  );
}

/** The numbers of a codec that has a language model. */
function specOf(model: ModelName): Spec {
  const spec = modelSpec(model);
  const { languageModel } = spec;
  if (languageModel) return { ...spec, languageModel };
  throw new EcdcError("unsupported", `Cannot use entropy coding: ${model} has no language model`);
}

/** A language model in a session. Release it with `using`. */
export class LanguageModel implements Disposable {
  readonly #session: ModelSession;
  readonly #spec: Spec;
  readonly #codebooks: number;

  private constructor(session: ModelSession, spec: Spec, codebooks: number) {
    this.#session = session;
    this.#spec = spec;
    this.#codebooks = codebooks;
  }

  /**
   * Opens the language model of a codec.
   *
   * @param codebooks codebooks that the file uses
   * @throws {EcdcError} `unsupported` if the codec has no language model.
   * @throws {OnnxError} if its checkpoint or the device cannot be used.
   */
  static async open(
    model: ModelName,
    codebooks: number,
    options: CodecOptions = {},
  ): Promise<LanguageModel> {
    const { device = "cpu", threads = 1, cache } = options;
    const spec = specOf(model);
    using weights = await openWeights(spec, "language-model", options);
    const network = languageModelNetwork(spec, weights.source, codebooks);
    const session = await ModelSession.open(network, weights, {
      ...{ device, threads },
      ...defined({ cache }),
    });
    return new LanguageModel(session, spec, codebooks);
  }

  /** Starts a segment. */
  start(): LanguageModelRun {
    return new LanguageModelRun(this.#session, this.#spec, this.#codebooks);
  }

  /** Releases the session. */
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

/** A language model over the frames of one segment. */
export class LanguageModelRun {
  readonly #session: ModelSession;
  readonly #spec: Spec;
  readonly #codebooks: number;
  readonly #state: StreamState;
  #step = 0;

  /** Starts without past frames. */
  constructor(session: ModelSession, spec: Spec, codebooks: number) {
    this.#session = session;
    this.#spec = spec;
    this.#codebooks = codebooks;
    this.#state = session.newState();
  }

  /**
   * Probabilities of the next frame's codes.
   *
   * @param codes the frame before; undefined at the start
   * @returns an array for each codebook, of as many numbers as it has entries
   */
  async next(codes?: ArrayLike<number>): Promise<Float32Array[]> {
    const { languageModel: { size }, codebookSize } = this.#spec;
    const symbols = symbolsOf(this.#spec);
    const flat = Int32Array.from(
      { length: this.#codebooks },
      (_, k) => k * symbols + (codes ? codes[k]! + 1 : 0),
    );
    const feeds = {
      flat_symbols: tensor("I32", [flat.length], flat),
      position: tensor("F32", [1, size], positionVector(this.#step++, size)),
    };
    const { data } = await this.#session.step(feeds, "probabilities", this.#state, false);
    return Array.from(
      { length: this.#codebooks },
      (_, k) => (data as Float32Array).subarray(k * codebookSize, (k + 1) * codebookSize),
    );
  }
}
