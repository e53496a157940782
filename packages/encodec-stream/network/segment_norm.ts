/**
 * The norm of the 48 kHz model: over channels and time of each segment, then a scale and a shift
 * for each channel.
 *
 * @module
 */
import { derive, float, type GraphBuilder, type LazyTensor, type Value } from "@vcs/onnx/graph";
import { tensor } from "@vcs/transport/tensor";
import { TIME } from "./padding.ts";
import { lengthOf, type Signal } from "./tiles.ts";

/** Keeps the norm from dividing by zero. */
const EPSILON = 1e-5;

/** A norm's weights [C]. */
export interface NormWeights {
  /** Prefix of their names in the graph. */
  readonly prefix: string;
  /** Factor of each channel. */
  readonly scale: LazyTensor;
  /** Summand of each channel. */
  readonly shift: LazyTensor;
}

/** Mean over channels and time, and variance. */
type Statistics = readonly [mean: Value, variance: Value];

/** Normalises each segment of a batch; only batches of one may be in tiles. */
export function normalize(g: GraphBuilder, x: Signal, weights: NormWeights): Signal {
  const [first] = x as [Value];
  if (first.shape[0] !== 1) return [g.assume(normalizeEach(g, first, weights), first.shape)];
  const statistics = x.length === 1 ? ofOne(g, first) : ofTiles(g, x);
  return applyAll(g, x, statistics, weights);
}

/** Mean of each segment, in two steps: the runtime's sum of a whole segment loses four digits. */
function mean(g: GraphBuilder, x: Value): Value {
  return g.mean(g.mean(x, [TIME]), [1]);
}

function normalizeEach(g: GraphBuilder, x: Value, { prefix, scale, shift }: NormWeights): Value {
  const column = (name: string, w: LazyTensor) =>
    g.weight(`${prefix}.${name}`, derive([w], [1, w.shape[0]!, 1], ([v]) => v));
  const centred = g.sub(x, mean(g, x));
  const deviation = g.sqrt(g.add(mean(g, g.mul(centred, centred)), EPSILON));
  return g.add(g.mul(centred, g.div(column("weight", scale), deviation)), column("bias", shift));
}

function ofOne(g: GraphBuilder, x: Value): Statistics {
  const average = mean(g, x);
  return [average, varianceOf(g, average, mean(g, g.mul(x, x)))];
}

function varianceOf(g: GraphBuilder, mean: Value, meanSquare: Value): Value {
  return g.max(g.sub(meanSquare, g.mul(mean, mean)), 0);
}

/**
 * Sums of all tiles, each taken while the tile is in the cache: the squares as its product with
 * itself, which writes nothing back.
 */
function ofTiles(g: GraphBuilder, x: Signal): Statistics {
  const sums = x.flatMap((tile) => {
    const elements = Number(tile.shape[1]) * Number(tile.shape[TIME]);
    const row = g.reshape(tile, [1, elements]);
    const square = g.op("Gemm", [row, row], { transB: 1 }, { dtype: "F32", shape: [1, 1] });
    return [g.sum(g.sum(tile, [TIME], false), [1]), square];
  });
  const elements = Number(x[0]!.shape[1]) * lengthOf(x);
  const shares = tensor("F32", [sums.length, 2]);
  sums.forEach((_, i) => shares.data[2 * i + i % 2] = 1 / elements);
  const means = g.matmul(g.concat(sums, 1), g.constant("shares", shares));
  const [average, meanSquare] = g.split(means, 1, [1, 1]);
  return [average!, varianceOf(g, average!, meanSquare!)];
}

/** A batch norm with the segment's own mean and variance: one pass over the samples. */
function applyAll(
  g: GraphBuilder,
  x: Signal,
  statistics: Statistics,
  { prefix, scale, shift }: NormWeights,
): Signal {
  const channels = scale.shape[0]!;
  const vectors = statistics.map((v) =>
    g.op("Expand", [g.reshape(v, [1]), g.int64([channels])], {}, {
      dtype: "F32",
      shape: [channels],
    })
  );
  const weights = [g.weight(`${prefix}.weight`, scale), g.weight(`${prefix}.bias`, shift)];
  const settings = { epsilon: float(EPSILON) };
  return x.map((tile) =>
    g.op("BatchNormalization", [tile, ...weights, ...vectors], settings, tile)
  );
}
