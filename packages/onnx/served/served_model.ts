/**
 * A model on a server that speaks the Open Inference Protocol, version 2, over HTTP.
 *
 * @module
 */
import {
  IdleRequest,
  type RequestOptions,
  retryTransient,
  TransientError,
} from "@vcs/transport/internal";
import { type Clock, systemClock } from "@vcs/transport/portable";
import { tensorBytes } from "@vcs/transport/tensor";
import { OnnxError } from "../errors.ts";
import type { Engine, RunOptions, Tensors } from "../runtime/engine.ts";
import type { ModelValue } from "../runtime/model_io.ts";
import { authorization, readAddress, type ServerAddress } from "./address.ts";
import {
  encodeRun,
  JSON_LENGTH,
  type ModelSides,
  readFault,
  readMetadata,
  readRun,
} from "./protocol.ts";

/** A whole answer. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Answers that another attempt may change: the server is busy, starting, or behind a gate. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** A model that a server holds ready. */
export class ServedModel implements Engine {
  readonly device: string;
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  readonly #address: ServerAddress;
  readonly #name: string;
  readonly #clock: Clock;

  private constructor(address: ServerAddress, name: string, sides: ModelSides, clock: Clock) {
    this.device = address.name;
    this.inputs = sides.inputs;
    this.outputs = sides.outputs;
    this.#address = address;
    this.#name = name;
    this.#clock = clock;
  }

  /** Asks the server for a model, and what it takes and gives. */
  static async open(
    name: string | URL | Uint8Array,
    device: string,
    clock: Clock = systemClock,
  ): Promise<ServedModel> {
    const address = readAddress(device);
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot open a model at ${address.name}: found a model of this machine, expected the name of one there`,
      );
    }
    if (!/^\w[\w.-]*$/.test(name)) {
      throw new RangeError(
        `Cannot open model ${
          JSON.stringify(name)
        } at ${address.name}: expected a name of letters, digits, _ . and -`,
      );
    }
    const answer = await ask(address, `open model ${name}`, `/v2/models/${name}`, {}, { clock });
    if (answer.status === 200) {
      return new ServedModel(address, name, readMetadata(answer.bytes), clock);
    }
    const code = answer.status === 404 ? "model-unknown" : "server-failed";
    throw new OnnxError(code, `Cannot open model ${name} at ${address.name}: ${wordsOf(answer)}`);
  }

  async run(
    feeds: Readonly<Tensors>,
    outputs: readonly ModelValue[],
    { signal, outputs: given = {} }: RunOptions,
  ): Promise<Tensors> {
    const [address, name] = [this.#address, this.#name];
    const { jsonLength, body } = encodeRun(this, feeds, outputs);
    const headers = {
      "content-type": "application/octet-stream",
      [JSON_LENGTH]: String(jsonLength),
    };
    const init = { method: "POST", headers, body };
    const options = { clock: this.#clock, ...(signal && { signal }) };
    const answer = await ask(address, `run ${name}`, `/v2/models/${name}/infer`, init, options);
    if (answer.status !== 200) {
      const isRefusal = [401, 403, 404].includes(answer.status) || answer.status < 400;
      const code = isRefusal ? "server-failed" : "run-failed";
      throw new OnnxError(code, `Cannot run ${name} at ${address.name}: ${wordsOf(answer)}`);
    }
    const results = readRun(answer.headers.get(JSON_LENGTH), answer.bytes, outputs);
    for (const [key, t] of Object.entries(given)) {
      const result = results[key];
      if (result === undefined) continue;
      if (result.data.byteLength !== t.data.byteLength) {
        throw new RangeError(
          `Cannot run: output ${key} is given [${t.shape}], the result is [${result.shape}]`,
        );
      }
      tensorBytes(t).set(tensorBytes(result));
      results[key] = t;
    }
    return results;
  }

  close(): void {
    // The server goes on holding it.
  }
}

/** What an answer says that is not the one wanted. */
function wordsOf({ status, bytes }: Answer): string {
  const said = readFault(bytes);
  return `the server answered ${status}${said === undefined ? "" : `: ${said}`}`;
}

/**
 * An answer, asked for again where the server is not there, is busy or breaks off, as often as the
 * address says. A run changes nothing on the server: states are inputs and outputs.
 */
async function ask(
  address: ServerAddress,
  doing: string,
  path: string,
  init: RequestInit,
  waiting: Pick<RequestOptions, "signal" | "clock">,
): Promise<Answer> {
  const { timeout: idleTimeoutSeconds, tries } = address;
  const options = { ...waiting, idleTimeoutSeconds, tries };
  try {
    return await retryTransient(async () => {
      using asking = new IdleRequest(options);
      return await attempt(asking, address, path, init);
    }, options);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const hint = tries === 1 ? "; with ?tries=4 behind its address it is asked again" : "";
    const message = `Cannot ${doing} at ${address.name}: ${error.message}${hint}`;
    throw new OnnxError("server-failed", message, { cause: error });
  }
}

async function attempt(
  asking: IdleRequest,
  { base, limit }: ServerAddress,
  path: string,
  init: RequestInit,
): Promise<Answer> {
  const headers = { ...init.headers as Record<string, string>, ...authorization() };
  // Who asks is told to this server alone: a redirection is an answer like others.
  const response = await asking.head(`${base}${path}`, { ...init, headers, redirect: "manual" });
  const { status } = response;
  const answer = {
    status,
    headers: response.headers,
    bytes: await readAll(response, asking, limit),
  };
  if (PASSING.has(status)) throw new TransientError(wordsOf(answer));
  return answer;
}

async function readAll(
  response: Response,
  asking: IdleRequest,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = Number(response.headers.get("content-length") ?? 0);
  const isBeyond = length > limit;
  if (!isBeyond) length = 0;
  try {
    for await (const part of isBeyond ? [] : response.body ?? []) {
      asking.touch();
      parts.push(part);
      length += part.length;
      if (length > limit) break;
    }
  } catch (error) {
    throw asking.fault(error, "the connection broke off: ");
  }
  if (length <= limit) return new Uint8Array(await new Blob(parts).arrayBuffer());
  await response.body?.cancel().catch(() => {});
  throw new OnnxError(
    "limit",
    `Cannot read a server's answer: found ${length} bytes or more, expected at most ${limit}, the limit= of its address`,
  );
}
