/**
 * What the command does with its options: opens the model, the page and the cameras, and closes
 * them in the right order.
 *
 * @module
 */
import { prepareImages } from "@vcs/media/image";
import { systemClock } from "@vcs/transport/portable";
import { defined, errorLine, ignoreAbort, print, say, UsageError } from "@vcs/transport/internal";
import { type AlertRule, parseRule } from "../alerts.ts";
import { Delivery } from "../alerts/deliver.ts";
import { MqttTarget } from "../alerts/mqtt.ts";
import { type AlertScope, type AlertTarget, shellCommand, webhooks } from "../alerts/targets.ts";
import type { Labels } from "../clip/labels.ts";
import type { DriftOptions } from "../drift.ts";
import type { Encoder } from "../encoder.ts";
import { type CameraSetting, readCameras } from "../fleet/cameras_file.ts";
import { Fleet } from "../fleet/fleet.ts";
import {
  doubtOf,
  latestOfBoth,
  readRegions,
  RegionsFile,
  withRegions,
} from "../fleet/regions_file.ts";
import { Publisher } from "../fleet/publish.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";
import { type Dashboard, serveDashboard } from "../page/dashboard.ts";
import type { Regions } from "../measures/regions.ts";
import { type CameraFeed, Hub } from "../page/hub.ts";
import { runDetails } from "../runs/details.ts";
import { removeOldRuns } from "../runs/retention.ts";
import { RunSeries } from "../runs/series.ts";
import { RunFolder } from "../runs/writer.ts";
import type { Source } from "../source.ts";
import { isGist } from "../measures/gist_names.ts";
import type { WatchedFrame } from "../watch.ts";
import { describeModel, driftOptions, openLabelList, openModel } from "./open_model.ts";
import type { WatchSettings } from "./options.ts";
import { meterLine, resultOf, summary } from "./report.ts";
import { testStreams, trustOf } from "./stream_check.ts";
import { openWindow, readKeys } from "./terminal.ts";

/** Distance of a cut above which the scene is called another one, if there is no rule. */
const CUT_THRESHOLD = { gist: 0.4, clip: 0.2 };

function rulesFor({ alert }: WatchSettings, encoder: Encoder): readonly AlertRule[] {
  if (alert.length > 0) return alert;
  const threshold = isGist(encoder.info.model) ? CUT_THRESHOLD.gist : CUT_THRESHOLD.clip;
  return [parseRule(`scene: cut > ${threshold}`)];
}

/** What alerts there may be, and of which cameras. */
function alertsOf(
  cameras: readonly CameraSetting[],
  settings: WatchSettings,
  encoder: Encoder,
): AlertScope {
  const rules = cameras.flatMap(({ own }) => rulesFor({ ...settings, ...own }, encoder));
  return {
    cameras: cameras.map(({ name }) => name),
    rules: [...new Set(rules.map(({ name }) => name))],
  };
}

