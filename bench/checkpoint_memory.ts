/**
 * Opens a synthetic checkpoint of 3 GB, reads one tensor of it, and prints as JSON how many bytes
 * were read from the file and by how much the process grew.
 */
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import {
  checkpointFile,
  op,
  rebuilt,
  storage,
} from "../packages/onnx/testdata/checkpoint_cases.ts";
import { writeSparseCheckpoint } from "../packages/onnx/testdata/sparse_checkpoint.ts";

const path = await Deno.makeTempFile();
try {
  await writeSparseCheckpoint(path, 280, 2_700_000);
  // A first one, so that the code's own memory is not counted.
  const tree = op.dict(op.text("w"), rebuilt(storage("FloatStorage", "0", 1), 0, [1], [1]));
  using warmUp = await openCheckpoint(await checkpointFile(tree, { "data/0": new Uint8Array(4) }));
  await warmUp.read("w");
  const before = Deno.memoryUsage().rss;
  using checkpoint = await openCheckpoint(path);
  const opened = { bytesRead: checkpoint.bytesRead, grew: Deno.memoryUsage().rss - before };
  const t = await checkpoint.read("layer.140.weight");
  const read = {
    tensorBytes: t.data.byteLength,
    bytesRead: checkpoint.bytesRead - opened.bytesRead,
    grew: Deno.memoryUsage().rss - before,
  };
  const { size } = await Deno.stat(path);
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify({ size, opened, read })}\n`));
} finally {
  await Deno.remove(path);
}
