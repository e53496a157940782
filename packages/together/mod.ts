/**
 * What takes two of the packages: they never import each other, and are joined here.
 *
 * - {@linkcode FilmSender} and {@linkcode FilmReceiver}: pictures as tokens and sound as codes, in
 *   one stream of one channel, on one clock
 *
 * @module
 */
export { type FilmSource, type FilmSourceOptions, openFilm } from "./film/film_source.ts";
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
if (import.meta.main) {
  const [{ runCommand }, { together }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(together);
}
