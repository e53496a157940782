/**
 * Residual vector quantisation: vectors as entries of one codebook after the other.
 *
 * @module
 */
import { derive, type GraphBuilder, type LazyTensor, type Value } from "@vcs/onnx/graph";

/**
 * The nearest entry of each codebook to the residual of those before it, with the distance written as
 * EnCodec's authors write it, so that near ties are resolved the same way.
 *
 * @param vectors [N, T, W]
 * @param books codebooks [size, W]
 * @param first number of the first codebook: weights are named by it. Default: 0.
 * @returns codes [N, T, 1] of each codebook
 */
export function quantize(
  g: GraphBuilder,
  vectors: Value,
  books: readonly LazyTensor[],
  first = 0,
): Value[] {
  let residual = vectors;
  return books.map((entries, i) => {
    const k = first + i;
    const [size, width] = entries.shape as [number, number];
    const table = g.weight(`codebook_${k}`, entries);
    const columns = derive(
      [entries],
      [width, size],
      ([e]) => Float32Array.from(e, (_, i) => e[i % size * width + Math.floor(i / size)]!),
    );
    const squares = derive([entries], [size], ([e]) => rowSquares(e, width));
    const product = g.matmul(g.mul(residual, 2), g.weight(`columns_${k}`, columns));
    const left = g.sub(g.sum(g.mul(residual, residual), [2]), product);
    const code = g.argMin(g.add(left, g.weight(`squares_${k}`, squares)), 2);
    residual = g.sub(residual, g.gather(table, code));
    return g.unsqueeze(code, [2]);
  });
}

function rowSquares(entries: Float32Array, width: number): Float32Array {
  return Float32Array.from(
    { length: entries.length / width },
    (_, row) => entries.subarray(row * width, (row + 1) * width).reduce((sum, v) => sum + v * v, 0),
  );
}

/** Codebooks joined to one table, entry c of codebook k in row k · size + c. */
export function joinedBooks(books: readonly LazyTensor[]): LazyTensor {
  const [size, width] = books[0]!.shape as [number, number];
  return derive(books, [books.length * size, width], (all) => {
    const joined = new Float32Array(books.length * size * width);
    (all as Float32Array[]).forEach((book, k) => joined.set(book, k * book.length));
    return joined;
  });
}
