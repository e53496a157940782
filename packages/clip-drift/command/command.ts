/**
 * The command `clip-drift`.
 *
 * @module
 */
import { runModelCommand } from "@vcs/onnx/internal";
import { say, UsageError } from "@vcs/transport/internal";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type AlertRule, parseRule } from "../alerts.ts";
import type { WatchFlags } from "./flags.ts";
import { type Environment, readEnvironment } from "./settings.ts";

export type { WatchFlags };

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function quality(text: string): number {
  const value = whole(text);
  if (value < 1 || value > 100) throw new InvalidArgumentError("It must be from 1 to 100.");
  return value;
}

function pixels(text: string): number {
  const value = whole(text);
  if (value < 1 || value > 8192) throw new InvalidArgumentError("It must be from 1 to 8192.");
  return value;
}

function secret(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

const collect = (text: string, all: string[] = []) => [...all, text];

function rule(text: string, all: AlertRule[] = []): AlertRule[] {
  try {
    return [...all, parseRule(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as SyntaxError).message);
  }
}

/** Writes where Deno writes, and ends by an error instead of the process. */
function quiet(command: Command): Command {
  const write = (stream: { writeSync(bytes: Uint8Array): number }) => (text: string) =>
    void stream.writeSync(new TextEncoder().encode(text));
  return command.exitOverride().configureOutput({
    writeOut: write(Deno.stdout),
    // What is wrong is told once, by runMain.
    writeErr: () => {},
  });
}

function watchCommand(run: (flags: WatchFlags) => Promise<void>): Command {
  return quiet(new Command("clip-drift"))
    .description("Watch cameras and know when the scene changes.")
    .option(
      "-s, --stream <source>",
      "camera URL, folder, MJPEG, video or -; may repeat",
      collect,
    )
    .option("--no-display", "no page: a text meter in the terminal")
    .option("--no-plot", "no plot on the page")
    .option("--no-save", "write nothing")
    .option("--test", "connect, read, embed one frame; the exit code says")
    .option("--model <name>", "ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336 or gist")
    .option("--pretrained <tag>", "tag or file of the weights")
    .option("--device <name>", "auto, cpu, cuda[:n] or webgpu")
    .addOption(
      new Option("--precision <type>", "arithmetic of CLIP").choices(["fp32", "fp16", "int8"])
        .default("fp32"),
    )
    .addOption(
      new Option("--activation <type>", "other than trained").choices(["quick_gelu", "gelu"]),
    )
    .option("--labels <list>", 'say which fits best: "empty dock, truck at dock"')
    .option("--reference <what>", "first:10, frame:25, or a picture's path")
    .option("--alert <rule>", 'e.g. "moved: reference > 0.3 for 2s"; may repeat', rule)
    .option("--webhook <url>", "POST alerts there; may repeat", collect)
    .option("--exec <command>", "run it with the alert on stdin; may repeat", collect)
    .option("--runs <folder>", "where runs are kept", "runs")
    .option("--listen <address>", "where the page is served", "127.0.0.1:0")
    .option(
      "--token <secret>",
      "what viewers must know; beyond loopback a random one by default",
      secret,
    )
    .addOption(new Option("--policy <name>", "which frames to take").choices(["latest", "all"]))
    .option("--max-fps <n>", "the most frames in a second", positive)
    .option("--retries <n>", "failed attempts before giving up; endless by default", whole)
    .addHelpText("after", HELP)
    .action(run);
}

const HELP = `
clip-drift camera        serve a made-up camera to try it with (camera --help)
clip-drift view [folder] look at runs of before
clip-drift list|pull|verify|rm|doctor  models: what is here, fetch, check, remove
Environment: ENCODERS_DEVICE, _MODEL, _PRETRAINED, _SNAPSHOT_INTERVAL (30 s), _EMBEDDING_INTERVAL
(100 frames), _ROLLING_WINDOW (300 frames), _RECONNECT_DELAY (2 s), _FRAME_TIMEOUT (10 s)`;

/** Flags of the made-up camera. */
interface CameraFlags {
  host: string;
  port: number;
  fps: number;
  width: number;
  height: number;
  quality: number;
  cut?: number;
}

function cameraCommand(signal: AbortSignal): Command {
  const from = (name: string, fallback: number) => Number(Deno.env.get(name)) || fallback;
  return quiet(new Command("camera"))
    .description("Serve a made-up camera.")
    .option("--host <address>", "address", Deno.env.get("PISOURCE_HOST") ?? "127.0.0.1")
    .option("--port <n>", "port", whole, from("PISOURCE_PORT", 8000))
    .option("--fps <n>", "frames in a second", positive, from("PISOURCE_FPS", 15))
    .option("--width <n>", "pixels in a row", pixels, from("PISOURCE_WIDTH", 640))
    .option("--height <n>", "rows", pixels, from("PISOURCE_HEIGHT", 480))
    .option("--quality <n>", "JPEG quality", quality, from("PISOURCE_QUALITY", 80))
    .option("--cut <seconds>", "show another place every so many seconds", positive)
    .action(async ({ host, port, cut, ...config }: CameraFlags) => {
      const { serveCamera } = await import("../camera/camera_server.ts");
      const { scenePictures } = await import("../camera/scene.ts");
      const picture = scenePictures({ ...config, ...(cut === undefined ? {} : { cut }) });
      await using server = serveCamera({ hostname: host, port, picture, config, fps: config.fps });
      say(`The camera is at ${server.url}`);
      await aborted(signal);
    });
}

function viewCommand(signal: AbortSignal): Command {
  return quiet(new Command("view"))
    .description("Look at runs of before.")
    .argument("[folder]", "where runs are kept", "runs")
    .option("--listen <address>", "where the page is served", "127.0.0.1:0")
    .option(
      "--token <secret>",
      "what viewers must know; beyond loopback a random one by default",
      secret,
    )
    .action(async (folder: string, flags: { listen: string; token?: string }) => {
      const { viewRuns } = await import("./watch.ts");
      await viewRuns(folder, flags, signal);
    });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

/** Finds the command that the arguments ask for. */
function choose(
  args: readonly string[],
  signal: AbortSignal,
  env: Environment,
  done: (code: number) => void,
): readonly [Command, readonly string[]] {
  if (args[0] === "camera") return [cameraCommand(signal), args.slice(1)];
  if (args[0] === "view") return [viewCommand(signal), args.slice(1)];
  const watch = watchCommand(async (flags) => {
    const { stream } = flags;
    if (stream === undefined) throw new UsageError("give --stream with what to watch");
    const { watchStreams } = await import("./watch.ts");
    done(await watchStreams({ ...flags, stream }, env, signal));
  });
  return [watch, args];
}

/**
 * Runs the command.
 *
 * @returns the exit code
 * @throws {UsageError} where the arguments are wrong
 */
export async function main(args: string[], signal: AbortSignal): Promise<number> {
  const models = async () => (await import("../clip/models.ts")).CLIP_MODELS;
  const modelRun = await runModelCommand("clip-drift", models, args, signal);
  if (modelRun !== undefined) return modelRun;
  const env = readEnvironment((name) => Deno.env.get(name), say);
  let code = 0;
  const [command, rest] = choose(args, signal, env, (result) => code = result);
  try {
    await command.parseAsync([...rest], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw new UsageError(error.message.replace(/^error: /, ""));
  }
  return code;
}
