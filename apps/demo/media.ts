/**
 * The media that the demo runs on. Both are made here: `make_clip.ts` and `make_speech.ts`. Like
 * weights, they are read in place from a folder, and fetched once where the demo came from a
 * registry.
 *
 * @module
 */
import { ModelCatalog, packageFile } from "@vcs/onnx/store";

const CLIP = packageFile(
  new URL("./clip.mp4", import.meta.url),
  "c1142404707d08274b2c0d0738c71a9f2b32e6ed36498626696f123a1880aa05",
  118_642,
);
const SPEECH = packageFile(
  new URL("./speech.flac", import.meta.url),
  "678ff78e06c7114660e708d5e6517e841c7679fcfca4e889f3862d56e4b1a66a",
  126_462,
);

/** Both by name. */
export const DEMO_MEDIA: ModelCatalog = new ModelCatalog([
  { name: "the demo's film", aliases: [], about: "A film", bytes: 118_642, files: [CLIP] },
  { name: "the demo's speech", aliases: [], about: "A sentence", bytes: 126_462, files: [SPEECH] },
]);

/** Path of a film of six seconds, 640×360. */
export async function clipPath(): Promise<string> {
  return await DEMO_MEDIA.resolve("the demo's film");
}

/** Path of a spoken sentence, 24 kHz, one channel. */
export async function speechPath(): Promise<string> {
  return await DEMO_MEDIA.resolve("the demo's speech");
}