/** All places that alerts go to. */
function targetsOf(
  { webhook: urls, exec, mqtt }: WatchSettings,
  about: AlertScope,
): AlertTarget[] {
  const brokers = mqtt === undefined ? [] : [new MqttTarget(mqtt, about)];
  return [...webhooks(urls), ...exec.map(shellCommand), ...brokers];
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

/** A camera's name, and what counts of its picture. */
interface Seen {
  readonly name: string;
  readonly regions: Regions | undefined;
}

async function createRun(
  source: Source,
  { name: camera, regions }: Seen,
  { settings, encoder }: Shared,
): Promise<RunFolder> {
  const { snapshotInterval, embeddingInterval, rollingWindow, runs: root } = settings;
  const { embeddings: embeddingEvery } = settings;
  const { device, model, pretrained } = encoder.info;
  const run = await RunFolder.create({
    ...{ streamUrl: source.name, camera, embeddingEvery },
    ...{ device, model, pretrained, snapshotInterval, embeddingInterval, rollingWindow },
    details: { ...await runDetails(encoder.info), ...defined({ regions }) },
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
function runOpener(camera: Seen, shared: Shared): NonNullable<MonitorOptions["openRun"]> {
  return async (source, counters) => {
    const next = () => createRun(source, camera, shared);
    return shared.settings.split === "daily" ? await RunSeries.open(next, counters) : await next();
  };
}

function monitorOptions(
  { name, regions }: CameraSetting,
  feed: CameraFeed | undefined,
  shared: Shared,
): MonitorOptions {
  const { settings, encoder, delivery, labels, drift } = shared;
  const { display, save, policy, maxFps, retries } = settings;
  const { reconnectDelay, frameTimeout, acceptUnended } = settings;
  const onFrame = ({ index, row, label }: WatchedFrame) => {
    if (display || index % 10 !== 0) return;
    const title = isOneOfMany(settings) ? `${name} ` : "";
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
    ...defined({ labels, maxFps, feed, regions }),
    ...(save && { openRun: runOpener({ name, regions }, shared) }),
  };
}

/** Whether what is said must tell which camera it is of. */
const isOneOfMany = ({ config, stream }: WatchSettings) =>
  config !== undefined || stream.length > 1;

/** Watches one camera to its end; reports what came of it. */
async function watchOne(
  camera: CameraSetting,
  all: Shared,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, spec, own, regions } = camera;
  const drift = regions ? await driftOptions(all.settings, all.encoder, regions) : all.drift;
  const shared = { ...all, drift, settings: { ...all.settings, ...own } };
  const { json, display, publish } = shared.settings;
  const feed = display || publish !== undefined ? shared.hub.add(name, regions) : undefined;
  try {
    const monitor = new Monitor(spec, shared.encoder, monitorOptions(camera, feed, shared));
    const totals = await monitor.run(signal);
    const title = isOneOfMany(shared.settings) ? `${name}\n` : "";
    if (json) print(JSON.stringify(resultOf(name, totals, monitor.runPath)));
    else print(title + summary(totals, monitor.runPath));
    return true;
  } catch (cause) {
    const error = errorLine(cause);
    say(`clip-drift: ${error}`);
    if (json) print(JSON.stringify({ stream: name, error }));
    return false;
  } finally {
    // Of a camera that has ended by itself the page goes on to say so.
    if (feed !== undefined && signal.aborted && !shared.signal.aborted) shared.hub.remove(feed);
  }
}

/** Watches the cameras, and those of each later state of their files. */
async function watchAll(
  cameras: readonly CameraSetting[],
  changes: AsyncIterable<readonly CameraSetting[]>,
  shared: Shared,
  onEnd: () => void,
): Promise<number> {
  const { settings: { config, regions }, settings, encoder, delivery, signal } = shared;
  const fleet = new Fleet((camera, signal) => watchOne(camera, shared, signal), signal);
  fleet.take(cameras);
  void fleet.settled().then(onEnd);
  const files = [config, regions].filter((file) => file !== undefined).join(" or ");
  for await (const cameras of changes) {
    const names = cameras.map(({ name }) => name).join(", ") || "none";
    say(`${files} has changed; cameras: ${names}`);
    delivery.expect(alertsOf(cameras, settings, encoder));
    fleet.take(cameras);
  }
  return await fleet.settled() ? 0 : 1;
}

/** Serves the page, if it is wanted, and says where. */
async function showPage(shared: Shared, onQuit: () => void): Promise<Dashboard | undefined> {
  const { settings, hub, encoder } = shared;
  const { display, save, listen, behind, token, plot, runs, regions } = settings;
  if (!display) return undefined;
  const page = await serveDashboard(hub, {
    ...listen,
    ...defined({ token, behind }),
    ...{ plot, model: describeModel(encoder), onQuit },
    ...(save && { runs }),
    ...(regions !== undefined && { regions: new RegionsFile(regions) }),
  });
  say(`Watch at ${page.url} (q or Esc ends)`);
  openWindow(page.url);
  return page;
}

/**
 * Refuses cameras that are none.
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

/** One thing that never changes. */
async function* always<T>(value: T): AsyncGenerator<T, void> {
  yield await Promise.resolve(value);
}

/**
 * The cameras that are named, with their regions, and, where files name them, the later states.
 * `watched` ends the looks at the regions of streams.
 */
async function* cameraStates(
  settings: WatchSettings,
  signal: AbortSignal,
  watched: AbortSignal,
): AsyncGenerator<readonly CameraSetting[], void> {
  const { config, stream, regions } = settings;
  const cameras = config === undefined
    ? always(stream.map((one): CameraSetting => ({ ...one, own: {} })))
    : readCameras(config, { signal, say });
  const untilEnd = config === undefined ? AbortSignal.any([signal, watched]) : signal;
  const files = regions === undefined
    ? always({})
    : readRegions(regions, { signal: untilEnd, say });
  for await (const [all, file] of latestOfBoth(cameras, files)) {
    const doubt = regions === undefined ? undefined : await doubtOf(regions, file, all);
    if (doubt !== undefined) say(doubt);
    yield all.map((camera) => withRegions(camera, settings, file));
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
  const quit = new AbortController();
  const stop = () => quit.abort();
  const signal = AbortSignal.any([outer, quit.signal]);
  const watched = new AbortController();
  const changes = cameraStates(settings, signal, watched.signal);
  const cameras = (await changes.next()).value ?? [];
  // Without it every image would fail, one by one.
  await prepareImages();
  using encoder = await openModel(settings, outer);
  if (settings.test) return await testStreams(cameras, settings, encoder, outer);
  const labels = await openLabelList(settings, encoder, outer);
  const drift = await driftOptions(settings, encoder);
  const targets = targetsOf(settings, alertsOf(cameras, settings, encoder));
  await using delivery = await Delivery.open({ targets, say, ...(save && { runs }) });
  const hub = new Hub(settings.rollingWindow);
  const shared: Shared = { settings, encoder, hub, delivery, labels, drift, signal };
  const keeping = new AbortController();
  using _keeping = { [Symbol.dispose]: () => keeping.abort() };
  if (save && settings.keep !== undefined) void keepOnly(settings.keep, runs, keeping.signal);
  await using _page = await showPage(shared, stop);
  const { publish } = settings;
  await using _publisher = publish === undefined ? undefined : new Publisher(hub, publish, { say });
  using _keys = stream.some(({ spec }) => spec === "-") ? undefined : readKeys(stop);
  return await watchAll(cameras, changes, shared, () => watched.abort());
}
