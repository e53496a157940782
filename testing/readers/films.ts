/** Readers of together. */
import { memoryChannel } from "@vcs/transport/channel";
import { decodeMessage, encodeMessage, message } from "@vcs/transport/message";
import { type FilmOutput, FilmReceiver, openFilm, openPatchEmbedder } from "@vcs/together";
import { openDecoder } from "@vcs/video-vq";
import { type Track, wrapped } from "../../packages/together/film/tracks.ts";
import { writeVit } from "../../packages/together/patches/testdata/vits.ts";
import { largeWindow, ODD } from "./codecs.ts";
import { mjpeg8k, silence, vp8 } from "./media_files.ts";
import { drain, type File, type Reader } from "./reader.ts";
import { BOMBS } from "./tensors.ts";

/** The only message of a film, of a window or block. */
const film = (track: Track, payload: File): File => async () => {
  const fields = { key: true, end: true, streamId: "00000000000000aa" };
  const inner = message(await payload() as Uint8Array<ArrayBuffer>, fields);
  return encodeMessage(wrapped({ track, hasSound: track === "sound", message: inner }));
};

const NOWHERE: FilmOutput = {
  begin: () => {},
  frame: () => Promise.resolve(),
  sound: () => Promise.resolve(),
};

let tinyVideo: ReturnType<typeof openDecoder> | undefined;

/** Receives a film of one message. */
async function receive(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  tinyVideo ??= openDecoder("vq-tiny", { device: "cpu", threads: 1 });
  const { sender, receiver: channel } = memoryChannel(1);
  const receiver = new FilmReceiver(channel, await tinyVideo, { force: true });
  await Promise.all([sender.send(decodeMessage(bytes)), receiver.run(NOWHERE)]);
  const { damaged } = receiver.statistics.video;
  if (damaged > 0) throw Object.assign(new Error("damaged"), { code: "damaged" });
}

async function vit(): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  try {
    return await Deno.readFile(await writeVit(folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Readers of this kind. */
export const READERS: readonly Reader[] = [
  {
    name: "FilmReceiver",
    // As VideoReceiver.
    work: 150,
    read: receive,
    hostile: {
      ...Object.fromEntries(Object.entries(ODD).map(([name, make]) => [name, film("video", make)])),
      "sound that is none": film("sound", () => new Uint8Array(8 << 20).fill(255)),
    },
    ends: /^(damaged|read)$/,
    honest: film("video", () => largeWindow(32)),
    out: 17 * 256 * 256 * 3 / 2 ** 20,
  },
  {
    name: "openFilm",
    async read(_, path) {
      await using film = await openFilm(path, { sampleRate: 24_000, channels: 1 });
      await drain(film.video.frames);
      if (film.sound) await drain(film.sound);
    },
    hostile: {
      "a large video": () => vp8(16_383, 16_383, 20),
      "no pictures, but much silence": () => silence(15_000),
    },
    ends: /^(limit|no-video-stream)$/,
    honest: () => mjpeg8k(2),
    out: 100,
  },
  {
    name: "openPatchEmbedder",
    async read(_, path) {
      using _embedder = await openPatchEmbedder(path, { device: "cpu", cache: `${path}.cache` });
    },
    budget: 128,
    hostile: { dictionaries: BOMBS.dictionaries },
    isApart: true,
    honest: vit,
    out: 0,
  },
];
