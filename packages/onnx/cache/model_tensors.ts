/**
 * Names and shapes of the tensors in the official checkpoints, so that a file can be told by what
 * it holds and what it lacks.
 *
 * @example
 * ```ts
 * import { modelTensors } from "@vcs/onnx/internal";
 * import assert from "node:assert/strict";
 *
 * const tensors = modelTensors("encodec_48khz");
 * assert.equal(tensors?.size, 224);
 * assert.deepEqual(tensors?.get("decoder.model.15.conv.conv.weight"), [2, 32, 7]);
 * ```
 *
 * @module
 */

/** Shapes by name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

type Entry = [name: string, shape: number[]];

/** Weight and bias of a layer. */
function layer(prefix: string, shape: number[], outputs: number): Entry[] {
  return [[`${prefix}.weight`, shape], [`${prefix}.bias`, [outputs]]];
}

/** How EnCodec's two models keep a convolution: weight-normalised, or with a group norm. */
interface EncodecStyle {
  readonly channels: 1 | 2;
  readonly codebooks: number;
}

/** One convolution of EnCodec; a transposed one has its channels the other way round. */
function encodecConv(
  { channels }: EncodecStyle,
  prefix: string,
  [from, to, kernel]: readonly [number, number, number],
  transposed = false,
): Entry[] {
  const kind = transposed ? "convtr" : "conv";
  const shape = transposed ? [from, to, kernel] : [to, from, kernel];
  const name = `${prefix}.${kind}.${kind}`;
  if (channels === 2) {
    return [...layer(name, shape, to), ...layer(`${prefix}.${kind}.norm`, [to], to)];
  }
  return [
    [`${name}.bias`, [to]],
    [`${name}.weight_g`, [shape[0]!, 1, 1]],
    [`${name}.weight_v`, shape],
  ];
}

function encodecResidual(style: EncodecStyle, prefix: string, channels: number): Entry[] {
  const half = channels / 2;
  return [
    ...encodecConv(style, `${prefix}.block.1`, [channels, half, 3]),
    ...encodecConv(style, `${prefix}.block.3`, [half, channels, 1]),
    ...encodecConv(style, `${prefix}.shortcut`, [channels, channels, 1]),
  ];
}

function encodecLstm(prefix: string): Entry[] {
  return [0, 1].flatMap((n): Entry[] => [
    [`${prefix}.lstm.weight_ih_l${n}`, [2048, 512]],
    [`${prefix}.lstm.weight_hh_l${n}`, [2048, 512]],
    [`${prefix}.lstm.bias_ih_l${n}`, [2048]],
    [`${prefix}.lstm.bias_hh_l${n}`, [2048]],
  ]);
}

const STRIDES = [2, 4, 5, 8];

function encodecEncoder(style: EncodecStyle): Entry[] {
  const stages = STRIDES.flatMap((stride, i) => {
    const channels = 32 << i;
    return [
      ...encodecResidual(style, `encoder.model.${1 + 3 * i}`, channels),
      ...encodecConv(style, `encoder.model.${3 + 3 * i}`, [channels, 2 * channels, 2 * stride]),
    ];
  });
  return [
    ...encodecConv(style, "encoder.model.0", [style.channels, 32, 7]),
    ...stages,
    ...encodecLstm("encoder.model.13"),
    ...encodecConv(style, "encoder.model.15", [512, 128, 7]),
  ];
}

function encodecDecoder(style: EncodecStyle): Entry[] {
  const stages = STRIDES.toReversed().flatMap((stride, i) => {
    const channels = 512 >> i;
    const up = [channels, channels / 2, 2 * stride] as const;
    return [
      ...encodecConv(style, `decoder.model.${3 + 3 * i}`, up, true),
      ...encodecResidual(style, `decoder.model.${4 + 3 * i}`, channels / 2),
    ];
  });
  return [
    ...encodecConv(style, "decoder.model.0", [128, 512, 7]),
    ...encodecLstm("decoder.model.1"),
    ...stages,
    ...encodecConv(style, "decoder.model.15", [32, style.channels, 7]),
  ];
}

