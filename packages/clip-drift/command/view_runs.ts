/**
 * `clip-drift view`: the page with past runs.
 *
 * @module
 */
import { defined, say } from "@vcs/transport/internal";
import { serveDashboard } from "../page/dashboard.ts";
import { Hub } from "../page/hub.ts";
import { listRuns } from "../runs/reader.ts";
import type { ViewSettings } from "./options.ts";
import { openWindow, readKeys, untilAbort } from "./terminal.ts";

/** Serves the page with the runs of a folder until it is ended. */
export async function viewRuns(
  runs: string,
  { listen, token }: ViewSettings,
  outer: AbortSignal,
): Promise<void> {
  await listRuns(runs); // What may not be read is reported before anybody looks.
  const quit = new AbortController();
  const onQuit = () => quit.abort();
  const options = { ...listen, ...defined({ token }), runs, onQuit };
  await using page = await serveDashboard(new Hub(1), options);
  say(`Look at ${page.url}#runs (q or Esc ends)`);
  openWindow(`${page.url}#runs`);
  using _keys = readKeys(onQuit);
  await untilAbort(AbortSignal.any([outer, quit.signal]));
}
