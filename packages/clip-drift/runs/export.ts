/**
 * Writes the embeddings of a run as a parquet file.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import { encodeRow, writeParquet } from "@vcs/transport/internal";
import { ClipDriftError } from "../errors.ts";
import { readAbout } from "./reader.ts";
import { embeddedFrames } from "./search.ts";

const textOf = (value: unknown) => typeof value === "string" ? value : "";

/** The frames of a run as rows that wait to be written. */
async function* rowsOf(run: string): AsyncGenerator<readonly [string, Uint8Array]> {
  const { name, config } = await readAbout(run);
  const { camera, settings } = Object(config) as Readonly<Record<string, unknown>>;
  const { model } = Object(settings) as Readonly<Record<string, unknown>>;
  const about = { run: name, camera: textOf(camera), model: textOf(model) };
  let isEmpty = true;
  for await (const { frame, timestamp, time, embedding } of embeddedFrames(run)) {
    isEmpty = false;
    const tensors = { embedding: tensor("F32", [embedding.length], embedding) };
    yield [
      `${name}/${frame}`,
      encodeRow({ tensors, fields: { ...about, frame, timestamp, time } }),
    ];
  }
  if (isEmpty) throw new ClipDriftError("bad-run", `Cannot export ${run}: found no embeddings`);
}

/**
 * Writes a row for each frame of a run whose embedding was kept, in bounded memory: `key` (run and
 * frame), `run`, `camera`, `model`, `frame`, `timestamp` (seconds since 1970), `time` (ISO 8601),
 * `embedding` and `embedding_shape`. The file has its name only when it is whole.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, a batch is not as it must be, or
 * there are no embeddings
 * @throws {TransportError} `part-missing` if the writer is not here and cannot be fetched
 */
export async function exportRun(run: string, path: string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeParquet(partial, rowsOf(run));
    await Deno.rename(partial, path);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw error;
  }
}
