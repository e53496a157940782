/**
 * `clip-drift view`: the page with past runs, or with what other processes publish.
 *
 * @module
 */
import { openReceiver } from "@vcs/transport/channel";
import { defined, say, shownUrl, withPassword } from "@vcs/transport/internal";
import { Mirror } from "../fleet/mirror.ts";
import { serveDashboard } from "../page/dashboard.ts";
import { Hub } from "../page/hub.ts";
import { listRuns } from "../runs/reader.ts";
import type { ViewSettings } from "./options.ts";
import { openWindow, readKeys, untilAbort } from "./terminal.ts";

/** Serves the page with the runs of a folder until it is ended. */
export async function viewRuns(
  runs: string,
  { listen, behind, token }: ViewSettings,
  outer: AbortSignal,
): Promise<void> {
  await listRuns(runs); // What may not be read is reported before anybody looks.
  const quit = new AbortController();
  const onQuit = () => quit.abort();
  const options = { ...listen, ...defined({ token, behind }), runs, onQuit };
  await using page = await serveDashboard(new Hub(1), options);
  say(`Look at ${page.url}#runs (q or Esc ends)`);
  openWindow(`${page.url}#runs`);
  using _keys = readKeys(onQuit);
  await untilAbort(AbortSignal.any([outer, quit.signal]));
}

/** Points of the plot of a camera that is watched elsewhere. */
const HISTORY = 300;

/** Serves the page with the cameras that others publish over a channel until it is ended. */
export async function viewChannel(
  channel: string,
  { listen, behind, token }: ViewSettings,
  outer: AbortSignal,
): Promise<void> {
  const quit = new AbortController();
  const onQuit = () => quit.abort();
  const signal = AbortSignal.any([outer, quit.signal]);
  const hub = new Hub(HISTORY);
  const mirror = new Mirror(hub);
  await using receiver = await openReceiver(withPassword(channel), { timeout: Infinity, signal });
  const options = { ...listen, ...defined({ token, behind }), model: shownUrl(channel), onQuit };
  await using page = await serveDashboard(hub, options);
  say(`Watch at ${page.url} (q or Esc ends)`);
  openWindow(page.url);
  using _keys = readKeys(onQuit);
  const watching = mirror.watch(signal);
  try {
    for await (const message of receiver) mirror.take(message);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    onQuit();
    await watching;
  }
}
