/**
 * The command `video-vq`.
 *
 * @module
 */
import { runModelCommand } from "@vcs/onnx/internal";
import { print, UsageError } from "@vcs/transport/internal";

const HELP = `video-vq: video as tokens, 2,880 bytes for 17 frames

Usage:
  video-vq encode [options] <source> <channel>      frames to tokens, into a channel
  video-vq decode [options] <channel> <output>      tokens from a channel to frames
  video-vq roundtrip [options] <source> [output]    both in one process: quality and bitrate
  video-vq inspect [options] <folder or journal>    what is in a stream, taking nothing out of it
  video-vq page [options] [source]                  a page that shows both, live (page --help)
  video-vq list|pull|verify|rm|doctor               models: what is here, fetch, check, remove

Source:   a video file, a folder of pictures, - (raw RGB on stdin), http://camera/stream
Output:   clip.mp4, clip.webm, clip.rgb (raw RGB), - (raw RGB on stdout)
Channel:  tcp://host:7000  file:folder/  zmq+push://…  redis://…  amqp://…  nats://…
          (inspect: a journal, file:folder/ or zmq+sub://…; the others give each window once)

Model (all commands):
  --model <reference>      path or name of a checkpoint, or vq-tiny, which comes with this command
                           (open-magvit2-video if it is here, else vq-tiny)
  --device <name>          auto, cpu, cuda, cuda:N, webgpu (auto)
  --threads <n>  --precision <f32|f16>  --weights <ema|raw>
encode, roundtrip:
  --size <n|WxH>           of the frames that are coded (128)
  --fit <crop|pad|stretch>  --crop-seed <n>  --tail <pad|exact|drop>
  --payload <form>         packed, range, indices, indices64, quant, quant16 (packed)
  --key-every <n>          windows from key to key, with range (16; 1 with --stream-id)
  --raw-size <WxH>  --live  of raw frames; that they come at their own rate and do not wait
  --fps <n>                of raw frames, pictures, cameras (24)
  --capture-ring <n>       frames kept of a live source while the encoder is busy (34)
  --stream-id <hex>        the id of a stream that is sent again
decode:
  --play                   at a steady rate: --rate <fps>, --ring <34..51>, --jitter <s>
  --underrun <repeat|wait>  --journal <file>  --times <file>  --reorder <ms>  --force
encode, decode, roundtrip:
  --queue <2..4>  --policy <block|drop-oldest|drop-newest>  --secret <word>  --patience <s>
  --stats <file>           live statistics, a line of JSON each second
  --json                   the totals (inspect: the windows) as JSON on stdout
  -h, --help               this text
`;

type Run = (args: string[], signal: AbortSignal) => Promise<number>;

/** One file a command, loaded when it is used. */
const COMMANDS: Readonly<Record<string, () => Promise<Run>>> = {
  encode: async () => (await import("./encode.ts")).encode,
  decode: async () => (await import("./decode.ts")).decode,
  roundtrip: async () => (await import("./roundtrip.ts")).roundtrip,
  inspect: async () => (await import("./inspect.ts")).inspect,
  page: async () => (await import("../page/page.ts")).page,
};

/**
 * Runs the command.
 *
 * @param args what comes after the command's name
 * @param signal ends the stream cleanly: what is on its way is finished
 * @returns the exit code
 * @throws {UsageError} for wrong usage: exit code 2
 */
export async function main(args: string[], signal: AbortSignal): Promise<number> {
  const models = async () => (await import("../models.ts")).VIDEO_MODELS;
  const modelRun = await runModelCommand("video-vq", models, args, signal);
  if (modelRun !== undefined) return modelRun;
  // The page has a help of its own.
  if (args[0] !== "page" && (args.includes("--help") || args.includes("-h"))) {
    print(HELP.trimEnd());
    return 0;
  }
  const [name = "", ...rest] = args;
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    const found = name ? `unknown command ${name}` : "no command given";
    throw new UsageError(`${found}; commands are ${Object.keys(COMMANDS).join(", ")}`);
  }
  return await (await load())(rest, signal);
}
