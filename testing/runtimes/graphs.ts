/** Reads a checkpoint and builds a network's ONNX model of it. */
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { GraphBuilder, modelBytes } from "@vcs/onnx/graph";
import { digest, type Entry } from "./check.ts";

const run: Entry = async (read) => {
  const torch = await openCheckpoint(await read("packages/onnx/testdata/torch_zip.pt"));
  const bytes = await read("packages/encodec-stream/weights/encodec_tiny_24khz.safetensors");
  const checkpoint = await openCheckpoint(bytes);
  const name = "decoder.model.0.conv.conv.weight_v";
  const { shape } = checkpoint.info(name);
  const graph = new GraphBuilder("one_layer");
  const x = graph.input("x", "F32", [1, shape[1]!, "T"]);
  const w = graph.weight("w", await checkpoint.read(name));
  graph.output("y", graph.conv(x, w));
  return { names: torch.names, model: await digest(await modelBytes(graph)) };
};

export default run;
