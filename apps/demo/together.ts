/**
 * The demo's step for `@vcs/together`: the film, with the sentence as its sound, goes from one process
 * to another over TCP, and becomes one file.
 *
 * @module
 */
import { VideoReader } from "@vcs/media/video_reader";
import { freePort } from "@vcs/transport/internal";
import { join } from "node:path";
import { interrupt, outputOf, startCommand } from "./commands.ts";
import { clipPath, speechPath } from "./media.ts";

/** What the step measured. */
export interface TogetherRun {
  /** The film as it was received, relative to the demo's folder. */
  readonly film: string;
  /** Its size. */
  readonly width: number;
  /** Its size. */
  readonly height: number;
  /** Its seconds. */
  readonly seconds: number;
  /** Windows of pictures. */
  readonly windows: number;
  /** Blocks of sound. */
  readonly blocks: number;
  /** Bytes of the pictures' tokens. */
  readonly pictureBytes: number;
  /** Bytes of the sound's codes. */
  readonly soundBytes: number;
  /** Bits a second of both. */
  readonly bitrate: number;
}

/** What the sending command reports, as far as the page needs it. */
interface Sent {
  readonly video: { readonly sent: number; readonly bytes: number };
  readonly sound: { readonly sent: number; readonly bytes: number };
}

/** Sends the film from one process to another, which leaves it in a file. */
async function transmit(path: string): Promise<Sent> {
  const url = `tcp://127.0.0.1:${freePort()}`;
  const receiver = startCommand("together", ["decode", url, "-o", path]);
  const sound = ["--sound", await speechPath(), "--payload", "range"];
  const sender = startCommand("together", ["encode", ...sound, "--json", await clipPath(), url]);
  try {
    const [report] = await Promise.all([
      outputOf("together encode", sender),
      outputOf("together decode", receiver),
    ]);
    return JSON.parse(report);
  } finally {
    interrupt(sender);
    interrupt(receiver);
  }
}

/** Sends the film with its sound to another process. */
export async function runTogether(folder: string): Promise<TogetherRun> {
  await Deno.mkdir(join(folder, "together"), { recursive: true });
  const film = "together/film.mp4";
  const { video, sound } = await transmit(join(folder, film));
  await using copy = await VideoReader.open(join(folder, film));
  const { width, height, duration: seconds } = copy.info;
  return {
    ...{ film, width, height, seconds },
    windows: video.sent,
    blocks: sound.sent,
    pictureBytes: video.bytes,
    soundBytes: sound.bytes,
    bitrate: (video.bytes + sound.bytes) * 8 / seconds,
  };
}
