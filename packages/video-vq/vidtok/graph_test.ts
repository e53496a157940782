import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import assert from "node:assert/strict";
import { VideoCheckpoint } from "../official/checkpoint.ts";
import { openCheckpointDecoder, openCheckpointEncoder } from "../official/tokenizer.ts";
import { tokensFromIndices, tokensToIndices, tokensToQuant } from "../stream/tokens.ts";
import { unpackVidtok, vidtokCase } from "../testing/vidtok.ts";
import { FULL_VIDTOK_DECODER, FULL_VIDTOK_ENCODER } from "./config.ts";
import { VIDTOK, vidtokShapes } from "./graph.ts";

/** Runs a test with the reduced checkpoint, as `torch.save` wrote it. */
async function withCheckpoint(run: (path: string, cache: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/vidtok.ckpt`;
    await unpackVidtok(path);
    await run(path, `${folder}/cache`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CASES = ["17x24x16", "5x16x40", "1x8x8"] as const;

Deno.test("vidtok: codes are those of the authors' code, pixels within a ten-thousandth", async () => {
  await withCheckpoint(async (path, cache) => {
    using checkpoint = await VideoCheckpoint.open(path);
    assert.equal(checkpoint.network, VIDTOK);
    using encoder = await openCheckpointEncoder(path, { device: "cpu", cache });
    for (const name of CASES) {
      const { clip, indices, reconstruction } = vidtokCase(name);
      const tokens = await encoder.encode(clip);
      assert.deepEqual(tokensToIndices(tokens, "I32"), indices, name);
      const decoder = checkpoint.build("decoder", tokens.shape);
      using session = await Session.open(await modelBytes(decoder), { device: "cpu" });
      const { frames } = await session.run({ quant: tokensToQuant(tokens) });
      assert.deepEqual(frames!.shape, [1, ...reconstruction.shape]);
      const worst = (frames!.data as Float32Array).reduce(
        (most, value, i) => Math.max(most, Math.abs(value - reconstruction.data[i]!)),
        0,
      );
      assert(worst <= 1e-4, `${name}: ${worst}`);
    }
  });
});

Deno.test("vidtok: the authors' indices are decoded to 17 frames of bytes", async () => {
  await withCheckpoint(async (path, cache) => {
    using decoder = await openCheckpointDecoder(path, { device: "cpu", cache });
    assert.deepEqual(decoder.latent, { channels: 18, frames: [1, 5], scale: 8 });
    assert.match(decoder.description, /^VidTok decoder, channels 8-16-16-16, raw parameters/);
    const { indices, reconstruction } = vidtokCase("17x24x16");
    const shape = { channels: 18, frames: 5, height: 3, width: 2 };
    const { data, ...size } = await decoder.decode(tokensFromIndices(indices, shape));
    assert.deepEqual(size, { frameCount: 17, height: 24, width: 16 });
    const plane = 17 * 24 * 16;
    const apart = data.map((value, i) => {
      const wanted = (reconstruction.data[(i % 3) * plane + Math.floor(i / 3)]! + 1) * 127.5;
      return Math.abs(value - Math.min(255, Math.max(0, wanted)));
    });
    assert(apart.every((difference) => difference <= 1));
  });
});

Deno.test("vidtok: the full size has the authors' 416 tensors and 157.5 million parameters", () => {
  const count = (shapes: ReturnType<typeof vidtokShapes>) => [
    shapes.size,
    [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0),
  ];
  assert.deepEqual(count(vidtokShapes("encoder", FULL_VIDTOK_ENCODER)), [176, 69_230_472]);
  assert.deepEqual(count(vidtokShapes("decoder", FULL_VIDTOK_DECODER)), [240, 88_221_189]);
});

Deno.test("vidtok: sizes of all the authors' causal networks are read off their tensors", () => {
  for (
    const config of [
      FULL_VIDTOK_ENCODER,
      { ...FULL_VIDTOK_ENCODER, values: 4 },
      { ...FULL_VIDTOK_ENCODER, channels: [128, 256, 512, 512, 512], timed: [2, 3] },
    ]
  ) {
    const shapes = vidtokShapes("encoder", config);
    const { config: found, latent } = VIDTOK.sized("encoder", (key) => shapes.get(key));
    assert.deepEqual(found, config);
    assert.deepEqual(latent, {
      channels: 3 * config.values,
      frames: [1, 5],
      scale: config.channels.length === 5 ? 16 : 8,
    });
  }
  const decoder = vidtokShapes("decoder", FULL_VIDTOK_DECODER);
  assert.deepEqual(
    VIDTOK.sized("decoder", (key) => decoder.get(key)).config,
    FULL_VIDTOK_DECODER,
  );
});

Deno.test("vidtok: clips that would not come back whole, and half a checkpoint, are refused", async () => {
  const shapes = vidtokShapes("encoder", FULL_VIDTOK_ENCODER);
  const half = VIDTOK.sized("encoder", (key) => shapes.get(key));
  for (const [frames, height] of [[16, 16], [6, 16], [17, 12], [0, 16]] as const) {
    assert.throws(
      () => half.latentSize({ frames, height, width: 16 }),
      { name: "RangeError", message: new RegExp(`found ${frames} frames of 16x${height}`) },
    );
  }
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    const one = { dtype: "F32", shape: [4, 3, 3, 3, 3], data: new Float32Array(324) } as const;
    await Deno.writeFile(path, encodeSafetensors({ "encoder.conv_in.conv.weight": one }));
    await assert.rejects(openCheckpointEncoder(path), {
      code: "bad-model",
      message: /Cannot build VidTok: found .*expected 2 to 8 levels/,
    });
  } finally {
    await Deno.remove(path);
  }
});
