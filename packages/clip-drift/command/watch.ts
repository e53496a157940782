/**
 * What the command does with its flags: opens the model, the page and the cameras, and closes
 * them in the right order.
 *
 * @module
 */
import { ProgressLine, say, UsageError } from "@vcs/transport/internal";
import { type AlertRule, parseRule } from "../alerts.ts";
import { checkFlags, parseListen, type StreamFlags } from "./flags.ts";
import { testStream } from "./stream_check.ts";
import { type Dashboard, type DashboardOptions, serveDashboard } from "../page/dashboard.ts";
import { Delivery } from "../alerts/deliver.ts";
import type { DriftOptions } from "../drift.ts";
import { type Encoder, type EncoderOptions, hasDefaultWeights, openEncoder } from "../encoder.ts";
import { Hub } from "../page/hub.ts";
import { type Labels, openLabels } from "../clip/labels.ts";
import { Monitor, type MonitorOptions } from "../monitor.ts";
import { RunFolder, type RunTotals } from "../runs/writer.ts";
import type { Environment } from "./settings.ts";
import { fileFrame, shortName, type Source } from "../source.ts";
import { openWindow, readKeys } from "./terminal.ts";
import { runDetails } from "../runs/details.ts";
import type { WatchedFrame } from "../watch.ts";

/** Step drift above which the scene is called another one, where no rule is given. */
const CUT_THRESHOLD = { gist: 0.4, clip: 0.2 };

function encoderOptions(
  flags: StreamFlags,
  env: Environment,
  signal: AbortSignal,
): EncoderOptions {
  using line = new ProgressLine();
  const model = flags.model ?? env.model;
  const pretrained = flags.pretrained ?? env.pretrained;
  return {
    device: flags.device ?? env.device,
    ...{ precision: flags.precision, signal },
    ...(model === undefined ? {} : { model }),
    ...(pretrained === undefined ? {} : { pretrained }),
    ...(flags.activation === undefined ? {} : { activation: flags.activation }),
    onProgress: (file, { received, total }) => {
      const share = total ? ` of ${Math.round(total / 1e6)}` : "";
      line.update(`Fetching ${file}: ${Math.round(received / 1e6)}${share} MB`);
    },
  };
}

/** Opens the model, and says which it is. */
async function openModel(
  flags: StreamFlags,
  env: Environment,
  signal: AbortSignal,
): Promise<Encoder> {
  const options = encoderOptions(flags, env, signal);
  const isDefault = options.model === undefined && options.pretrained === undefined;
  if (isDefault && !await hasDefaultWeights()) {
    say("CLIP's weights are not on this machine: using gist (--model ViT-B-32 fetches them)");
  }
  const encoder = await openEncoder(options);
  const assumed = encoder.info.isActivationAssumed
    ? "; quick_gelu is assumed, as nothing beside the weights tells (LAION's need --activation gelu)"
    : "";
  say(describeModel(encoder) + assumed);
  return encoder;
}

function describeModel({ info }: Encoder): string {
  const precision = info.precision === undefined ? "" : ` ${info.precision}`;
  const weights = info.pretrained === "none" ? "" : ` (${info.pretrained})`;
  return `${info.model}${weights}${precision} on ${info.device}`;
}

/** Labels, or a line that says why there are none. */
async function openLabelList(
  list: string | undefined,
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Labels | undefined> {
  const texts = (list ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "");
  if (texts.length === 0) return undefined;
  try {
    return await openLabels(texts, encoder.info, signal);
  } catch (error) {
    signal.throwIfAborted();
    say(`Going on without labels: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** What `--reference` says. */
async function driftOptions(
  flags: StreamFlags,
  env: Environment,
  encoder: Encoder,
): Promise<DriftOptions> {
  const window = env.rollingWindow;
  const [, kind, count] = /^(first|frame):(\d+)$/.exec(flags.reference ?? "first:10") ?? [];
  if (kind === "first" && Number(count) > 0) return { window, referenceFrames: Number(count) };
  if (kind === "frame") return { window, referenceFrames: 1, referenceFrom: Number(count) };
  const bytes = await Deno.readFile(flags.reference!).catch(() => {
    throw new UsageError(
      `--reference is ${flags.reference}, allowed are first:10, frame:25 or a picture's path`,
    );
  });
  const reference = await encoder.encode(await fileFrame(bytes, 0).image());
  return { window, reference };
}

function rulesFor(flags: StreamFlags, encoder: Encoder): readonly AlertRule[] {
  if (flags.alert !== undefined) return flags.alert;
  const threshold = encoder.info.model === "gist" ? CUT_THRESHOLD.gist : CUT_THRESHOLD.clip;
  return [parseRule(`scene: drift > ${threshold}`)];
}

function openDashboard(
  flags: { listen: string; token?: string },
  hub: Hub,
  options: DashboardOptions,
): Promise<Dashboard> {
  const { token } = flags;
  const settings = {
    ...parseListen(flags.listen),
    ...options,
    ...(token === undefined ? {} : { token }),
  };
  return serveDashboard(hub, settings);
}

/** The meter that stands for the picture on machines without a screen. */
export function meterLine(index: number, drift: number, label?: string): string {
  const filled = Math.round(40 * Math.min(5 * drift, 1));
  const bar = filled === 0 ? "" : `${"=".repeat(filled - 1)}>`;
  const line = `Frame ${String(index).padStart(6)}: [${bar.padEnd(40)}] ${drift.toFixed(4)}`;
  return label === undefined ? line : `${line} ${label}`;
}

