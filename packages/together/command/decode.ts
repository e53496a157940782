/**
 * `together decode`: a film from a channel, into a video file with its sound, or live onto a page.
 *
 * @module
 */
import {
  CHANNEL_OPTIONS,
  channelOptions,
  type Command,
  command,
  defined,
  file,
  flag,
  group,
  ignoreAbort,
  type Invocation,
  option,
  type OptionValues,
  print,
  ProgressLine,
  say,
  shownUrl,
  text,
  UsageError,
  whole,
} from "@vcs/transport/internal";
import type { FilmOutput, FilmReceiveStatistics } from "../film/film_receiver.ts";
import { CHANNEL_OPERAND, DEVICE, JSON_TOTALS } from "./options.ts";

const OPERANDS = { channel: CHANNEL_OPERAND };

const OPTIONS = {
  output: option(file(), { help: "where to write: film.mp4 or film.webm", short: "o" }),
  page: flag({ help: "show and play it on a page, live" }),
  device: DEVICE,
  json: JSON_TOTALS,
  ...group("Page", {
    port: option(whole({ min: 0, max: 65535 }), { help: "port of the page", default: 8416 }),
    host: option(text("ADDRESS"), {
      help: "address to listen on; beyond this machine a token is needed",
      default: "127.0.0.1",
    }),
    token: option(text(), {
      help: "what viewers must know",
      defaultText: "random beyond this machine",
      env: "VCS_TOKEN",
      isSecret: true,
    }),
  }),
  ...group("Channel", CHANNEL_OPTIONS),
};

/** The subcommand `decode`. */
export const decode: Command = command({
  name: "decode",
  about: "a film from a channel, into a video file with its sound, or live onto a page",
  operands: OPERANDS,
  options: OPTIONS,
  run,
});

/** Where a film goes. */
interface Opened extends AsyncDisposable {
  readonly output: FilmOutput;
  readonly name: string;
  /** Completes it. */
  finish(): Promise<void>;
}

async function run(
  { options, operands, signal }: Invocation<typeof OPTIONS, typeof OPERANDS>,
): Promise<number> {
  if ((options.output === undefined) === !options.page) {
    throw new UsageError("Cannot decode: expected either -o FILE or --page");
  }
  const [{ openDecoder, RECEIVER_CAPABILITIES }, { openReceiver }, { FilmReceiver }] = await Promise
    .all([
      import("@vcs/video-vq"),
      import("@vcs/transport/channel"),
      import("../film/film_receiver.ts"),
    ]);
  const { device } = options;
  using decoder = await openDecoder(undefined, { device, signal });
  await using opened = await openOutput(options, signal);
  await using channel = await openReceiver(operands.channel, {
    ...channelOptions(options),
    capabilities: RECEIVER_CAPABILITIES,
  });
  say(`${shownUrl(channel.url)} → ${decoder.description} → ${opened.name}`);
  const codec = { device };
  const receiver = new FilmReceiver(channel, decoder, { onEvent: say, codec, signal });
  using progress = new ProgressLine();
  const timer = setInterval(() => progress.update(lineOf(receiver.statistics)), 250);
  try {
    await receiver.run(opened.output).catch(ignoreAbort(signal));
  } finally {
    clearInterval(timer);
    progress[Symbol.dispose]();
    await opened.finish();
    say(lineOf(receiver.statistics));
    if (options.json) print(JSON.stringify(receiver.statistics));
  }
  const { decoded, damaged } = receiver.statistics.video;
  return decoded === 0 && damaged > 0 ? 1 : 0;
}

async function openOutput(
  { output, port, host: hostname, token }: OptionValues<typeof OPTIONS>,
  signal: AbortSignal,
): Promise<Opened> {
  if (output !== undefined) {
    const { FilmFile } = await import("../film/film_file.ts");
    const film = await FilmFile.open(output);
    const finish = () => film.close();
    return { output: film, name: output, finish, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const { FilmPage } = await import("../page/film_page.ts");
  const page = await FilmPage.open({ ...{ port, hostname, signal }, ...defined({ token }) });
  say(`The page is at ${page.url}`);
  const finish = () => page.played();
  return {
    output: page,
    name: "the page",
    finish,
    [Symbol.asyncDispose]: () => page[Symbol.asyncDispose](),
  };
}

function lineOf({ video, sound }: FilmReceiveStatistics): string {
  const lost = sound ? `${sound.lost} lost (${sound.lostSeconds.toFixed(1)} s)` : "none";
  return `${video.decoded} windows of pictures, ${video.missingCount} missing; ` +
    `${sound?.received ?? 0} blocks of sound, ${lost}`;
}
