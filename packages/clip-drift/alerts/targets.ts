/**
 * Where alerts go: webhooks and commands.
 *
 * @module
 */
import { shownUrl } from "@vcs/transport/internal";
import type { SentAlert } from "./sent_alert.ts";

/** Which alerts there may be. */
export interface AlertScope {
  /** Names of the cameras. */
  readonly cameras: readonly string[];
  /** Names of the rules. */
  readonly rules: readonly string[];
}

/** A place that alerts go to, one after the other. */
export interface AlertTarget {
  /** What it is called, without credentials. Alerts that are kept wait for the target of this name. */
  readonly name: string;
  /** Attempts at an alert, until it is given up. */
  readonly attempts: number;
  /**
   * Delivers an alert.
   *
   * @throws {RefusedAlert} where trying again does not help; anything else where it may
   */
  deliver(alert: SentAlert, signal: AbortSignal): Promise<void>;
  /** Prepares, so that it is known before the first alert. Default: nothing. */
  start?(): Promise<void>;
  /** Takes note that there are other cameras or rules. Default: nothing. */
  expect?(scope: AlertScope): void;
  /** Ends what it holds. Default: nothing. */
  [Symbol.asyncDispose]?(): Promise<void>;
}

/** A target will not take an alert, however often it is tried. */
export class RefusedAlert extends Error {
  override readonly name = "RefusedAlert";
}

/** Redirects that are followed; each is a POST again. */
const REDIRECTS = 5;
/** Client errors that pass by themselves: timeout, too early, too many. */
const PASSING = [408, 425, 429];

/** Where a redirect leads that keeps the method (RFC 9110, 15.4.8 and 15.4.9), or undefined. */
function nextOf(response: Response, from: string): string | undefined {
  const location = response.headers.get("location");
  const keepsMethod = response.status === 307 || response.status === 308;
  if (!keepsMethod || location === null) return undefined;
  const next = URL.parse(location, from);
  if (next !== null && /^https?:$/.test(next.protocol)) return next.href;
  throw new RefusedAlert("a redirect leads to what is no URL of http or https");
}

function refusal({ status }: Response): Error {
  const text = `status ${status}, expected 2xx`;
  if (status >= 300 && status < 400) {
    return new RefusedAlert(`${text}: a redirect that drops what is posted is not followed`);
  }
  const isFinal = status >= 400 && status < 500 && !PASSING.includes(status);
  return isFinal ? new RefusedAlert(text) : new Error(text);
}

async function post(url: string, body: string, signal: AbortSignal): Promise<void> {
  const headers = { "content-type": "application/json" };
  let at = url;
  for (let hops = 0; hops <= REDIRECTS; hops++) {
    const response = await fetch(at, {
      ...{ method: "POST", headers, body, signal, redirect: "manual" },
    });
    await response.body?.cancel();
    if (response.ok) return;
    const next = nextOf(response, at);
    if (next === undefined) throw refusal(response);
    if (at.startsWith("https:") && !next.startsWith("https:")) {
      throw new RefusedAlert("a redirect leads from https to http, which is not followed");
    }
    at = next;
  }
  throw new RefusedAlert(`more than ${REDIRECTS} redirects`);
}

/**
 * A URL that gets a POST with the alert as JSON. It is tried until it takes the alert; redirects 307
 * and 308 are followed, others refuse it, and so do client errors that do not pass by themselves.
 *
 * @param copy which of the webhooks it is whose names without secrets are the same. Default: the first.
 * @throws {TypeError} if it is not a URL
 */
export function webhook(url: string, copy = 0): AlertTarget {
  return {
    name: `POST to ${shownUrl(url)}${copy > 0 ? ` (${copy + 1})` : ""}`,
    attempts: Infinity,
    deliver: (alert, signal) => post(url, JSON.stringify(alert), signal),
  };
}

/** Webhooks, of which each has a name of its own, so that what is kept for one goes to no other. */
export function webhooks(urls: readonly string[]): AlertTarget[] {
  const shown = urls.map(shownUrl);
  return urls.map((url, i) =>
    webhook(url, shown.slice(0, i).filter((other) => other === shown[i]).length)
  );
}

/** How the shell of a system is given a line; that of Windows takes quotes as they are. */
export function shellLine(
  line: string,
  os: typeof Deno.build.os = Deno.build.os,
): { readonly program: string; readonly args: string[]; readonly windowsRawArguments: boolean } {
  return os === "windows"
    ? { program: "cmd", args: ["/d", "/s", "/c", `"${line}"`], windowsRawArguments: true }
    : { program: "sh", args: ["-c", line], windowsRawArguments: false };
}

async function execute(command: string, input: string, signal: AbortSignal): Promise<void> {
  const { program, ...line } = shellLine(command);
  const child = new Deno.Command(program, {
    ...line,
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
    signal,
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that does not read its input may end before it is written.
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { code } = await child.status;
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`exit code ${code}, expected 0`);
}

/** A line for the shell that is run with the alert as JSON on its standard input; three attempts. */
export function shellCommand(line: string): AlertTarget {
  return {
    name: `run ${line}`,
    attempts: 3,
    deliver: (alert, signal) => execute(line, `${JSON.stringify(alert)}\n`, signal),
  };
}
