/**
 * `patch-stream rtsp://…`: a live source in, files with the patches of each window out.
 *
 * @module
 */
import { ProgressLine, say, UsageError } from "@vcs/transport/internal";
import type { LiveEvent } from "@vcs/media";
import { shownSource } from "@vcs/media/internal";
import { distinctStems } from "../output/video_name.ts";
import { finish, type Request } from "./request.ts";

/** Says that the source went away, or is back. */
function sayConnection(event: LiveEvent): void {
  if (event.type === "connected") return say(`connected to ${event.url}`);
  const { error, retryIn } = event;
  say(
    retryIn === undefined ? error.message : `${error.message}; next try in ${retryIn.toFixed(1)} s`,
  );
}

/** Refuses what needs a file. */
function checkLive({ config, view }: Request): void {
  const given = { view: view || undefined, from: config.from, to: config.to };
  const unfit = Object.entries(given).find(([, value]) => value !== undefined);
  if (unfit !== undefined) {
    throw new UsageError(`Cannot use --${unfit[0]} with a live source: it can be read only once`);
  }
  if (config.energy === "codec") {
    throw new UsageError(
      "Cannot use --energy codec with a live source: expected blocksad or reference",
    );
  }
}

/**
 * Writes the patches of one window after the other; the files of each end with its number.
 *
 * @throws {UsageError} for options that need a file
 */
export async function streamLive(
  request: Request,
  windows: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  checkLive(request);
  const [videoPath] = request.videos as [string];
  const { from: _from, to: _to, energy, ...config } = request.config;
  const { patchStreamLive } = await import("../process/stream_live.ts");
  const shown = shownSource(videoPath);
  const [stem] = distinctStems([shown]) as [string];
  let dropped = 0;
  const sessions = patchStreamLive({
    ...config,
    ...(energy !== undefined && energy !== "codec" && { energy }),
    ...(windows !== undefined && { windows }),
    ...{ videoPath, signal, onEvent: sayConnection, onDrop: () => dropped++ },
  });
  using progress = new ProgressLine();
  let number = 0;
  for await (const session of sessions) {
    using _ = session;
    const name = `${stem}-${String(number++).padStart(6, "0")}`;
    await finish({ ...request, videos: [shown], names: [name] }, 0, session.collect(), progress);
  }
  if (dropped > 0) say(`${dropped} frames gave way to later ones`);
}
