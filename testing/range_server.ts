/** A web server with one file, of which it sends ranges as well as real ones do. */

/** What was asked of the server. */
export class RangeServer implements AsyncDisposable {
  /** Requests so far. */
  requests = 0;
  /** Bytes sent so far. */
  sent = 0;
  /** Answers a request in place of the server, unless it gives nothing. */
  instead: (range: { from: number; to: number } | undefined, request: number) => Response | void =
    () => {};
  /** The file. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Its tag. */
  tag = '"v1"';
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #name: string;

  constructor(bytes: Uint8Array<ArrayBuffer>, name = "film.mp4") {
    this.bytes = bytes;
    this.#name = name;
    const options = { port: 0, hostname: "127.0.0.1", onListen() {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  /** Its address. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/${this.#name}`;
  }

  #answer({ headers }: Request): Response {
    const found = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "");
    const size = this.bytes.length;
    const range = found
      ? { from: Number(found[1]), to: Math.min(size, Number(found[2]) + 1) }
      : undefined;
    const instead = this.instead(range, this.requests++);
    if (instead) return instead;
    const isFresh = (headers.get("if-range") ?? this.tag) === this.tag;
    return range && isFresh ? this.part(range.from, range.to) : this.whole();
  }

  /** The file from one place to before another. */
  part(from: number, to: number): Response {
    const body = this.bytes.slice(from, to);
    this.sent += body.length;
    const range = `bytes ${from}-${to - 1}/${this.bytes.length}`;
    return new Response(body, { status: 206, headers: { "content-range": range, etag: this.tag } });
  }

  /** All of the file. */
  whole(): Response {
    this.sent += this.bytes.length;
    return new Response(this.bytes, { headers: { etag: this.tag } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