function encodec(style: EncodecStyle): Entry[] {
  const codebooks = Array.from({ length: style.codebooks }, (_, i): Entry[] => {
    const prefix = `quantizer.vq.layers.${i}._codebook`;
    return [
      [`${prefix}.inited`, [1]],
      [`${prefix}.cluster_size`, [1024]],
      [`${prefix}.embed`, [1024, 128]],
      [`${prefix}.embed_avg`, [1024, 128]],
    ];
  });
  return [...encodecEncoder(style), ...encodecDecoder(style), ...codebooks.flat()];
}

function encodecLanguageModel(codebooks: number): Entry[] {
  const layers = [0, 1, 2, 3, 4].flatMap((n): Entry[] => {
    const prefix = `transformer.layers.${n}`;
    return [
      [`${prefix}.self_attn.in_proj_weight`, [600, 200]],
      [`${prefix}.self_attn.in_proj_bias`, [600]],
      ...layer(`${prefix}.self_attn.out_proj`, [200, 200], 200),
      ...layer(`${prefix}.linear1`, [800, 200], 800),
      ...layer(`${prefix}.linear2`, [200, 800], 200),
      ...layer(`${prefix}.norm1`, [200], 200),
      ...layer(`${prefix}.norm2`, [200], 200),
    ];
  });
  const heads = Array.from({ length: codebooks }, (_, k): Entry[] => [
    [`emb.${k}.weight`, [1025, 200]],
    ...layer(`linears.${k}`, [1024, 200], 1024),
  ]);
  return [...layer("transformer.norm_in", [200], 200), ...layers, ...heads.flat()];
}

function magvitResidual(prefix: string, from: number, to: number): Entry[] {
  const shortcut: Entry[] = from === to
    ? []
    : [[`${prefix}.nin_shortcut.conv_1.weight`, [to, from, 1, 1, 1]]];
  return [
    ...layer(`${prefix}.norm1`, [from], from),
    [`${prefix}.conv1.conv_1.weight`, [to, from, 3, 3, 3]],
    ...layer(`${prefix}.norm2`, [to], to),
    [`${prefix}.conv2.conv_1.weight`, [to, to, 3, 3, 3]],
    ...shortcut,
  ];
}

/** Residual blocks one after the other, the first of which may widen or narrow. */
function magvitBlocks(prefix: string, from: number, to: number): Entry[] {
  return [0, 1, 2, 3].flatMap((n) => magvitResidual(`${prefix}.${n}`, n === 0 ? from : to, to));
}

const MAGVIT_WIDTHS = [128, 256, 256, 512];

function magvitEncoder(): Entry[] {
  const levels = MAGVIT_WIDTHS.flatMap((width, i): Entry[] => [
    ...magvitBlocks(`encoder.down.${i}.block`, MAGVIT_WIDTHS[i - 1] ?? 128, width),
    ...(i === 3
      ? []
      : layer(`encoder.down.${i}.downsample.conv_1`, [width, width, 3, 3, 3], width)),
  ]);
  return [
    ["encoder.conv_in.conv_1.weight", [128, 3, 3, 3, 3]],
    ...levels,
    ...magvitBlocks("encoder.mid_block", 512, 512),
    ...layer("encoder.norm_out", [512], 512),
    ...layer("encoder.conv_out.conv_1", [18, 512, 1, 1, 1], 18),
  ];
}

