// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Sends a film with its sound to another machine, or receives one, and says how far apart pictures
 * and sound end:
 *
 *     deno run -A examples/together.ts receive tcp://0.0.0.0:7000 copy.mp4
 *     deno run -A examples/together.ts send film.mp4 tcp://HOST:7000
 */
import {
  FilmFile,
  type FilmOutput,
  FilmReceiver,
  FilmSender,
  openFilm,
  openSoundEncoder,
} from "@vcs/together";
import { openReceiver, openSender } from "@vcs/transport";
import { openDecoder, openEncoder } from "@vcs/video-vq";

const SIZE = { width: 128, height: 128 };
const MODEL = "vq-tiny";

async function send(path: string, url: string): Promise<void> {
  using video = await openEncoder(MODEL);
  using sound = await openSoundEncoder(6);
  await using film = await openFilm(path, sound.spec);
  await using channel = await openSender(url);
  const sender = new FilmSender(film, channel, { video, sound }, { ...SIZE, fit: "pad" });
  await sender.run();
  const { video: windows, sound: blocks } = sender.statistics;
  console.log(`sent ${windows.sent} windows and ${blocks?.sent ?? 0} blocks of sound`);
}

async function receive(url: string, path: string): Promise<void> {
  using decoder = await openDecoder(MODEL);
  await using channel = await openReceiver(url);
  const file = await FilmFile.open(path);
  let [seen, heard] = [0, 0];
  const output: FilmOutput = {
    begin: (hasSound) => file.begin(hasSound),
    frame(frame, second) {
      seen = second + frame.duration;
      return file.frame(frame, second);
    },
    sound(samples, second) {
      heard = second + samples[0]!.length / 48_000;
      return file.sound(samples, second);
    },
  };
  await new FilmReceiver(channel, decoder).run(output);
  await file.close();
  console.log(`${path}: ${seen.toFixed(2)} s of pictures, ${heard.toFixed(2)} s of sound`);
}

const [job, from = "film.mp4", to = "tcp://127.0.0.1:7000"] = Deno.args;
if (job === "receive") await receive(from, to);
else await send(from, to);
