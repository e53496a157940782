// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Finds the nearest of many embeddings, on whichever device this machine has:
 *
 *     deno run -A examples/onnx.ts embeddings.npy query.npy
 *
 * Both files hold rows of float32, as `numpy.save` writes them.
 */
import { GraphBuilder, modelBytes, Session } from "@vcs/onnx";
import { readNpy } from "@vcs/transport/npy";
import type { Tensor } from "@vcs/transport/tensor";

/** Scales the rows of a matrix to length one, so that products are cosines. */
function unitRows({ shape: [rows = 0, width = 0], data }: Tensor): Tensor {
  const unit = Float32Array.from(data as Float32Array);
  for (let row = 0; row < rows; row++) {
    const values = unit.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...values) || 1;
    values.forEach((value, i) => values[i] = value / length);
  }
  return { dtype: "F32", shape: [rows, width], data: unit };
}

/** A model that keeps the embeddings as its weights and gives the cosines of queries with them. */
async function openIndex(embeddings: Tensor): Promise<Session> {
  const width = embeddings.shape[1]!;
  const g = new GraphBuilder("nearest");
  const queries = g.input("queries", "F32", ["N", width]);
  const index = g.weight("embeddings", unitRows(embeddings));
  g.output("cosines", g.matmul(queries, g.transpose(index, [1, 0])));
  return await Session.open(await modelBytes(g), { device: "auto" });
}

const [embeddingsPath = "embeddings.npy", queryPath = "query.npy"] = Deno.args;
const embeddings = readNpy(await Deno.readFile(embeddingsPath));
const queries = unitRows(readNpy(await Deno.readFile(queryPath)));

using session = await openIndex(embeddings);
const { cosines } = await session.run({ queries });
const [rows = 0, columns = 0] = cosines!.shape;
for (let query = 0; query < rows; query++) {
  const row = (cosines!.data as Float32Array).subarray(query * columns, (query + 1) * columns);
  const best = row.indexOf(Math.max(...row));
  console.log(`query ${query}: row ${best}, cosine ${row[best]!.toFixed(3)}`);
}
