/**
 * The process stage as one ONNX graph, for devices that ONNX Runtime reaches: a frame and the luma
 * of the sample before in, luma, resized pixels and patch energy out. Sizes are baked in; what the
 * taps of a resize are, and what a patch takes from the energy map, come as constants from the
 * same functions that the CPU uses.
 *
 * The graph repeats the CPU's operations in their order, so that both see the same numbers:
 * products are rounded where the CPU rounds them, block sums and energies are whole numbers below
 * 2^24, which float32 adds exactly in any order. Where the device has no float64 (WebGPU), fused
 * steps are rounded once more, by 1 in 2^24.
 *
 * @module
 */
import { type FilterTaps, type NeighbourTaps, triangleTaps } from "@vcs/media/internal";
import { bilinearTaps } from "../sampling/torch_bilinear.ts";
import { GraphBuilder, type Value } from "@vcs/onnx/graph";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { transposeMatrix } from "@vcs/transport/internal";
import { BOX, COST_BITS, DISPLACEMENTS, lengthPenalty, RADIUS } from "../energy/block_kernel.ts";
import { type CellWeights, coveredCells, resizedCells } from "../energy/cells.ts";
import { analysisSize, BLOCK_ENERGY, FULL_ENERGY, type PlaneSize } from "../energy/energy.ts";
import { isSmallForTorch } from "../energy/small_luma.ts";
import { matchRadius, OUTSIDE } from "../energy/match_kernel.ts";
import type { ProcessPlan } from "./process.ts";

type BilinearTaps = NeighbourTaps<Float32Array>;

/** Settings of the graph. */
export interface ProcessGraphOptions {
  /** Whether the device computes in float64 where the CPU does; WebGPU cannot. */
  readonly float64: boolean;
}

/** Builds a plan's graph out of parts that share the builder. */
class ProcessGraph {
  readonly #g = new GraphBuilder("patch_process");
  readonly #plan: ProcessPlan;
  readonly #size: PlaneSize;
  readonly #wide: "F64" | "F32";

  constructor(plan: ProcessPlan, { float64 }: ProcessGraphOptions) {
    this.#plan = plan;
    this.#size = analysisSize(plan.width, plan.height, plan.energy);
    this.#wide = float64 ? "F64" : "F32";
  }

