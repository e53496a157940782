/**
 * Embeddings of pictures of which only some patches are there: each patch goes through a vision
 * transformer's patch embedding, gets the position that it has in the picture, and takes part in all
 * blocks; those that were left out cost nothing.
 *
 * @module
 */
import {
  addDims,
  cachedModel,
  derive,
  fileIdentity,
  type GraphBuilder,
  type LazyTensor,
  Session,
  toFloat32,
} from "@vcs/onnx";
import { TransformerBuilder, transposed } from "@vcs/onnx";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import type { ResolveOptions } from "@vcs/onnx/store";
import { tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import { encodeTokens, positionsFor } from "@vcs/clip-drift/internal";
import { locateVit, type Vit, vitOf } from "./vit.ts";

/** The picture that patches come from, in patches. */
export interface PatchGrid {
  /** Patches from top to bottom. */
  readonly rows: number;
  /** Patches from left to right. */
  readonly columns: number;
}

/** Which model embeds, and where. */
export interface PatchEmbedderOptions
  extends Pick<ResolveOptions, "onLine" | "onProgress" | "signal"> {
  /** `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`. Default: `auto`. */
  readonly device?: string;
  /** Folder for built graphs. Default: the user's cache. */
  readonly cache?: string;
  /** Classes of data that may stand in the weights. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
}

/** A convolution over whole patches as rows over a patch's planes. */
function patchPlanes(conv: LazyTensor): LazyTensor {
  const [width = 1, ...window] = conv.shape;
  return derive([conv], [width, window.reduce((a, b) => a * b, 1)], ([x]) => x);
}

/** The graph of a picture's patches: `patches`, `cells` and `positions` in, `embedding` out. */
export function patchGraph(vit: Vit): GraphBuilder {
  const { width, patchSize, heads, epsilon, activation } = vit;
  const length = addDims(vit.first === undefined ? 0 : 1, "T");
  const tower = new TransformerBuilder("vit-patches", {
    ...{ heads, epsilon, activation, length, items: 1 },
  });
  const { g } = tower;
  const patches = g.input("patches", "F32", ["T", 3 * patchSize ** 2]);
  const cells = g.input("cells", "I64", ["T"]);
  const positions = g.input("positions", "F32", ["C", width]);
  const rows = g.matmul(patches, g.weight("patches.weight", transposed(patchPlanes(vit.conv))));
  const embedded = vit.bias ? g.add(rows, g.weight("patches.bias", vit.bias)) : rows;
  const placed = g.add(embedded, g.gather(positions, cells));
  const tokens = vit.first === undefined
    ? placed
    : g.concat([g.reshape(g.weight("first", vit.first), [1, width]), placed], 0);
  g.output("embedding", encodeTokens(tower, tokens, vit));
  return g;
}

/** Embeds pictures of which only some patches are there. Release it with `using`. */
export class PatchEmbedder implements Disposable {
  /** What it embeds with. */
  readonly vit: Vit;
  readonly #session: Session;
  readonly #table: Float32Array;
  /** Positions by the grid that they were made for. */
  readonly #positions = new Map<string, Float32Array>();

  /** Wraps an open graph; {@linkcode openPatchEmbedder} does this. */
  constructor(vit: Vit, session: Session, table: Float32Array) {
    this.vit = vit;
    this.#session = session;
    this.#table = table;
  }

  /**
   * The embedding of a picture, not of unit length: that of the whole picture where all of its
   * patches are there, in any order.
   *
   * @param patches values less the mean, over the deviation, planes one after the other: `[T, 3 · p · p]`
   * @param cells place of each patch, `row · columns + column`
   * @throws {RangeError} for a cell outside the grid, or values that are no patches of the model
   */
  async embed(
    patches: Float32Array,
    cells: ArrayLike<number>,
    grid: PatchGrid,
  ): Promise<Float32Array> {
    const { patchSize, width } = this.vit;
    const area = 3 * patchSize ** 2;
    if (patches.length !== cells.length * area) {
      throw new RangeError(
        `Cannot embed ${cells.length} patches: found ${patches.length} values, expected ${area} for each`,
      );
    }
    const count = grid.rows * grid.columns;
    const places = BigInt64Array.from(Array.from(cells, (cell) => {
      if (cell >= 0 && cell < count) return BigInt(cell);
      throw new RangeError(`Cannot embed patches: found cell ${cell}, expected 0 to ${count - 1}`);
    }));
    const { embedding } = await this.#session.run({
      patches: tensor("F32", [cells.length, area], patches as Float32Array<ArrayBuffer>),
      cells: tensor("I64", [cells.length], places),
      positions: tensor("F32", [count, width], this.#positionsOf(grid)),
    });
    return embedding!.data as Float32Array;
  }

  #positionsOf(grid: PatchGrid): Float32Array<ArrayBuffer> {
    const key = `${grid.rows}x${grid.columns}`;
    let positions = this.#positions.get(key);
    if (positions === undefined) {
      positions = positionsFor(this.#table, this.vit.grid, grid);
      this.#positions.set(key, positions);
    }
    return positions as Float32Array<ArrayBuffer>;
  }

  /** Releases the model. */
  [Symbol.dispose](): void {
    this.#session.close();
  }
}

/**
 * Opens a model for patches.
 *
 * @param reference `ViT-B-32/openai` and all other names of CLIP, `dinov2_vits14`, `dinov2_vitb14`,
 * `dinov2_vitl14`; a path or URL of such weights, or of a ViT of timm
 * @throws {OnnxError} where there is no such model, it cannot be fetched, or the device not be used
 * @throws {ClipDriftError} `bad-weights` where the file is none of these
 */
export async function openPatchEmbedder(
  reference: string,
  { cache, device, allowGlobals, ...options }: PatchEmbedderOptions = {},
): Promise<PatchEmbedder> {
  const located = await locateVit(reference, options);
  using checkpoint = await openCheckpoint(located.path, defined({ allowGlobals }));
  const vit = await vitOf(checkpoint, located);
  const identity = [await fileIdentity(located.path, cache), vit.activation];
  const file = await cachedModel(patchGraph(vit), identity, cache);
  const table = toFloat32(await vit.positions.read());
  return new PatchEmbedder(
    vit,
    await Session.open(file, { spin: 50, ...defined({ device }) }),
    table,
  );
}
