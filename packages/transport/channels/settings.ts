/**
 * The parameters of a channel's URL, checked against what the channel knows.
 *
 * @module
 */
import { MAX_PAYLOAD } from "../message.ts";
import type { ChannelOptions, ChannelSettings } from "./types.ts";

/**
 * Reads the parameters of a URL.
 *
 * @throws {RangeError} where one is wrong, or was not read.
 */
export function readSettings<T>(url: URL, read: (settings: UrlSettings) => T): T {
  const settings = new UrlSettings(url);
  const values = read(settings);
  settings.done();
  return values;
}

/** The parameters of a URL. */
export class UrlSettings {
  readonly #url: URL;
  readonly #known = new Set<string>();

  constructor(url: URL) {
    this.#url = url;
  }

  text(name: string, otherwise: string): string {
    this.#known.add(name);
    return this.#url.searchParams.get(name) ?? otherwise;
  }

  /** A whole number from `least` on. */
  count(name: string, otherwise: number, least = 1): number {
    const value = Number(this.text(name, String(otherwise)));
    if (value === otherwise || (Number.isSafeInteger(value) && value >= least)) return value;
    throw this.#wrong(name, `a whole number of ${least} or more`);
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.text(name, String(otherwise));
    if (value === "true" || value === "false") return value === "true";
    throw this.#wrong(name, "true or false");
  }

  choice<T extends string>(name: string, otherwise: T, choices: readonly T[]): T {
    const value = this.text(name, otherwise);
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw this.#wrong(name, `one of ${choices.join(", ")}`);
  }

  /** All parameters were read: another is refused. */
  done(): void {
    for (const name of this.#url.searchParams.keys()) {
      if (this.#known.has(name)) continue;
      throw new RangeError(
        `Cannot open ${this.#url.protocol}: parameter "${name}" is not one of ${
          [...this.#known].join(", ")
        }`,
      );
    }
  }

  #wrong(name: string, expected: string): RangeError {
    const value = this.#url.searchParams.get(name);
    return new RangeError(
      `Cannot open ${this.#url.protocol}: parameter ${name} is "${value}", expected ${expected}`,
    );
  }
}

/** A channel's options with the defaults that hold everywhere. */
export function withDefaults(options: ChannelOptions): ChannelSettings {
  const { maxPayload = MAX_PAYLOAD } = options;
  const timeout = options.timeout ?? options.patience ?? 30_000; // formerly: patience
  return { ...options, maxPayload, timeout };
}

/** Host and port of a URL. */
export function hostAndPort(url: URL, defaultPort?: number): { hostname: string; port: number } {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? defaultPort : Number(url.port);
  if (hostname === "" || port === undefined) {
    throw new RangeError(`Cannot open ${url.protocol}: "${url}" lacks a host or a port`);
  }
  return { hostname, port };
}
