/**
 * What the command does with its options: opens the model, the page and the cameras, and closes
 * them in the right order.
 *
 * @module
 */
import { prepareImages } from "@vcs/media/image";
import { systemClock } from "@vcs/transport";
import { defined, errorLine, ignoreAbort, print, say, UsageError } from "@vcs/transport/internal";
import { type AlertRule, parseRule } from "../alerts.ts";
import { Delivery } from "../alerts/deliver.ts";
import { MqttTarget } from "../alerts/mqtt.ts";
import { type AlertTarget, shellCommand, webhook } from "../alerts/targets.ts";
import type { Labels } from "../clip/labels.ts";
import type { DriftOptions } from "../drift.ts";
import type { Encoder } from "../encoder.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";
import { type Dashboard, serveDashboard } from "../page/dashboard.ts";
import { Hub } from "../page/hub.ts";
import { runDetails } from "../runs/details.ts";
import { removeOldRuns } from "../runs/retention.ts";
import { RunSeries } from "../runs/series.ts";
import { RunFolder } from "../runs/writer.ts";
import type { Source } from "../source.ts";
import type { WatchedFrame } from "../watch.ts";
import { describeModel, driftOptions, openLabelList, openModel } from "./open_model.ts";
import type { StreamSetting, WatchSettings } from "./options.ts";
import { meterLine, resultOf, summary } from "./report.ts";
import { testStreams, trustOf } from "./stream_check.ts";
import { openWindow, readKeys } from "./terminal.ts";

/** Distance of a cut above which the scene is called another one, if there is no rule. */
const CUT_THRESHOLD = { gist: 0.4, clip: 0.2 };

function rulesFor({ alert }: WatchSettings, encoder: Encoder): readonly AlertRule[] {
  if (alert.length > 0) return alert;
  const threshold = encoder.info.model === "gist" ? CUT_THRESHOLD.gist : CUT_THRESHOLD.clip;
  return [parseRule(`scene: cut > ${threshold}`)];
}

/** All places that alerts go to. */
function targetsOf(
  { stream, webhook: urls, exec, mqtt }: WatchSettings,
  rules: readonly AlertRule[],
): AlertTarget[] {
  const cameras = stream.map(({ name }) => name);
  const about = { cameras, rules: rules.map(({ name }) => name) };
  const brokers = mqtt === undefined ? [] : [new MqttTarget(mqtt, about)];
  return [...urls.map(webhook), ...exec.map(shellCommand), ...brokers];
}

/** Everything that the cameras share. */
interface Shared {
  readonly settings: WatchSettings;
  readonly encoder: Encoder;
  readonly hub: Hub;
  readonly delivery: Delivery;
  readonly labels: Labels | undefined;
  readonly drift: DriftOptions;
  readonly signal: AbortSignal;
}

async function createRun(
  source: Source,
  camera: string,
  { settings, encoder }: Shared,
): Promise<RunFolder> {
  const { snapshotInterval, embeddingInterval, rollingWindow, runs: root } = settings;
  const { embeddings: embeddingEvery } = settings;
  const { device, model, pretrained } = encoder.info;
  const run = await RunFolder.create({
    ...{ streamUrl: source.name, camera, embeddingEvery },
    ...{ device, model, pretrained, snapshotInterval, embeddingInterval, rollingWindow },
    details: await runDetails(encoder.info),
  }, { root, onFailure: say });
  say(`Writing ${run.path}`);
  return run;
}

/** Removes old runs now and each hour, until the signal. */
async function keepOnly(days: number, root: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const removed = await removeOldRuns(root, days);
      if (removed.length > 0) {
        say(`Removed runs of more than ${days} days ago: ${removed.join(", ")}`);
      }
    } catch (error) {
      say(`Cannot remove old runs: ${errorLine(error)}`);
    }
    await systemClock.sleep(3_600_000, signal).catch(ignoreAbort(signal));
  }
}

/** Opens a camera's run: a folder, or a series of them. */
function runOpener(camera: string, shared: Shared): NonNullable<MonitorOptions["openRun"]> {
  return async (source, counters) => {
    const next = () => createRun(source, camera, shared);
    return shared.settings.split === "daily" ? await RunSeries.open(next, counters) : await next();
  };
}

