/**
 * Writes patches to a file that other programs read.
 *
 * @module
 */
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { PatchStreamResult } from "../session.ts";

export type { PatchStreamResult };

/** Formats that patches can be saved in. */
export type SaveFormat = "safetensors" | "npz";

/** The tensors of a result that go into a file. */
function tensorsOf(result: PatchStreamResult): Record<string, Tensor> {
  const { patches, fields, scores, scoreMap } = result;
  return { patches, fields, scores, score_map: scoreMap };
}

/** What goes into a file beside the tensors, as text. */
function metadataOf(result: PatchStreamResult): Record<string, string> {
  const { sampledFrameIds, pts, fps, durationSec, width, height, grid } = result;
  return {
    format: "patch-stream",
    fields: "seq_pos,frame_id,is_i,patch_linear_idx,patch_h_idx,patch_w_idx",
    sampled_frame_ids: JSON.stringify(sampledFrameIds),
    pts: JSON.stringify(pts),
    fps: String(fps),
    duration_sec: String(durationSec),
    video_size: `${width}x${height}`,
    target_size: `${grid.targetW}x${grid.targetH}`,
    grid: `${grid.gridW}x${grid.gridH}`,
    patch_size: String(grid.patchSize),
  };
}

/**
 * Encodes patches, fields, scores and the score map. In `safetensors` the description of the
 * video goes along as metadata; in `npz` there are `frame_ids` and `pts` of the sampled frames, and
 * bfloat16, for which it has no place, becomes float32.
 */
export async function encodeResult(
  result: PatchStreamResult,
  format: SaveFormat,
): Promise<Uint8Array> {
  if (format === "safetensors") return encodeSafetensors(tensorsOf(result), metadataOf(result));
  const [{ encodeNpz }, { convertTensor }] = await Promise.all([
    import("@vcs/transport/npz"),
    import("@vcs/transport"),
  ]);
  const { patches, ...others } = tensorsOf(result);
  const readable = patches!.dtype === "BF16"
    ? convertTensor(patches as Tensor<"BF16">, "F32")
    : patches!;
  const frame_ids = tensor("I64", [result.sampledFrameIds.length]);
  frame_ids.data.set(result.sampledFrameIds.map(BigInt));
  const pts = tensor("F64", [result.pts.length], Float64Array.from(result.pts));
  return encodeNpz({ patches: readable, ...others, frame_ids, pts });
}
