/**
 * A ViT's positions for another grid than that of its training: PyTorch's bicubic interpolation
 * (`mode="bicubic", align_corners=False`), as Hugging Face's `interpolate_pos_encoding` does it.
 *
 * @module
 */

/** Keys' parameter in PyTorch. */
const A = -0.75;

/** Weight of a sample at a distance of up to 2. */
function cubic(distance: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  return d < 2 ? ((A * d - 5 * A) * d + 8 * A) * d - 4 * A : 0;
}

/** For each output the four inputs that it is made of, and their weights. */
function taps(from: number, to: number): { index: number; weight: number }[][] {
  return Array.from({ length: to }, (_, out) => {
    const center = (out + 0.5) * from / to - 0.5;
    const base = Math.floor(center);
    return [-1, 0, 1, 2].map((step) => ({
      index: Math.min(Math.max(base + step, 0), from - 1),
      weight: cubic(center - base - step),
    }));
  });
}

/**
 * Positions of every cell of a grid.
 *
 * @param table positions of the square that the model was trained with, `[side · side, width]`
 * @returns `[rows · columns, width]`
 */
export function positionsFor(
  table: Float32Array,
  side: number,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Float32Array {
  if (rows === side && columns === side) return table;
  const width = table.length / side ** 2;
  const [down, across] = [taps(side, rows), taps(side, columns)];
  const out = new Float32Array(rows * columns * width);
  for (const [row, lines] of down.entries()) {
    for (const [column, points] of across.entries()) {
      const cell = out.subarray((row * columns + column) * width).subarray(0, width);
      for (const line of lines) {
        for (const point of points) {
          const from = (line.index * side + point.index) * width;
          const weight = line.weight * point.weight;
          for (let i = 0; i < width; i++) cell[i]! += weight * table[from + i]!;
        }
      }
    }
  }
  return out;
}