function magvitDecoder(): Entry[] {
  const levels = [3, 2, 1, 0].flatMap((i): Entry[] => {
    const from = MAGVIT_WIDTHS[i + 1] ?? 512;
    const to = MAGVIT_WIDTHS[i]!;
    const more = i === 0 ? 0 : to * (i === 1 ? 4 : 8);
    return [
      ...layer(`decoder.adaptive.${i}.gamma`, [from, 18], from),
      ...layer(`decoder.adaptive.${i}.beta`, [from, 18], from),
      ...magvitBlocks(`decoder.up.${i}.block`, from, to),
      ...(i === 0 ? [] : layer(`decoder.up.${i}.upsample.conv1.conv_1`, [more, to, 3, 3, 3], more)),
    ];
  });
  return [
    ...layer("decoder.conv_in.conv_1", [512, 18, 3, 3, 3], 512),
    ...magvitBlocks("decoder.mid_block", 512, 512),
    ...levels,
    ...layer("decoder.norm_out", [128], 128),
    ...layer("decoder.conv_out.conv_1", [3, 128, 3, 3, 3], 3),
  ];
}

/** Names of moving averages: `model_ema.` and the name without dots. */
function averaged(entries: Entry[]): Entry[] {
  return entries.map(([name, shape]) => [`model_ema.${name.replaceAll(".", "")}`, shape]);
}

/** The numbers of a CLIP image tower. */
interface ClipTower {
  readonly resolution: number;
  readonly patch: number;
  readonly width: number;
  readonly layers: number;
  readonly output: number;
}

function clipTower({ resolution, patch, width, layers, output }: ClipTower): Entry[] {
  const blocks = Array.from({ length: layers }, (_, n): Entry[] => {
    const prefix = `visual.transformer.resblocks.${n}`;
    return [
      ...layer(`${prefix}.ln_1`, [width], width),
      [`${prefix}.attn.in_proj_weight`, [3 * width, width]],
      [`${prefix}.attn.in_proj_bias`, [3 * width]],
      ...layer(`${prefix}.attn.out_proj`, [width, width], width),
      ...layer(`${prefix}.ln_2`, [width], width),
      ...layer(`${prefix}.mlp.c_fc`, [4 * width, width], 4 * width),
      ...layer(`${prefix}.mlp.c_proj`, [width, 4 * width], width),
    ];
  });
  return [
    ["visual.class_embedding", [width]],
    ["visual.positional_embedding", [(resolution / patch) ** 2 + 1, width]],
    ["visual.proj", [width, output]],
    ["visual.conv1.weight", [width, 3, patch, patch]],
    ...layer("visual.ln_pre", [width], width),
    ...blocks.flat(),
    ...layer("visual.ln_post", [width], width),
  ];
}

const BASE = { resolution: 224, width: 768, layers: 12, output: 512 };
const LARGE = { patch: 14, width: 1024, layers: 24, output: 768 };

const TENSORS: { readonly [model: string]: () => Entry[] } = {
  "encodec_24khz": () => encodec({ channels: 1, codebooks: 32 }),
  "encodec_48khz": () => encodec({ channels: 2, codebooks: 16 }),
  "encodec_lm_24khz": () => encodecLanguageModel(32),
  "encodec_lm_48khz": () => encodecLanguageModel(16),
  "open-magvit2-video": () => averaged([...magvitEncoder(), ...magvitDecoder()]),
  "ViT-B-32/openai": () => clipTower({ ...BASE, patch: 32 }),
  "ViT-B-16/openai": () => clipTower({ ...BASE, patch: 16 }),
  "ViT-L-14/openai": () => clipTower({ ...LARGE, resolution: 224 }),
  "ViT-L-14-336/openai": () => clipTower({ ...LARGE, resolution: 336 }),
};

/** Names of the models whose tensors are known. */
export const MODELS_WITH_TENSORS: readonly string[] = Object.keys(TENSORS);

/**
 * Tensors of a model that running it takes, by name: of the video tokenizer the moving averages,
 * of CLIP the image tower. Undefined where the model is not known.
 */
export function modelTensors(name: string): TensorShapes | undefined {
  return Object.hasOwn(TENSORS, name) ? new Map(TENSORS[name]!()) : undefined;
}
