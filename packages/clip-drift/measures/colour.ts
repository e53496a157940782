/**
 * The colours of a scene, beside GIST, which sees none: how much of which hue is in each of 4×4
 * cells. Brightness does not count, and a picture without colour, as of a camera that has switched
 * to infrared, is less unlike a coloured one than one of other colours is.
 *
 * Hues are counted as the first three harmonics of their angle, by which every turn of all hues, by
 * 60° or by 180°, makes a descriptor that has little in common with the one before. The mean colour
 * of the picture is taken away first, as a camera's white balance changes it.
 *
 * @module
 */
import type { GraphBuilder, Value } from "@vcs/onnx";
import { tensor } from "@vcs/transport/tensor";

/** Numbers of the colours: real and imaginary part of three harmonics in each cell. */
export const COLOUR_LENGTH = 96;

const CELLS = 4;
/** Side of the squares whose mean colour counts: colour is stored coarser than brightness. */
const SQUARE = 4;
/** Axes of the plane of hues: red, and at right angles to it green against blue. */
const AXES = [[1, -0.5, -0.5], [0, Math.sqrt(3) / 2, -Math.sqrt(3) / 2]] as const;
/** Keeps the noise of dark areas from being colour. */
const FLOOR = 16;
/** Saturation at which a colour counts half. */
const HALF = 0.25;
/** Colours of the whole picture at which they weigh half of the most that they can. */
const FEW = 0.1;
/** Most that colours weigh beside GIST's shapes, as lengths of vectors. */
const WEIGHT = 1;

/** Mean of the squares' values on an axis of the plane of hues, over their brightness. */
function saturation(g: GraphBuilder, squares: Value, brightness: Value, axis: number): Value {
  const weights = g.constant("axis", tensor("F32", [1, 3, 1, 1], Float32Array.from(AXES[axis]!)));
  const relative = g.div(g.conv(squares, weights), brightness);
  return g.sub(relative, g.mean(relative, [2, 3]));
}

/**
 * The colours of pixels, F32 `[N, 3, side, side]` of 0 to 255: `[N, 96]`, whose length is between 0,
 * for a picture without colour, and 1.
 */
export function colourCells(g: GraphBuilder, planes: Value, side: number): Value {
  const squares = g.averagePool(planes, [SQUARE, SQUARE]);
  const brightness = g.add(g.mean(squares, [1]), FLOOR);
  const [a, b] = [0, 1].map((axis) => saturation(g, squares, brightness, axis)) as [Value, Value];
  const power = g.add(g.mul(a, a), g.mul(b, b));
  const counts = g.div(power, g.add(power, HALF ** 2));
  const length = g.sqrt(g.add(power, 1e-12));
  const [x, y] = [g.div(a, length), g.div(b, length)];
  const [xx, yy] = [g.sub(g.mul(x, x), g.mul(y, y)), g.mul(g.mul(x, y), 2)];
  const harmonics = [
    ...[x, y, xx, yy],
    ...[g.sub(g.mul(x, xx), g.mul(y, yy)), g.add(g.mul(x, yy), g.mul(y, xx))],
  ];
  const each = harmonics.map((value) => g.mul(value, counts));
  const cell = side / SQUARE / CELLS;
  const cells = g.reshape(
    g.averagePool(g.concat(each, 1), [cell, cell]),
    ["N", COLOUR_LENGTH],
  );
  return g.mul(g.div(cells, g.add(lengthOf(g, cells), FEW)), WEIGHT);
}

/** Lengths of vectors: `[N, 1]`. */
export function lengthOf(g: GraphBuilder, vectors: Value): Value {
  return g.sqrt(g.add(g.sum(g.mul(vectors, vectors), [1]), 1e-12));
}
