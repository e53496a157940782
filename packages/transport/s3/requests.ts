/**
 * Signed requests to an S3 service: where it is, who asks, and what its answers mean.
 *
 * @module
 */
import { type Environment, environment } from "../command/environment.ts";
import { TransportError } from "../errors.ts";
import {
  IdleRequest,
  type RequestOptions,
  retryTransient,
  TransientError,
} from "../fetch/requests.ts";
import { builtin } from "../io/builtin.ts";
import { S3_SIGNER } from "../parts/clients.ts";
import { lazyPart } from "../parts/load.ts";

/** Where a bucket is, and how its service is asked. */
export interface S3Options extends RequestOptions {
  /** The service. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, else that of AWS. */
  readonly endpoint?: string;
  /** Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, else `us-east-1`. */
  readonly region?: string;
  /** Environment variables to go by. Default: those of the process. */
  readonly env?: Environment;
}

/** One request. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Name of the object. Default: the request is about the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal | undefined;
}

/** An answer, all of it. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What we use of `aws4fetch`. */
export interface SignerModule {
  /** Signs one request. */
  readonly AwsV4Signer: new (request: {
    method: string;
    url: string;
    headers: Headers;
    accessKeyId: string;
    secretAccessKey: string;
    sessionToken?: string;
    service: string;
    region: string;
  }) => { sign(): Promise<{ headers: Headers }> };
}

const loadSigner = lazyPart<SignerModule>(S3_SIGNER);

/** Bytes that any link carries in a second. */
const SLOWEST_LINK = 100_000;
/** Answers that say something of the object; the caller knows what. */
const ANSWERS: ReadonlySet<string> = new Set(["NoSuchKey", "PreconditionFailed"]);
/** Refusals that another attempt may overcome. */
const PASSING: ReadonlySet<string> = new Set([
  "RequestTimeout",
  "ConditionalRequestConflict",
  "OperationAborted",
]);

/** Asks a service about one bucket. */
export class S3Requests {
  readonly #bucket: string;
  readonly #base: string;
  readonly #options: S3Options;
  readonly #keys: ReturnType<typeof credentials>;
  readonly #region: string;

  /** @throws {TransportError} `refused` where the environment has no credentials. */
  constructor(bucket: string, options: S3Options) {
    const { env = environment } = options;
    this.#bucket = bucket;
    this.#options = options;
    this.#region = options.region ?? env.get("AWS_REGION") ?? env.get("AWS_DEFAULT_REGION") ??
      "us-east-1";
    this.#base = baseOf(bucket, this.#region, options);
    this.#keys = credentials(bucket, env);
  }

  /**
   * The answer to a request, tried again where the service is busy or the connection breaks.
   *
   * @throws {TransportError} `refused` in the service's words, at once.
   * @throws {TransientError} the last fault, where every attempt failed.
   */
  async ask(request: S3Request): Promise<S3Answer> {
    const { signal } = request;
    const options = { ...this.#options, ...(signal && { signal }) };
    return await retryTransient(() => this.#attempt(request, options), options);
  }

  async #attempt(
    { method, key, query, headers, body }: S3Request,
    options: RequestOptions,
  ): Promise<S3Answer> {
    const url = `${this.#base}/${encodeKey(key ?? "")}${queryText(query)}`;
    const signed = await this.#sign(method, url, new Headers(headers), body);
    const idle = options.idleTimeoutSeconds ?? 15;
    using asking = new IdleRequest({
      ...options,
      idleTimeoutSeconds: idle + (body?.length ?? 0) / SLOWEST_LINK,
    });
    const init = { method, headers: signed, ...(body && { body }) };
    const response = await asking.fetch(url, init);
    const bytes = await readAll(response, asking);
    const answer = { status: response.status, headers: response.headers, bytes };
    if (!response.ok) this.#judge(answer, response.statusText);
    return answer;
  }

  async #sign(method: string, url: string, headers: Headers, body?: Uint8Array): Promise<Headers> {
    const { AwsV4Signer } = await loadSigner();
    const { createHash } = builtin("node:crypto");
    const hash = createHash("sha256").update(body ?? new Uint8Array(0)).digest("hex");
    headers.set("x-amz-content-sha256", hash);
    const keys = { ...this.#keys, service: "s3", region: this.#region };
    return (await new AwsV4Signer({ method, url, headers, ...keys }).sign()).headers;
  }

  /** What another attempt may cure, what the caller has a use for, and the rest, which is refused. */
  #judge({ status, bytes }: S3Answer, statusText: string): void {
    const text = new TextDecoder().decode(bytes);
    const code = field(text, "Code") ?? "";
    if (PASSING.has(code)) throw new TransientError(`the service answered ${code}`);
    // An answer to HEAD has no text.
    if (ANSWERS.has(code) || (code === "" && (status === 404 || status === 412))) return;
    const words = [code || `${status} ${statusText}`, field(text, "Message")].filter(Boolean);
    throw new TransportError(
      "refused",
      `Cannot use bucket ${this.#bucket}: the service refuses: ${words.join(": ")}`,
    );
  }
}

/** Text of an element of an answer, which has no attributes there. */
export function field(xml: string, name: string): string | undefined {
  const [, text] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? [];
  return text?.replace(/&(lt|gt|quot|apos|#39|#34|amp);/g, (_, entity) => ENTITIES[entity] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", "#39": "'", "#34": '"' },
};

function credentials(bucket: string, env: Environment) {
  const accessKeyId = env.get("AWS_ACCESS_KEY_ID");
  const secretAccessKey = env.get("AWS_SECRET_ACCESS_KEY");
  const sessionToken = env.get("AWS_SESSION_TOKEN");
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  }
  throw new TransportError(
    "refused",
    `Cannot use bucket ${bucket}: found no credentials, expected AWS_ACCESS_KEY_ID and ` +
      `AWS_SECRET_ACCESS_KEY in the environment`,
  );
}

/** The bucket's URL: below an endpoint of one's own, at AWS a host of its own. */
function baseOf(
  bucket: string,
  region: string,
  { endpoint, env = environment }: S3Options,
): string {
  const named = endpoint ?? env.get("AWS_ENDPOINT_URL_S3") ?? env.get("AWS_ENDPOINT_URL");
  if (named !== undefined) {
    if (URL.canParse(named) && /^https?:/.test(named)) {
      return `${named.replace(/\/+$/, "")}/${bucket}`;
    }
    throw new RangeError(`Cannot use endpoint "${named}": expected a URL of http: or https:`);
  }
  // The certificate of AWS does not cover names with dots.
  return bucket.includes(".")
    ? `https://s3.${region}.amazonaws.com/${bucket}`
    : `https://${bucket}.s3.${region}.amazonaws.com`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A key as a path. */
export function encodeKey(key: string): string {
  const steps = key.split("/");
  if (steps.some((step) => step === "." || step === "..")) {
    throw new RangeError(`Cannot use key "${key}": "." and ".." are taken out of URLs`);
  }
  return steps.map(encode).join("/");
}

function queryText(query: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

async function readAll(response: Response, asking: IdleRequest): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  try {
    for await (const part of response.body ?? []) {
      asking.touch();
      parts.push(part);
    }
  } catch (error) {
    throw asking.fault(error, "the connection broke off: ");
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
