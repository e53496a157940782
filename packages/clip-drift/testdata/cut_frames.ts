/**
 * Frames of a simulated camera whose scene changes when a test says so, not at a time: by then a
 * watch that starts slowly might not have seen the scene before.
 *
 * @module
 */
import { encodeJpeg } from "@vcs/media/image";
import { drawScene } from "../camera/scene.ts";

/** The quay until `isCut` says otherwise, then the hall. */
export function cutFrames(
  isCut: () => boolean,
  size: { width: number; height: number },
): (index: number) => Promise<Uint8Array> {
  return async (index) => {
    const scene = drawScene(isCut() ? "hall" : "quay", index / 12, size.width, size.height);
    return await encodeJpeg({ ...scene, data: new Uint8Array(scene.data) }, { quality: 80 });
  };
}
