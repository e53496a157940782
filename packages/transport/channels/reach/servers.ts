/**
 * The servers behind one address: a cluster is named by several, as `nats://a:4222,b:4222,c:4222`.
 *
 * @module
 */
import { TransportError } from "../../errors.ts";
import { hostAndPort, type UrlSettings } from "../settings.ts";

/** Where a server listens. */
export interface Server {
  readonly hostname: string;
  readonly port: number;
}

/** A URL that names several hosts: what stands before the first, it, the others, and the rest. */
const SEVERAL =
  /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)(?![^/?#]*@)([^/?#,]+),([^/?#]+)([^?#]*)(\?[^#]*)?/i;

/** Such a URL as one that every parser takes: the first host, the others in the parameter `servers`. */
export function withOneHost(url: string): string {
  return url.replace(
    SEVERAL,
    (_, start, first, others, path, query) =>
      `${start}${first}${path}${query ? `${query}&` : "?"}servers=${others}`,
  );
}

/** Servers of which any will do. */
export class Servers {
  readonly #list: readonly Server[];
  #at = 0;

  /** The host of a URL, and those of its parameter `servers`. */
  constructor(url: URL, read: UrlSettings, defaultPort: number) {
    const others = read.text("servers", "").split(",").filter((host) => host !== "");
    const urls = [url, ...others.map((host) => urlOf(url, host))];
    this.#list = urls.map((url) => hostAndPort(url, defaultPort));
  }

  /** How many there are. */
  get count(): number {
    return this.#list.length;
  }

  /**
   * Connects to the first that can be connected to, from the last one used on. A
   * {@linkcode TransportError} means that the others are of no use either.
   */
  async first<T>(connect: (server: Server) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const _ of this.#list) {
      try {
        return await connect(this.#list[this.#at]!);
      } catch (error) {
        if (error instanceof TransportError) throw error;
        failure = error;
        this.#at = (this.#at + 1) % this.#list.length;
      }
    }
    throw failure;
  }
}

function urlOf({ protocol }: URL, host: string): URL {
  const text = `${protocol}//${host}`;
  if (URL.canParse(text)) return new URL(text);
  throw new RangeError(
    `Cannot open ${protocol}: parameter servers has "${host}", expected host:port`,
  );
}
