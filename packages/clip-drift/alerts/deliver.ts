/**
 * Delivers alerts to webhooks and commands.
 *
 * @module
 */
import { splitCredentials } from "@vcs/transport/internal";

/** Where alerts go. */
export interface DeliveryOptions {
  /** URLs that get a POST with the alert as JSON. */
  readonly webhooks?: readonly string[];
  /** Commands for the shell; the alert is on standard input as JSON. */
  readonly commands?: readonly string[];
  /** Seconds after which an attempt is given up. Default: 10. */
  readonly timeout?: number;
  /** Called with a line for people if a delivery fails. */
  readonly onFailure?: (message: string) => void;
}

/** Most deliveries that wait; more are refused, so that a dead webhook does not fill the memory. */
const MAX_WAITING = 32;

async function post(url: string, body: string, signal: AbortSignal): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body, signal });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`status ${response.status}, expected 2xx`);
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
  if (code !== 0) throw new Error(`exit code ${code}, expected 0`);
}

/** Delivers alerts one after the other, without making the watch wait. */
export class Delivery implements AsyncDisposable {
  readonly #options: DeliveryOptions;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /**
   * Makes a delivery to the given places.
   *
   * @throws {TypeError} if a webhook is not a URL
   */
  constructor(options: DeliveryOptions) {
    this.#options = options;
    for (const url of options.webhooks ?? []) splitCredentials(url);
  }

  /** Takes an alert; its delivery begins after those before it. */
  send(alert: object): void {
    const body = JSON.stringify(alert);
    const { webhooks = [], commands = [] } = this.#options;
    for (const url of webhooks) {
      const shown = splitCredentials(url).url.href;
      this.#enqueue(`POST to ${shown}`, (s) => post(url, body, s));
    }
    for (const command of commands) {
      this.#enqueue(`run ${command}`, (s) => execute(command, `${body}\n`, s));
    }
  }

  #enqueue(what: string, action: (signal: AbortSignal) => Promise<void>): void {
    const { onFailure = () => {}, timeout = 10 } = this.#options;
    if (this.#waiting >= MAX_WAITING) {
      return onFailure(`Cannot ${what}: ${MAX_WAITING} alerts are waiting already`);
    }
    this.#waiting++;
    this.#last = this.#last
      .then(() => action(AbortSignal.timeout(timeout * 1000)))
      .catch((error) =>
        onFailure(`Cannot ${what}: ${error instanceof Error ? error.message : error}`)
      )
      .finally(() => this.#waiting--);
  }

  /** Waits until all have been delivered or given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
  }
}
