/**
 * The command `clip-drift`.
 *
 * @module
 */
import { exportCommand, modelCommands } from "@vcs/onnx/internal";
import {
  type Command,
  command,
  defined,
  folder,
  type Invocation,
  optionalOperand,
  say,
  setupCommand,
  UsageError,
} from "@vcs/transport/internal";
import config from "../deno.json" with { type: "json" };
import { GIST_NAMES } from "../measures/gist_names.ts";
import { leaveSomething } from "../measures/regions.ts";
import { batch } from "./batch.ts";
import { CAMERA, EXPORT, VIEW, WATCH } from "./options.ts";
import { pastRuns } from "./past_runs.ts";
import { untilAbort } from "./terminal.ts";
import { ENCODER_MODELS } from "../vit/models.ts";

type NoOperands = Record<never, never>;

const VIEWED = {
  runs: optionalOperand(folder(), "where runs are kept, or a --publish channel. Default: runs"),
};

async function watch({ options, signal }: Invocation<typeof WATCH, NoOperands>): Promise<number> {
  if (options.stream.length === 0 && options.config === undefined) {
    throw new UsageError(
      "Cannot watch: found no stream, expected --stream SOURCE or --config FILE",
    );
  }
  for (const name of ["stream", "insecure"] as const) {
    if (options.config === undefined || options[name].length === 0) continue;
    throw new UsageError(`Cannot use --${name} with --config: the file says it of each camera`);
  }
  for (const name of ["listen", "token"] as const) {
    if (options.display || options[name] === undefined) continue;
    throw new UsageError(`Cannot use --${name} with --no-display: there is no page`);
  }
  if (!leaveSomething(options)) {
    throw new UsageError("Cannot use --roi and --mask: they leave nothing of the picture");
  }
  const { watchStreams } = await import("./watch_streams.ts");
  return await watchStreams(options, signal);
}

async function camera({ options, signal }: Invocation<typeof CAMERA, NoOperands>): Promise<void> {
  const { serveCamera } = await import("../camera/camera_server.ts");
  const { sceneFrames } = await import("../camera/scene.ts");
  const { host: hostname, port, token, fps, width, height, quality } = options;
  await (await import("@vcs/media/image")).prepareImages();
  const frame = sceneFrames(options);
  const config = { width, height, quality };
  await frame(0); // What is missing to draw one is reported now, not to a viewer.
  const settings = { hostname, port, frame, fps, config, ...defined({ token }) };
  await using server = await serveCamera(settings);
  say(`The camera is at ${server.url}`);
  await untilAbort(signal);
}

async function view(
  { options, operands, signal }: Invocation<typeof VIEW, typeof VIEWED>,
): Promise<void> {
  const { viewChannel, viewRuns } = await import("./view_runs.ts");
  const { isChannel } = await import("@vcs/transport/channel");
  const { runs } = operands;
  if (runs !== undefined && isChannel(runs)) return await viewChannel(runs, options, signal);
  await viewRuns(runs ?? "runs", options, signal);
}

/** The command `clip-drift`. */
export const clipDrift: Command = command({
  name: "clip-drift",
  version: config.version,
  about: "watch cameras and report when the scene changes",
  options: WATCH,
  run: watch,
  commands: [
    command({
      name: "camera",
      about: "serve a simulated camera to try the watch with",
      options: CAMERA,
      run: camera,
    }),
    command({
      name: "view",
      about: "look at past runs, or at what --publish sends over a channel",
      options: VIEW,
      operands: VIEWED,
      run: view,
    }),
    ...pastRuns,
    ...batch,
    ...modelCommands(ENCODER_MODELS),
    exportCommand(ENCODER_MODELS, {
      names: GIST_NAMES,
      options: EXPORT,
      open: async (...args) => await (await import("./export.ts")).openGraphs(...args),
    }),
    setupCommand(async () => (await import("./needs.ts")).NEEDS),
  ],
});
