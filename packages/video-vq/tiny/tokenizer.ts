/**
 * Encoder and decoder of vq-tiny on ONNX Runtime. Its weights are bundled, so that a stream can be
 * tried without a download.
 *
 * @module
 */
import { isServed, resolveDevice } from "@vcs/onnx/devices";
import { type GraphBuilder, modelBytes } from "@vcs/onnx/graph";
import { NetworkWeights } from "@vcs/onnx/internal";
import { Session } from "@vcs/onnx/session";
import type { ResolveOptions } from "@vcs/onnx/store";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import type { ClipSize, Half } from "../official/network.ts";
import { SizedSessions } from "../official/sized_sessions.ts";
import { pixelsToBytes, pixelsToFloat } from "../frames/pixels.ts";
import type { TokenizeOptions, WindowDecoder, WindowEncoder } from "../stream/tokenizer.ts";
import { tokensFromLatent, tokensToQuant } from "../stream/tokens.ts";
import {
  buildTinyDecoder,
  buildTinyEncoder,
  checkTinySize,
  TINY_FRAMES,
  TINY_LATENT,
  TINY_MARGINS,
  TINY_MODEL,
} from "./graph.ts";
import { copyBox, type Stretch, type Tiles, tilesOf } from "./tiles.ts";
import { TINY_ID, type TinyTensors, tinyTensors } from "./weights.ts";

/** How a half is run. */
export interface TinyOptions {
  /** `auto`, `cpu`, `cuda`, `cuda:N`, `webgpu`, or `kserve://host:8000`. Default: auto. */
  readonly device?: string;
  /** Threads on the CPU. Default: one per core. */
  readonly threads?: number;
  /** Called as bytes of the weights arrive. Default: nothing. */
  readonly onProgress?: NonNullable<ResolveOptions["onProgress"]>;
  /** Aborts a download. */
  readonly signal?: AbortSignal;
  /**
   * Size of clips to get ready for: two blank windows are run, because the first ones of a session
   * take longer. Default: none.
   */
  readonly size?: ClipSize;
  /** Most positions of a frame that are computed at once. Default: 4,096, those of 512×512 pixels. */
  readonly tilePositions?: number;
}

/** Pixels of a frame's side for each position. */
const { scale: SCALE } = TINY_LATENT;
/** The sides of a latent that do not depend on the frame. */
const LATENT = [1, TINY_LATENT.channels, TINY_LATENT.frames[0]] as const;
/** Planes of a latent. */
const PLANES = LATENT[1] * LATENT[2];

/** Rows and columns of a frame. */
type Size = Pick<ClipSize, "height" | "width">;

/**
 * Opens the encoder.
 *
 * @throws {OnnxError} if the device is not available, or the weights cannot be fetched.
 */
export async function openTinyEncoder(options: TinyOptions = {}): Promise<WindowEncoder> {
  const half = await TinyHalf.open("encoder", options);
  const { size } = options;
  if (size) {
    const { height, width } = half.tileSize(size);
    await half.warmUp("frames", [1, 3, TINY_FRAMES, height, width], { height, width });
  }
  return {
    ...half.about,
    fullWindows: true,
    resize: "area",
    async encode({ data, frameCount, height, width }, options = {}) {
      if (frameCount !== TINY_FRAMES) {
        throw new RangeError(
          `Cannot encode with ${TINY_MODEL}: found a window of ${frameCount} frames, expected ${TINY_FRAMES}`,
        );
      }
      return tokensFromLatent(await encodeTiles(half, data, { height, width }, options));
    },
    [Symbol.dispose]: () => half[Symbol.dispose](),
  };
}

/** Opens the decoder; throws as {@linkcode openTinyEncoder} does. */
export async function openTinyDecoder(options: TinyOptions = {}): Promise<WindowDecoder> {
  const half = await TinyHalf.open("decoder", options);
  const { size } = options;
  if (size) {
    const { height, width } = half.tileSize(size);
    await half.warmUp("quant", [...LATENT, height / SCALE, width / SCALE], { height, width });
  }
  return {
    ...half.about,
    latent: TINY_LATENT,
    needsSmoothing: true,
    async decode(tokens, options = {}) {
      const { height, width } = tokens.shape;
      const size = { height: height * SCALE, width: width * SCALE };
      const data = await decodeTiles(half, tokensToQuant(tokens), size, options);
      return { frameCount: TINY_FRAMES, ...size, data };
    },
    [Symbol.dispose]: () => half[Symbol.dispose](),
  };
}

/** Encodes the frames of a window, tile by tile; gives the latent of all. */
async function encodeTiles(
  half: TinyHalf,
  data: Uint8Array,
  { height, width }: Size,
  options: TokenizeOptions,
): Promise<Tensor<"F32">> {
  const tiles = half.tiles({ height, width });
  const tile = { height: tiles.height * SCALE, width: tiles.width * SCALE };
  if (isWhole(tiles)) {
    return await half.run("frames", pixelsToFloat(data, TINY_FRAMES, height, width), tile, options);
  }
  const latent = tensor("F32", [...LATENT, height / SCALE, width / SCALE]);
  const part = new Uint8Array(TINY_FRAMES * tile.height * tile.width * 3);
  for (const { down, across } of each(tiles)) {
    const place = { height, width, top: down.at * SCALE, left: across.at * SCALE };
    copyBox(data, place, part, { ...tile, top: 0, left: 0 }, tile, TINY_FRAMES, 3);
    const frames = pixelsToFloat(part, TINY_FRAMES, tile.height, tile.width);
    const made = await half.run("frames", frames, tile, options);
    const { from, to, size } = keptOf(down, across);
    const whole = { height: height / SCALE, width: width / SCALE, ...to };
    copyBox(made.data, { ...inTile(tiles), ...from }, latent.data, whole, size, PLANES);
  }
  return latent;
}

