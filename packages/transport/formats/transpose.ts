/**
 * The transpose of a matrix.
 *
 * @module
 */

/** Elements of a matrix [rows, columns] in C order as those of [columns, rows]. */
export function transposeMatrix(
  elements: Float32Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[c * rows + r] = elements[r * columns + c]!;
  }
  return out;
}