  build(): GraphBuilder {
    const g = this.#g;
    const { width, height, energy, change } = this.#plan;
    const plane = [this.#size.height, this.#size.width];
    const rgb = g.input("rgb", "U8", [height, width, 3]);
    g.output("pixels", this.#pixels(rgb));
    const previous = g.input("previous", "F32", plane);
    const luma = this.#luma(rgb);
    g.output("luma", luma);
    if (change) g.output("change", this.#sumCells(g.abs(g.sub(luma, previous)), this.#covered()));
    if (energy === "codec") {
      const map = g.input("energy", "F32", plane);
      g.output("scores", this.#sumCells(map, this.#covered()));
    } else if (energy === "reference") {
      g.output("scores", this.#referenceEnergy(luma, previous));
    } else {
      const before = this.#plan.compensate ? g.input("before", "F32", plane) : previous;
      g.output("scores", this.#blockEnergy(luma, before));
    }
    return g;
  }

  /** Constants of one axis of a frame, placed at that axis among all. */
  #along(name: string, values: Float32Array, axis: 0 | 1, rank: number): Value {
    const shape = Array(rank).fill(1).with(axis, values.length);
    return this.#g.constant(name, tensor("F32", shape, values));
  }

  /** `low · lowWeight + high · highWeight`, fused as the CPU does it: one product is rounded. */
  #mix(low: Value, high: Value, taps: BilinearTaps, axis: 0 | 1): Value {
    const g = this.#g;
    const rank = low.shape.length;
    const lowWeight = this.#along("low_weight", taps.lowWeight, axis, rank);
    const highWeight = this.#along("high_weight", taps.highWeight, axis, rank);
    const rounded = g.mul(high, highWeight);
    const exact = g.mul(g.cast(low, this.#wide), g.cast(lowWeight, this.#wide));
    return g.cast(g.add(exact, g.cast(rounded, this.#wide)), "F32");
  }

  /** The pixels that the taps of both axes need: `[2·rows, 2·columns, 3]`, low ones first. */
  #gather(rgb: Value, x: BilinearTaps, y: BilinearTaps): Value {
    const g = this.#g;
    const places = ({ low, high }: BilinearTaps) =>
      g.constant("taps", tensor("I32", [2 * low.length], Int32Array.of(...low, ...high)));
    // WebGPU gathers floats only; elsewhere bytes are the lesser load.
    const source = this.#wide === "F64" ? rgb : g.cast(rgb, "F32");
    return g.cast(g.gather(g.gather(source, places(y), 0), places(x), 1), "F32");
  }

  /** Brings gathered pixels to one for each output. */
  #bilinear(gathered: Value, x: BilinearTaps, y: BilinearTaps): Value {
    const g = this.#g;
    const half = (v: Value, axis: 0 | 1) =>
      g.split(v, axis, Array(2).fill(Number(v.shape[axis]) / 2));
    const [left, right] = half(gathered, 1);
    const rows = this.#mix(left!, right!, x, 1);
    const [above, below] = half(rows, 0);
    return this.#mix(above!, below!, y, 0);
  }

  #luma(rgb: Value): Value {
    const g = this.#g;
    const x = bilinearTaps(this.#plan.width, this.#size.width);
    const y = bilinearTaps(this.#plan.height, this.#size.height);
    const weights = g.constant(
      "luma_weights",
      tensor("F32", [3], Float32Array.of(0.299, 0.587, 0.114)),
    );
    const parts = g.split(g.mul(this.#gather(rgb, x, y), weights), 2, [1, 1, 1]);
    const [red, green, blue] = parts.map((part) => g.squeeze(part, [2])) as [Value, Value, Value];
    const luma = g.add(g.add(red, green), blue);
    return this.#plan.energy === "reference" && isSmallForTorch(this.#size)
      ? this.#smallLuma(luma, x, y)
      : this.#bilinear(luma, x, y);
  }

  /** Four weighted neighbours in the order of `smallLuma`. */
  #smallLuma(gathered: Value, x: BilinearTaps, y: BilinearTaps): Value {
    const g = this.#g;
    const { width, height } = this.#size;
    const [above, below] = g.split(gathered, 0, [height, height]);
    const term = (row: Value, side: number, down: Float32Array, across: Float32Array) => {
      const weights = Float32Array.from(
        { length: width * height },
        (_, n) => down[Math.floor(n / width)]! * across[n % width]!,
      );
      const luma = g.split(row, 1, [width, width])[side]!;
      return [luma, g.constant("weights", tensor("F32", [height, width], weights))] as const;
    };
    const fused = ([luma, weights]: ReturnType<typeof term>, sum: Value) => {
      const exact = g.mul(g.cast(luma, this.#wide), g.cast(weights, this.#wide));
      return g.cast(g.add(exact, g.cast(sum, this.#wide)), "F32");
    };
    const rounded = g.mul(...term(above!, 1, y.lowWeight, x.highWeight));
    const first = fused(term(above!, 0, y.lowWeight, x.lowWeight), rounded);
    const second = fused(term(below!, 0, y.highWeight, x.lowWeight), first);
    return fused(term(below!, 1, y.highWeight, x.highWeight), second);
  }

  #pixels(rgb: Value): Value {
    const { width, height, antialias, grid } = this.#plan;
    if (antialias) {
      return this.#antialiased(
        rgb,
        triangleTaps(width, grid.targetW),
        triangleTaps(height, grid.targetH),
      );
    }
    const x = bilinearTaps(width, grid.targetW);
    const y = bilinearTaps(height, grid.targetH);
    return this.#bilinear(this.#gather(rgb, x, y), x, y);
  }

  /** Both passes of the triangle filter as products of matrices. */
  #antialiased(rgb: Value, x: FilterTaps<Float32Array>, y: FilterTaps<Float32Array>): Value {
    const g = this.#g;
    const { width, height } = this.#plan;
    const columns = g.constant("columns", transposed(filterMatrix(x, width)));
    const rows = g.constant("rows", filterMatrix(y, height));
    const planes = g.transpose(g.cast(rgb, "F32"), [2, 0, 1]);
    return g.transpose(g.matmul(rows, g.matmul(planes, columns)), [1, 2, 0]);
  }

  /** What each patch takes from the rows and columns of the map, in whole numbers. */
  #covered(): [CellWeights, CellWeights] {
    const { gridW, gridH } = this.#plan.grid;
    return [coveredCells(this.#size.height, gridH), coveredCells(this.#size.width, gridW)];
  }

  /** `rows · map · columnsᵀ`, without the CPU's last factor. */
  #sumCells(map: Value, [y, x]: [CellWeights, CellWeights]): Value {
    const g = this.#g;
    const matrix = (cells: CellWeights, inputs: number) => {
      const t = cellMatrix(cells, inputs);
      return this.#wide === "F64" ? t : tensor("F32", t.shape, Float32Array.from(t.data));
    };
    const rows = g.constant("cell_rows", matrix(y, this.#size.height));
    const columns = g.transpose(g.constant("cell_columns", matrix(x, this.#size.width)), [1, 0]);
    return g.cast(g.matmul(rows, g.matmul(g.cast(map, this.#wide), columns)), "F32");
  }

  /** The part of a padded plane that a displacement brings over the current one. */
  #displaced(padded: Value, margin: number, dy: number, dx: number, grown: number): Value {
    const g = this.#g;
    const rows = g.slice(padded, 0, margin - dy, margin - dy + this.#size.height + grown);
    return g.slice(rows, 1, margin - dx, margin - dx + this.#size.width + grown);
  }

  /** Energy of codec-patch-stream: see `ReferenceEnergy`. */
  #referenceEnergy(luma: Value, previous: Value): Value {
    const g = this.#g;
    const { residual, motion } = this.#matchPixels(luma, previous);
    const moved = this.#normalized(motion);
    const left = this.#normalized(residual);
    const { width, height, grid } = this.#plan;
    return this.#sumCells(g.mul(g.add(moved, left), 0.5), [
      resizedCells(this.#size.height, height, grid.gridH, grid.patchSize),
      resizedCells(this.#size.width, width, grid.gridW, grid.patchSize),
    ]);
  }

  /** Of the displacements in scan order, the first with the least difference, pixel by pixel. */
  #matchPixels(luma: Value, previous: Value): { residual: Value; motion: Value } {
    const g = this.#g;
    const radius = matchRadius(this.#size.height, this.#size.width);
    const padded = g.pad(previous, [[radius, radius], [radius, radius]], "constant", OUTSIDE);
    let residual: Value | undefined;
    let motion: Value | undefined;
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) {
        const error = g.abs(g.sub(luma, this.#displaced(padded, radius, dy, dx, 0)));
        const better = g.less(error, residual ?? Infinity);
        motion = g.where(better, Math.hypot(dy, dx), motion ?? 0);
        residual = g.where(better, error, residual ?? Infinity);
      }
    }
    return { residual: residual!, motion: motion! };
  }

  /** A map divided by its percentile, 1 at most. */
  #normalized(map: Value): Value {
    const g = this.#g;
    const pixels = this.#size.width * this.#size.height;
    const rank = Math.round(this.#plan.energyPct / 100 * (pixels - 1));
    const { values } = g.topK(g.reshape(map, [pixels]), pixels - rank, { axis: 0 });
    const full = g.max(g.slice(values, 0, -1), 1e-6);
    return g.min(g.div(map, full), 1);
  }

  /** Energy by blocks, in whole numbers: see `BlockEnergy`. */
  #blockEnergy(luma: Value, previous: Value): Value {
    const g = this.#g;
    const { still, moved } = this.#matchBlocks(this.#rounded(luma), this.#rounded(previous));
    const table = g.constant(
      "block_energy",
      tensor("F32", [BLOCK_ENERGY.length], Float32Array.from(BLOCK_ENERGY)),
    );
    const energy = (sums: Value) => g.gather(table, g.cast(sums, "I32"));
    return this.#sumCells(g.add(energy(still), energy(moved)), this.#covered());
  }

  #rounded(luma: Value): Value {
    const g = this.#g;
    return g.cast(g.floor(g.add(g.cast(luma, this.#wide), 0.5)), "F32");
  }

  /** Block sums in place, and of the displacement that costs least, the shortest first. */
  #matchBlocks(current: Value, previous: Value): { still: Value; moved: Value } {
    const g = this.#g;
    const edge = (v: Value, margin: number) =>
      g.pad(v, [[margin, margin], [margin, margin]], "edge");
    const [here, before] = [edge(current, BOX), edge(previous, RADIUS + BOX)];
    let still: Value | undefined;
    let moved: Value | undefined;
    let least: Value | undefined;
    for (const [dy, dx] of DISPLACEMENTS) {
      const shifted = this.#displaced(before, RADIUS, dy, dx, 2 * BOX);
      const sums = this.#boxSums(g.abs(g.sub(here, shifted)));
      const cost = g.add(g.mul(sums, 1 << COST_BITS), lengthPenalty(dy, dx));
      if (still === undefined || moved === undefined || least === undefined) {
        [still, moved, least] = [sums, sums, cost];
        continue;
      }
      const better = g.less(cost, least);
      moved = g.where(better, sums, moved);
      least = g.where(better, cost, least);
    }
    return { still: still!, moved: moved! };
  }

  /** Sums over the block around each pixel of whole numbers. */
  #boxSums(differences: Value): Value {
    const g = this.#g;
    const side = 2 * BOX + 1;
    const ones = g.constant("ones", BOX_ONES);
    const sums = g.conv(g.unsqueeze(differences, [0, 1]), ones);
    return g.reshape(sums, differences.shape.map((d) => Number(d) - side + 1));
  }
}

/** A kernel that adds a block's pixels. */
const BOX_ONES = tensor(
  "F32",
  [1, 1, 2 * BOX + 1, 2 * BOX + 1],
  new Float32Array((2 * BOX + 1) ** 2).fill(1),
);

/** Factor from the graph's `scores` to energy of patches, 0 to patchSize². */
export function scoreScale({ width, height, energy, grid }: ProcessPlan): number {
  if (energy === "reference") return 1;
  const size = analysisSize(width, height, energy);
  const full = energy === "codec" ? 1 : FULL_ENERGY;
  return grid.patchSize ** 2 / (full * size.width * size.height);
}

/** Factor from the graph's `change` to mean change of patches, 0 to 1. */
export function changeScale({ width, height, energy }: ProcessPlan): number {
  const size = analysisSize(width, height, energy);
  return 1 / (255 * size.width * size.height);
}

/** A cell's weights as a row of a matrix. */
function cellMatrix({ start, weights }: CellWeights, inputs: number): Tensor<"F64"> {
  const t = tensor("F64", [start.length, inputs]);
  weights.forEach((run, cell) => t.data.set(run, cell * inputs + start[cell]!));
  return t;
}

/** A filter's taps as rows of a matrix. */
function filterMatrix(taps: FilterTaps<Float32Array>, inputs: number): Tensor<"F32"> {
  const { start, size, weights } = taps;
  const t = tensor("F32", [start.length, inputs]);
  start.forEach((first, row) => {
    t.data.set(weights.subarray(row * size, (row + 1) * size), row * inputs + first);
  });
  return t;
}

function transposed({ shape, data }: Tensor<"F32">): Tensor<"F32"> {
  const [rows, columns] = shape as [number, number];
  return tensor("F32", [columns, rows], transposeMatrix(data, rows, columns));
}

/**
 * Describes the process stage of a plan as a graph.
 *
 * Inputs: `rgb` U8 [height, width, 3]; `previous` F32, the `luma` of the sample before; where the
 * plan compensates, `before` F32, the luma to compare with; in `codec` mode `energy` F32 of the
 * analysis size. Outputs: `luma` F32, `pixels` F32 [targetH, targetW, 3],
 * `scores` and `change` F32 [gridH, gridW], both still to be multiplied by
 * {@linkcode scoreScale} and {@linkcode changeScale}.
 */
export function processGraph(plan: ProcessPlan, options: ProcessGraphOptions): GraphBuilder {
  return new ProcessGraph(plan, options).build();
}
