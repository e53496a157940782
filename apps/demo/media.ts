/**
 * The media that the demo runs on. Both are made here: `make_clip.ts` and `make_speech.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** A film of six seconds, 640×360. */
export const CLIP: string = fileURLToPath(new URL("./clip.mp4", import.meta.url));

/** A spoken sentence, 24 kHz, one channel. */
export const SPEECH: string = fileURLToPath(new URL("./speech.flac", import.meta.url));