function monitorOptions({ name }: StreamSetting, shared: Shared): MonitorOptions {
  const { settings, encoder, hub, delivery, labels, drift } = shared;
  const { display, save, stream, policy, maxFps, retries } = settings;
  const { reconnectDelay, frameTimeout, acceptUnended } = settings;
  const onFrame = ({ index, row, label }: WatchedFrame) => {
    if (display || index % 10 !== 0) return;
    const title = stream.length > 1 ? `${name} ` : "";
    say(title + meterLine(index, row.drift, label?.text));
  };
  return {
    ...{ drift, say, onFrame, name },
    rules: rulesFor(settings, encoder),
    source: {
      ...{ reconnectDelay, frameTimeout, acceptUnended, ...trustOf(name, settings) },
      ...defined({ policy, retries }),
    },
    ...{ delivery, inlineSnapshots: settings.inlineSnapshot },
    ...defined({ labels, maxFps }),
    ...(display && { feed: hub.add(name) }),
    ...(save && { openRun: runOpener(name, shared) }),
  };
}

/** Watches one camera to its end; reports what came of it. */
async function watchOne(name: string, monitor: Monitor, shared: Shared): Promise<boolean> {
  const { json, stream } = shared.settings;
  try {
    const totals = await monitor.run(shared.signal);
    const title = stream.length > 1 ? `${name}\n` : "";
    if (json) print(JSON.stringify(resultOf(name, totals, monitor.runPath)));
    else print(title + summary(totals, monitor.runPath));
    return true;
  } catch (cause) {
    const error = errorLine(cause);
    say(`clip-drift: ${error}`);
    if (json) print(JSON.stringify({ stream: name, error }));
    return false;
  }
}

async function watchAll(shared: Shared): Promise<number> {
  const { stream } = shared.settings;
  const watches = stream
    .map((one) =>
      [one.name, new Monitor(one.spec, shared.encoder, monitorOptions(one, shared))] as const
    )
    .map(([name, monitor]) => watchOne(name, monitor, shared));
  return (await Promise.all(watches)).every(Boolean) ? 0 : 1;
}

/** Serves the page, if it is wanted, and says where. */
async function showPage(shared: Shared, onQuit: () => void): Promise<Dashboard | undefined> {
  const { settings: { display, save, listen, token, plot, runs }, hub, encoder } = shared;
  if (!display) return undefined;
  const page = await serveDashboard(hub, {
    ...listen,
    ...defined({ token }),
    ...{ plot, model: describeModel(encoder), onQuit },
    ...(save && { runs }),
  });
  say(`Watch at ${page.url} (q or Esc ends)`);
  openWindow(page.url);
  return page;
}

/**
 * Refuses names that are given twice, and cameras that are none.
 *
 * @throws {UsageError}
 */
function checkNames({ stream, insecure }: WatchSettings): void {
  const names = stream.map(({ name }) => name);
  const unknown = insecure.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(
      `Cannot use --insecure: found no camera ${unknown}, expected ${names.join(", ")}`,
    );
  }
}

/**
 * Watches all streams until they end, or somebody ends it.
 *
 * @returns the exit code
 */
export async function watchStreams(settings: WatchSettings, outer: AbortSignal): Promise<number> {
  const { stream, save, runs } = settings;
  checkNames(settings);
  // Without it every image would fail, one by one.
  await prepareImages();
  using encoder = await openModel(settings, outer);
  if (settings.test) return await testStreams(settings, encoder, outer);
  const quit = new AbortController();
  const stop = () => quit.abort();
  const signal = AbortSignal.any([outer, quit.signal]);
  const labels = await openLabelList(settings.labels, encoder, outer);
  const drift = await driftOptions(settings, encoder);
  const targets = targetsOf(settings, rulesFor(settings, encoder));
  await using delivery = await Delivery.open({ targets, say, ...(save && { runs }) });
  const hub = new Hub(settings.rollingWindow);
  const shared: Shared = { settings, encoder, hub, delivery, labels, drift, signal };
  const keeping = new AbortController();
  using _keeping = { [Symbol.dispose]: () => keeping.abort() };
  if (save && settings.keep !== undefined) void keepOnly(settings.keep, runs, keeping.signal);
  await using _page = await showPage(shared, stop);
  using _keys = stream.some(({ spec }) => spec === "-") ? undefined : readKeys(stop);
  return await watchAll(shared);
}
