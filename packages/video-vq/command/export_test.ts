import assert from "node:assert/strict";
import { checkInPython, described, graphBuilders, IN_PYTHON } from "#testing/exported_graphs.ts";
import { needing } from "#testing/shared.ts";
import { syntheticCheckpoint } from "../official/synthetic.ts";
import { unpackVidtok } from "../testing/vidtok.ts";
import { openGraphs } from "./export.ts";

const { signal } = new AbortController();
const OPTIONS = {
  size: { width: 32, height: 16 },
  precision: "fp32" as const,
  allowClass: [],
};

/** Hands all networks' graphs to a test: those of the bundled weights, and of random ones. */
async function withGraphs(
  test: (graphs: Awaited<ReturnType<typeof openGraphs>>["graphs"]) => Promise<void>,
  precision: "fp32" | "fp16" = "fp32",
): Promise<void> {
  const options = { ...OPTIONS, precision };
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/magvit.safetensors`, syntheticCheckpoint());
    await unpackVidtok(`${folder}/vidtok.ckpt`);
    using tiny = await openGraphs("vq-tiny", options, signal);
    using magvit = await openGraphs(`${folder}/magvit.safetensors`, options, signal);
    using vidtok = await openGraphs(`${folder}/vidtok.ckpt`, options, signal);
    await test([...tiny.graphs, ...magvit.graphs, ...vidtok.graphs]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("export has every graph of all networks", () =>
  withGraphs(async (graphs) => {
    assert.deepEqual(described(graphs), [
      "vq-tiny.encoder: batch 0, frames -> latent",
      "vq-tiny.decoder: batch 0, quant -> frames",
      "open-magvit2-video.encoder: batch 0, frames -> latent",
      "open-magvit2-video.decoder: batch 0, quant -> frames",
      "vidtok-fsq.encoder: batch 0, frames -> latent",
      "vidtok-fsq.decoder: batch 0, quant -> frames",
    ]);
    const [frames, latent] = [[1, 3, 17, 16, 32], [1, 18, 5, 2, 4]];
    const shapes = graphs.map(({ graph }) => [graph.inputs[0]!.shape, graph.outputs[0]!.shape]);
    const halves = [[frames, latent], [latent, frames]];
    assert.deepEqual(shapes, [...halves, ...halves, ...halves]);
    // A builder that is not here is one that nothing above exports.
    assert.deepEqual(await graphBuilders(new URL("../", import.meta.url)), [
      ...["buildDecoder", "buildEncoder", "buildTinyDecoder", "buildTinyEncoder"],
      ...["buildVidtokDecoder", "buildVidtokEncoder"],
    ]);
  }));

Deno.test({
  ...needing(
    "ONNX Runtime's Python makes of the exported graphs of all networks what we do",
    IN_PYTHON,
  ),
  fn: () => withGraphs(checkInPython),
});

Deno.test({
  ...needing("ONNX Runtime's Python makes of the networks in 16 bits what we do", IN_PYTHON),
  // The bundled one has none of its own.
  fn: () => withGraphs((graphs) => checkInPython(graphs.slice(2)), "fp16"),
});

Deno.test("export takes one half of the bundled network by its name in the catalogue", async () => {
  using half = await openGraphs("vq-tiny-decoder", OPTIONS, signal);
  assert.deepEqual(half.graphs.map(({ name }) => name), ["vq-tiny.decoder"]);
});
