/**
 * GIST, a descriptor of a scene that needs no trained weights: how much of each of 8 orientations
 * at 4 scales is in each of 4×4 cells (Oliva and Torralba 2001, "Modeling the shape of the scene").
 *
 * The image's luminance is normalised to even local contrast, then filtered with Gabor functions
 * in an octave pyramid, as a graph of fixed filters. The mean over all 512 numbers is taken away,
 * so that the cosine of two descriptors is their correlation: without that, any two images
 * would be alike, since energies are never negative.
 *
 * @module
 */
import { GraphBuilder, type Value } from "@vcs/onnx";
import { tensor } from "@vcs/transport/tensor";
import { COLOUR_LENGTH, colourCells, lengthOf } from "./colour.ts";
import type { GistName } from "./gist_names.ts";

/** Side of the square image that the graph takes. */
export const GIST_SIZE = 128;
/** Numbers of GIST's shapes. */
const SHAPES = 512;
/** Numbers in the descriptors. */
export const GIST_LENGTHS: Readonly<Record<GistName, number>> = {
  "gist": SHAPES,
  "gist-colour": SHAPES + COLOUR_LENGTH,
};

const ORIENTATIONS = 8;
const SCALES = 4;
const CELLS = 4;
/** Waves in a pixel at the finest scale. */
const FREQUENCY = 0.25;
/** Deviation of the Gabor functions' envelope in pixels: about an octave of bandwidth. */
const ENVELOPE = 2.2;
const GABOR_RADIUS = 6;
/** The contrast's neighbourhood passes four waves in an image. */
const BLUR = GIST_SIZE * Math.sqrt(Math.LN2) / (2 * Math.PI * 4);
const BLUR_RADIUS = 12;
/** Keeps the noise of even areas from being blown up. */
const CONTRAST_FLOOR = 0.2;
const LUMA = [0.299, 0.587, 0.114];

/** Real and imaginary parts of the Gabor functions, `[2 * orientations, 1, side, side]`. */
function gaborBank(): Float32Array {
  const side = 2 * GABOR_RADIUS + 1;
  const area = side * side;
  const bank = new Float32Array(2 * ORIENTATIONS * area);
  for (let k = 0; k < ORIENTATIONS; k++) {
    const real = bank.subarray(2 * k * area, (2 * k + 1) * area);
    const imaginary = bank.subarray((2 * k + 1) * area, (2 * k + 2) * area);
    fillGabor(real, imaginary, k * Math.PI / ORIENTATIONS);
  }
  return bank;
}

/** One Gabor function; the real part has no response to an even area. */
function fillGabor(real: Float32Array, imaginary: Float32Array, angle: number): void {
  const side = 2 * GABOR_RADIUS + 1;
  const envelope = new Float64Array(real.length);
  let total = 0;
  let offset = 0;
  for (let i = 0; i < real.length; i++) {
    const x = i % side - GABOR_RADIUS;
    const y = Math.floor(i / side) - GABOR_RADIUS;
    envelope[i] = Math.exp(-(x * x + y * y) / (2 * ENVELOPE ** 2));
    const phase = 2 * Math.PI * FREQUENCY * (x * Math.cos(angle) + y * Math.sin(angle));
    real[i] = envelope[i]! * Math.cos(phase);
    imaginary[i] = envelope[i]! * Math.sin(phase);
    total += envelope[i]!;
    offset += real[i]!;
  }
  for (let i = 0; i < real.length; i++) {
    real[i] = (real[i]! - envelope[i]! * offset / total) / total;
    imaginary[i]! /= total;
  }
}

/** A Gaussian that sums to one. */
function gaussian(): Float32Array {
  const weights = Float32Array.from(
    { length: 2 * BLUR_RADIUS + 1 },
    (_, i) => Math.exp(-((i - BLUR_RADIUS) ** 2) / (2 * BLUR ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / sum);
}

/** Reflect padding of rows and columns. */
function reflectPadded(g: GraphBuilder, x: Value, radius: number): Value {
  return g.pad(x, [[0, 0], [0, 0], [radius, radius], [radius, radius]], "reflect");
}

/** A Gaussian mean around each pixel. */
function blur(g: GraphBuilder, x: Value): Value {
  const taps = 2 * BLUR_RADIUS + 1;
  const down = g.constant("blur", tensor("F32", [1, 1, taps, 1], gaussian()));
  const across = g.constant("blur", tensor("F32", [1, 1, 1, taps], gaussian()));
  return g.conv(g.conv(reflectPadded(g, x, BLUR_RADIUS), down), across);
}

/** Logarithm of the luminance, minus its local mean, over its local deviation. */
function evenContrast(g: GraphBuilder, planes: Value): Value {
  const luma = g.conv(
    planes,
    g.weight("luma", tensor("F32", [1, 3, 1, 1], Float32Array.from(LUMA))),
  );
  const logged = g.add(luma, 1);
  const brightness = g.op("Log", [logged], {}, logged);
  const detail = g.sub(brightness, blur(g, brightness));
  const deviation = g.sqrt(g.max(blur(g, g.mul(detail, detail)), 0));
  return g.div(detail, g.add(deviation, CONTRAST_FLOOR));
}

/** Energy of each orientation in each cell: `[N, 8, 4, 4]`. */
function cellEnergies(g: GraphBuilder, x: Value, bank: Value, side: number): Value {
  const answers = g.conv(reflectPadded(g, x, GABOR_RADIUS), bank);
  const pairs = g.reshape(g.mul(answers, answers), ["N", ORIENTATIONS, 2, side, side]);
  const magnitudes = g.sqrt(g.sum(pairs, [2], false));
  return g.averagePool(magnitudes, [side / CELLS, side / CELLS]);
}

/**
 * GIST as a graph: input `pixels` U8 `[N, 128, 128, 3]`, output `embedding` F32 `[N, 512]`; of
 * `gist-colour` `[N, 608]`, GIST's at unit length, and the colours.
 */
export function gistGraph(name: GistName = "gist"): GraphBuilder {
  const g = new GraphBuilder(name);
  const pixels = g.input("pixels", "U8", ["N", GIST_SIZE, GIST_SIZE, 3]);
  const planes = g.transpose(g.cast(pixels, "F32"), [0, 3, 1, 2]);
  const side = 2 * GABOR_RADIUS + 1;
  const bank = g.weight("gabor", tensor("F32", [2 * ORIENTATIONS, 1, side, side], gaborBank()));
  let level = evenContrast(g, planes);
  const energies: Value[] = [];
  for (let scale = 0; scale < SCALES; scale++) {
    if (scale > 0) level = g.averagePool(level, [2, 2]);
    energies.push(cellEnergies(g, level, bank, GIST_SIZE >> scale));
  }
  const all = g.reshape(g.concat(energies, 1), ["N", SHAPES]);
  const shapes = g.sub(all, g.mean(all, [1]));
  g.output("embedding", name === "gist" ? shapes : withColour(g, shapes, planes));
  return g;
}

/** Shapes of unit length, and colours. */
function withColour(g: GraphBuilder, shapes: Value, planes: Value): Value {
  const unit = g.div(shapes, lengthOf(g, shapes));
  return g.concat([unit, colourCells(g, planes, GIST_SIZE)], 1);
}
