/**
 * What takes two of the packages: they never import each other, and are joined here.
 *
 * - {@linkcode FilmSender} and {@linkcode FilmReceiver}: pictures as tokens and sound as codes, in
 *   one stream of one channel, on one clock
 * - {@linkcode openPatchEmbedder}: kept patches through a vision transformer, with their positions;
 *   {@linkcode compareShares}: how much of a picture's embedding they make
 *
 * @module
 */
export {
  type Film,
  type FilmSource,
  type FilmSourceOptions,
  openFilm,
} from "./film/film_source.ts";
export {
  type FilmEncoders,
  FilmSender,
  type FilmSendOptions,
  type FilmSendStatistics,
} from "./film/film_sender.ts";
export {
  type FilmOutput,
  type FilmReceiveOptions,
  FilmReceiver,
  type FilmReceiveStatistics,
} from "./film/film_receiver.ts";
export { FilmFile } from "./film/film_file.ts";
export { openSoundEncoder } from "./film/sound_encoder.ts";
export type { TrackReceiver, TrackSender } from "./film/tracks.ts";
export {
  openPatchEmbedder,
  PatchEmbedder,
  type PatchEmbedderOptions,
  type PatchGrid,
} from "./patches/embedder.ts";
export {
  compareShares,
  type Cosines,
  type ShareComparison,
  type ShareOptions,
  type ShareResult,
  SHARES,
} from "./patches/shares.ts";
export type { Vit } from "./patches/vit.ts";

if (import.meta.main) {
  const [{ runCommand }, { together }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(together);
}