function summary(totals: RunTotals, path: string | undefined): string {
  const { frames, seconds, similarity, counters } = totals;
  const leftOut = (counters.truncated_frames ?? 0) + (counters.decode_errors ?? 0);
  const number = (x: number) => x.toFixed(4);
  return [
    `Total frames: ${frames}`,
    `Duration: ${seconds.toFixed(1)}s`,
    `Average FPS: ${(seconds > 0 ? frames / seconds : 0).toFixed(1)}`,
    `Mean similarity: ${number(similarity.mean)} (std ${number(similarity.std)})`,
    `Min similarity: ${number(similarity.min)}`,
    `Max similarity: ${number(similarity.max)}`,
    ...(leftOut === 0 ? [] : [`Broken pictures: ${leftOut}`]),
    ...(path === undefined ? [] : [`Output: ${path}`]),
  ].join("\n");
}

/** Everything that the cameras share. */
interface Shared {
  readonly flags: StreamFlags;
  readonly env: Environment;
  readonly encoder: Encoder;
  readonly hub: Hub;
  readonly delivery: Delivery;
  readonly labels: Labels | undefined;
  readonly drift: DriftOptions;
  readonly signal: AbortSignal;
}

async function createRun(source: Source, { flags, env, encoder }: Shared): Promise<RunFolder> {
  const { info } = encoder;
  const run = await RunFolder.create({
    streamUrl: source.name,
    device: info.device,
    model: info.model,
    pretrained: info.pretrained,
    snapshotInterval: env.snapshotInterval,
    embeddingInterval: env.embeddingInterval,
    rollingWindow: env.rollingWindow,
    details: await runDetails(info),
  }, { root: flags.runs, onFailure: say });
  say(`Writing ${run.path}`);
  return run;
}

function monitorOptions(spec: string, shared: Shared): MonitorOptions {
  const { flags, env, encoder, hub, delivery, labels, drift } = shared;
  const { policy, maxFps, retries } = flags;
  const onFrame = ({ index, row, label }: WatchedFrame) => {
    if (flags.display || index % 10 !== 0) return;
    const name = flags.stream.length > 1 ? `${shortName(spec)} ` : "";
    say(name + meterLine(index, row.drift, label?.text));
  };
  return {
    ...{ drift, say, onFrame },
    rules: rulesFor(flags, encoder),
    ...(flags.display ? { feed: hub.add(shortName(spec)) } : {}),
    source: {
      reconnectDelay: env.reconnectDelay,
      frameTimeout: env.frameTimeout,
      ...(policy === undefined ? {} : { policy }),
      ...(retries === undefined ? {} : { retries }),
    },
    onAlert: (alert) => delivery.send(alert),
    ...(labels === undefined ? {} : { labels }),
    ...(maxFps === undefined ? {} : { maxFps }),
    ...(flags.save ? { openRun: (source: Source) => createRun(source, shared) } : {}),
  };
}

/** Watches one camera to its end; tells what came of it. */
async function watchOne(spec: string, monitor: Monitor, shared: Shared): Promise<boolean> {
  try {
    const totals = await monitor.run(shared.signal);
    const title = shared.flags.stream.length > 1 ? `${shortName(spec)}\n` : "";
    const text = `${title}${summary(totals, monitor.runPath)}\n`;
    await Deno.stdout.write(new TextEncoder().encode(text));
    return true;
  } catch (error) {
    say(`clip-drift: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

async function watchAll(shared: Shared): Promise<number> {
  const { stream } = shared.flags;
  const monitors = stream.map((spec) =>
    new Monitor(spec, shared.encoder, monitorOptions(spec, shared))
  );
  const results = await Promise.all(monitors.map((m, i) => watchOne(stream[i]!, m, shared)));
  return results.every(Boolean) ? 0 : 1;
}

/** Serves the page where it is wanted, and says where. */
async function showPage(shared: Shared, stop: () => void): Promise<Dashboard | undefined> {
  const { flags, hub, encoder } = shared;
  if (!flags.display) return undefined;
  const page = await openDashboard(flags, hub, {
    plot: flags.plot,
    model: describeModel(encoder),
    onQuit: stop,
    ...(flags.save ? { runs: flags.runs } : {}),
  });
  say(`Watch at ${page.url} (q or Esc ends)`);
  openWindow(page.url);
  return page;
}

/**
 * Watches all streams of the flags until they end, or somebody ends it.
 *
 * @returns the exit code
 */
export async function watchStreams(
  flags: StreamFlags,
  env: Environment,
  outer: AbortSignal,
): Promise<number> {
  checkFlags(flags, env);
  using encoder = await openModel(flags, env, outer);
  if (flags.test) return await testStream(flags.stream, encoder, env, outer);
  const quit = new AbortController();
  const stop = () => quit.abort();
  const signal = AbortSignal.any([outer, quit.signal]);
  const labels = await openLabelList(flags.labels, encoder, outer);
  const drift = await driftOptions(flags, env, encoder);
  await using delivery = new Delivery({
    ...{ webhooks: flags.webhook ?? [], commands: flags.exec ?? [], onFailure: say },
  });
  const hub = new Hub(env.rollingWindow);
  const shared: Shared = { flags, env, encoder, hub, delivery, labels, drift, signal };
  await using _page = await showPage(shared, stop);
  using _keys = flags.stream.includes("-") ? undefined : readKeys(stop);
  return await watchAll(shared);
}

/** Serves the page with the runs of before. */
export async function viewRuns(
  folder: string,
  flags: { listen: string; token?: string },
  outer: AbortSignal,
): Promise<void> {
  const quit = new AbortController();
  const signal = AbortSignal.any([outer, quit.signal]);
  const options = { runs: folder, onQuit: () => quit.abort() };
  await using page = await openDashboard(flags, new Hub(1), options);
  say(`Look at ${page.url}#runs (q or Esc ends)`);
  openWindow(`${page.url}#runs`);
  using _keys = readKeys(() => quit.abort());
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}
