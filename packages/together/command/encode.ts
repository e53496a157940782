/**
 * `together encode`: a film's pictures and sound, as tokens and codes, into one channel.
 *
 * @module
 */
import { POLICIES } from "@vcs/transport/portable";
import {
  CHANNEL_OPTIONS,
  channelOptions,
  choice,
  type Command,
  command,
  defined,
  fileOrUrl,
  flag,
  graceful,
  group,
  type Invocation,
  number,
  operand,
  option,
  print,
  ProgressLine,
  say,
  shownUrl,
  type ValueKind,
  whole,
} from "@vcs/transport/internal";
import type { FilmSendStatistics } from "../film/film_sender.ts";
import { CHANNEL_OPERAND, DEVICE, JSON_TOTALS } from "./options.ts";

const OPERANDS = {
  film: operand(fileOrUrl("FILM"), "a video file, a folder of images or a camera's URL"),
  channel: CHANNEL_OPERAND,
};

const WHOLE = whole({ min: 8, max: 1024 });

/** Width and height that the networks take. */
const SIDE: ValueKind<number> = {
  ...WHOLE,
  allowed: "multiples of 8 from 8 to 1024",
  parse: (text) => [WHOLE.parse(text)].find((side) => side !== undefined && side % 8 === 0),
};

const OPTIONS = {
  sound: option(fileOrUrl("FILE"), { help: "where its sound is", defaultText: "in FILM" }),
  mute: flag({ help: "send pictures alone" }),
  size: option(SIDE, {
    help: "width and height of the frames that are coded",
    default: 128,
  }),
  fit: option(choice(["crop", "pad", "stretch"]), {
    help: "how frames are made to fit that size",
    default: "pad",
  }),
  payload: option(choice(["packed", "range"]), {
    help: "how tokens are written: range is smaller, and a lost window costs those after it",
    default: "packed",
  }),
  bitrate: option(number({ min: 0.75, max: 24, placeholder: "KBPS" }), {
    help: "most of the sound's codes, in kbit/s",
    default: 6,
  }),
  lowLatency: flag({ help: "send sound in blocks of 0.1 s, not of 1 s" }),
  realtime: flag({ help: "read a file no faster than it plays" }),
  policy: option(choice(POLICIES), { help: "what full send queues do", default: "block" }),
  device: DEVICE,
  json: JSON_TOTALS,
  ...group("Channel", CHANNEL_OPTIONS),
};

/** The subcommand `encode`. */
export const encode: Command = command({
  name: "encode",
  about: "a film's pictures and sound, as tokens and codes, into one channel",
  operands: OPERANDS,
  options: OPTIONS,
  run,
});

async function run(
  { options, operands, signal: stop }: Invocation<typeof OPTIONS, typeof OPERANDS>,
): Promise<void> {
  const { size, device, bitrate, fit, payload, lowLatency, realtime, policy } = options;
  const [{ openEncoder }, { openSender }, { openFilm }, { FilmSender }, { openSoundEncoder }] =
    await Promise.all([
      import("@vcs/video-vq"),
      import("@vcs/transport/channel"),
      import("../film/film_source.ts"),
      import("../film/film_sender.ts"),
      import("../film/sound_encoder.ts"),
    ]);
  using sound = await openSoundEncoder(bitrate, { device });
  const sides = { width: size, height: size };
  using video = await openEncoder(undefined, {
    device,
    signal: stop,
    size: { frames: 17, ...sides },
  });
  const from = options.mute ? { sound: false as const } : defined({ sound: options.sound });
  await using film = await openFilm(operands.film, {
    ...{ sampleRate: sound.spec.sampleRate, channels: sound.spec.channels, stop },
    ...from,
  });
  const signal = graceful(stop);
  await using channel = await openSender(operands.channel, { ...channelOptions(options), signal });
  const heard = film.sound ? sound.spec.name : "no sound";
  say(`${film.video.description} → ${video.description}, ${heard} → ${shownUrl(channel.url)}`);
  const sender = new FilmSender(film, channel, { video, sound }, {
    ...sides,
    ...{ fit, payload, lowLatency, realtime, policy, stop, signal },
    ...(film.video.live && { captureRing: 34 }),
  });
  using progress = new ProgressLine();
  const timer = setInterval(() => progress.update(lineOf(sender.statistics)), 250);
  try {
    await sender.run();
  } finally {
    clearInterval(timer);
    progress[Symbol.dispose]();
    say(lineOf(sender.statistics));
    if (options.json) print(JSON.stringify(sender.statistics));
  }
}

function lineOf({ video, sound }: FilmSendStatistics): string {
  const dropped = video.droppedCount + (sound?.dropped ?? 0);
  const bytes = video.bytes + (sound?.bytes ?? 0);
  return `sent ${video.sent} windows of pictures, ${sound?.sent ?? 0} blocks of sound, ` +
    `${dropped} dropped, ${bytes} bytes`;
}