/** Decodes a latent, tile by tile; gives the bytes of the frames. */
async function decodeTiles(
  half: TinyHalf,
  quant: Tensor<"F32">,
  { height, width }: Size,
  options: TokenizeOptions,
): Promise<Uint8Array> {
  const tiles = half.tiles({ height, width });
  const tile = { height: tiles.height * SCALE, width: tiles.width * SCALE };
  if (isWhole(tiles)) return pixelsToBytes(await half.run("quant", quant, tile, options));
  const latent = { height: height / SCALE, width: width / SCALE };
  const part = tensor("F32", [...LATENT, tiles.height, tiles.width]);
  const out = new Uint8Array(TINY_FRAMES * height * width * 3);
  const scaled = <T extends object>(places: T) =>
    Object.fromEntries(Object.entries(places).map(([k, v]) => [k, v * SCALE])) as T;
  for (const { down, across } of each(tiles)) {
    const place = { ...latent, top: down.at, left: across.at };
    copyBox(quant.data, place, part.data, { ...inTile(tiles), top: 0, left: 0 }, tiles, PLANES);
    const made = pixelsToBytes(await half.run("quant", part, tile, options));
    const { from, to, size } = keptOf(down, across);
    const source = { ...tile, ...scaled(from) };
    copyBox(made, source, out, { height, width, ...scaled(to) }, scaled(size), TINY_FRAMES, 3);
  }
  return out;
}

const isWhole = ({ down, across }: Tiles) => down.length * across.length === 1;

const inTile = ({ height, width }: Tiles) => ({ height, width });

function* each({ down, across }: Tiles): Generator<{ down: Stretch; across: Stretch }> {
  for (const row of down) for (const column of across) yield { down: row, across: column };
}

/** What is kept of a tile: where it lies in the tile, where in the frame, and its size. */
function keptOf(down: Stretch, across: Stretch) {
  return {
    from: { top: down.from - down.at, left: across.from - across.at },
    to: { top: down.from, left: across.from },
    size: { height: down.to - down.from, width: across.to - across.from },
  };
}

/** One half: a session for each size of tile. */
class TinyHalf implements Disposable {
  readonly #sessions = new SizedSessions((size) => this.#openSession(size));

  private constructor(
    readonly half: Half,
    readonly tensors: TinyTensors,
    readonly device: string,
    readonly options: TinyOptions,
  ) {}

  static async open(half: Half, options: TinyOptions): Promise<TinyHalf> {
    const { device } = await resolveDevice(options.device);
    const { onProgress, signal } = options;
    const tensors = await tinyTensors(half, defined({ onProgress, signal }));
    return new TinyHalf(half, tensors, device, options);
  }

  /** Id of the weights, and the half for people. */
  get about(): { modelId: string; description: string } {
    return { modelId: TINY_ID, description: `${TINY_MODEL} ${this.half} on ${this.device}` };
  }

  /**
   * How a frame is cut; a model server has the graph of one size, and memory of its own.
   *
   * @throws {RangeError} if a side is no multiple of 8.
   */
  tiles({ height, width }: Size): Tiles {
    checkTinySize(height, width);
    const most = isServed(this.device) ? Infinity : this.options.tilePositions;
    return tilesOf(height / SCALE, width / SCALE, TINY_MARGINS[this.half], most);
  }

  /** Size of the tiles of a frame, in pixels. */
  tileSize(size: Size): Size {
    const { height, width } = this.tiles(size);
    return { height: height * SCALE, width: width * SCALE };
  }

  /** Runs blank windows, so that no later one waits for what is done once. */
  async warmUp(name: string, shape: readonly number[], size: Size): Promise<void> {
    const blank = tensor("F32", shape);
    for (let i = 0; i < 2; i++) await this.run(name, blank, size, {});
  }

  /** Runs one tensor through the graph for a size of tile. */
  async run(
    name: string,
    input: Tensor,
    { height, width }: Size,
    { signal }: TokenizeOptions,
  ): Promise<Tensor<"F32">> {
    signal?.throwIfAborted();
    const session = await this.#sessions.get({ frames: TINY_FRAMES, height, width });
    const outputs = await session.run({ [name]: input });
    return Object.values(outputs)[0] as Tensor<"F32">;
  }

  async #openSession({ height, width }: ClipSize): Promise<Session> {
    const { half, options, device } = this;
    if (isServed(device)) return await Session.open(`${TINY_MODEL}.${half}`, { device });
    const threads = defined({ threads: options.threads });
    return await Session.open(await modelBytes(this.#build(height, width)), { device, ...threads });
  }

  #build(height: number, width: number): GraphBuilder {
    const weights = NetworkWeights.of(this.tensors);
    const build = this.half === "encoder" ? buildTinyEncoder : buildTinyDecoder;
    const g = build(height, width, (key, shape) => weights.get(key, shape));
    weights.check(`the ${this.half} of ${TINY_MODEL}`);
    return g;
  }

  [Symbol.dispose](): void {
    this.#sessions[Symbol.dispose]();
  }
}
