/**
 * `patch-stream <video…>`: videos in, files with patches out.
 *
 * @module
 */
import { print, ProgressLine, say, UsageError } from "@vcs/transport/internal";
import { join } from "node:path";
import { type CommandLine, readCommandLine } from "./flags.ts";
import { type PatchStreamConfig, REFERENCE } from "../config.ts";
import { resolvePatchConfig } from "../config/fields.ts";
import type { SaveFormat } from "../output/save.ts";
import type { PatchStreamResult } from "../session.ts";
import { distinctStems } from "../output/video_name.ts";

const FLAGS = {
  "out-dir": { short: "o", shape: "folder" },
  format: { shape: "safetensors|npz|none" },
  view: {},
  json: {},
  concurrency: { shape: "n" },
  reference: {},
} as const;

const FORMATS = ["safetensors", "npz", "none"] as const;

/** What the command line asks for. */
interface Request {
  readonly videos: readonly string[];
  /** Name of each video's files, without extension; no two are the same. */
  readonly names: readonly string[];
  readonly config: Omit<PatchStreamConfig, "videoPath">;
  readonly folder: string;
  readonly format: SaveFormat | "none";
  readonly view: boolean;
  readonly json: boolean;
  readonly concurrency: number;
}

/** Runs the command; see {@linkcode main}. */
export async function stream(args: string[], signal: AbortSignal): Promise<number> {
  const request = readRequest(readCommandLine(args, FLAGS));
  const { patchStreamAll } = await import("../patch_stream_all.ts");
  await Deno.mkdir(request.folder, { recursive: true });
  using progress = new ProgressLine();
  let failed = 0;
  const { videos, concurrency } = request;
  const config = {
    ...request.config,
    concurrency,
    signal,
    profile: request.json || request.config.profile === true,
    onProgress: (done: number, all: number) =>
      progress.update(
        concurrency === 1 ? `decoded ${done} of ${all} frames` : "working on several videos",
      ),
  };
  for await (const { index, session, error } of patchStreamAll(videos, config)) {
    const name = videos[index]!;
    if (session) {
      using _ = session;
      await finish(request, index, session.collect(), progress);
    } else {
      signal.throwIfAborted();
      progress[Symbol.dispose]();
      failed++;
      say(`patch-stream: ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return failed > 0 ? 1 : 0;
}

function readRequest({ values, config, operands }: CommandLine): Request {
  if (operands.length === 0) throw new UsageError("no video given");
  const format = FORMATS.find((word) => word === (values.format ?? "safetensors"));
  if (!format) {
    throw new UsageError(`--format must be ${FORMATS.join(", ")}, found ${values.format}`);
  }
  const concurrency = Number(values.concurrency ?? 1);
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new UsageError(`--concurrency must be a whole number of 1 or more`);
  }
  const whole = { ...(values.reference === true && REFERENCE), ...config };
  try {
    resolvePatchConfig({ ...whole, videoPath: operands[0]! });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  return {
    videos: operands,
    names: distinctStems(operands),
    config: whole,
    folder: String(values["out-dir"] ?? "."),
    format,
    view: values.view === true,
    json: values.json === true,
    concurrency,
  };
}

/** Writes what was asked for of one video, and tells about it. */
async function finish(
  request: Request,
  index: number,
  result: PatchStreamResult,
  progress: ProgressLine,
): Promise<void> {
  const base = join(request.folder, request.names[index]!);
  const files: { patches?: string; page?: string } = {};
  if (request.format !== "none") {
    files.patches = `${base}.${request.format}`;
    const { encodeResult } = await import("../output/save.ts");
    await Deno.writeFile(files.patches, await encodeResult(result, request.format));
  }
  if (request.view) {
    files.page = `${base}.html`;
    progress.update("making the page");
    const { renderView } = await import("../page/render_view.ts");
    const page = await renderView(result, request.videos[index]!, request.config);
    await Deno.writeTextFile(files.page, page);
  }
  progress[Symbol.dispose]();
  tell(request, index, result, files);
}

/** One line for people, or one of JSON for machines. */
function tell(
  request: Request,
  index: number,
  result: PatchStreamResult,
  files: { patches?: string; page?: string },
): void {
  const { sampledFrameIds, grid, scores, scoreMap, patches } = result;
  const video = request.videos[index]!;
  if (request.json) {
    const { pts, fps, durationSec, width, height, rotation, replaced, timings } = result;
    const described = { width, height, rotation, fps, durationSec, replaced };
    const kept = { shape: patches.shape, dtype: patches.dtype, grid };
    print(
      JSON.stringify({ video, ...described, sampledFrameIds, pts, ...kept, ...files, timings }),
    );
    return;
  }
  const size = `${sampledFrameIds.length} frames of ${grid.gridW} by ${grid.gridH} patches`;
  say(`${video}: kept ${scores.data.length} of ${scoreMap.data.length} patches (${size})`);
  for (const file of Object.values(files)) say(`  ${file}`);
  if (request.config.profile) {
    const stages = Object.entries(result.timings ?? {}).map(([stage, ms]) =>
      `${stage} ${ms.toFixed(0)}`
    );
    say(`  milliseconds: ${stages.join(", ")}`);
  }
  for (const { frame, by, reason } of result.replaced) {
    say(`  frame ${frame} is ${reason}, ${by === undefined ? "left out" : `shown by ${by}`}`);
  }
}
