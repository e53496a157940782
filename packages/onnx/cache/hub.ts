/**
 * What the Hugging Face hub says of a file before it is fetched: where it is, how long, and its
 * SHA-256.
 *
 * @module
 */
import type { HubFile } from "../store.ts";
import { OnnxError } from "../errors.ts";
import {
  type Environment,
  IdleRequest,
  type RequestOptions,
  retryTransient,
  TransientError,
} from "@vcs/transport/internal";
import { huggingFaceEndpoint, huggingFaceToken } from "./paths.ts";

/** Most redirections from one URL of the hub to another. */
const MAX_MOVES = 8;

/** What the hub knows of a large file. */
interface HubFacts {
  readonly size?: number;
  readonly sha256?: string;
  /** Revision of the repository that was asked. */
  readonly revision?: string;
}

/** Where a file of the hub is, how to ask for it, and what it must be. */
export interface HubAnswer extends HubFacts {
  /** Its URL. */
  readonly url: string;
  /** Headers of the request. */
  readonly headers: { readonly [name: string]: string };
}

/**
 * Asks the hub for the place, size and SHA-256 of a file.
 *
 * @throws {OnnxError} `download-failed` where the hub does not answer, or refuses.
 */
export async function askHub(
  { repository, file, revision = "main" }: HubFile,
  env: Environment,
  options: RequestOptions,
): Promise<HubAnswer> {
  const url = `${huggingFaceEndpoint(env)}/${repository}/resolve/${revision}/${file}`;
  const token = await huggingFaceToken(env);
  const headers: HubAnswer["headers"] = token ? { authorization: `Bearer ${token}` } : {};
  try {
    return {
      url,
      headers,
      ...await retryTransient(() => hubFacts(url, headers, options), options),
    };
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    throw new OnnxError("download-failed", `Cannot download ${url}: ${error.message}`);
  }
}

/**
 * What the hub's answer says of a file. The redirection to a large file names it in its own headers;
 * that of a renamed repository does not, and is followed.
 */
async function hubFacts(
  url: string,
  headers: HubAnswer["headers"],
  options: RequestOptions,
): Promise<HubFacts> {
  let at = url;
  for (let moves = 0; moves <= MAX_MOVES; moves++) {
    using request = new IdleRequest(options);
    const answer = await request.fetch(at, { method: "HEAD", headers, redirect: "manual" });
    await answer.body?.cancel();
    if (answer.status >= 400) throw hubRefusal(url, answer.status, "authorization" in headers);
    const facts = linkedFile(answer.headers);
    const next = new URL(answer.headers.get("location") ?? at, at);
    const isMoved = next.href !== at && next.origin === new URL(at).origin;
    if (!isMoved || facts.size !== undefined || facts.sha256 !== undefined) return facts;
    at = next.href;
  }
  return {};
}

function linkedFile(headers: Headers): HubFacts {
  const size = Number(headers.get("x-linked-size") ?? NaN);
  const tag = headers.get("x-linked-etag")?.replaceAll('"', "") ?? "";
  const commit = headers.get("x-repo-commit") ?? "";
  return {
    ...(/^[0-9a-f]{40}$/.test(commit) ? { revision: commit } : {}),
    ...(Number.isSafeInteger(size) ? { size } : {}),
    ...(/^[0-9a-f]{64}$/.test(tag) ? { sha256: tag } : {}),
  };
}

function hubRefusal(url: string, status: number, hasToken: boolean): OnnxError {
  const closed = status === 401 || status === 403;
  const hint = !closed
    ? ""
    : hasToken
    ? "; the token does not open it: accept the model's terms on its page"
    : "; it may need a token: set HF_TOKEN";
  return new OnnxError(
    "download-failed",
    `Cannot download ${url}: the hub answered ${status}${hint}`,
  );
}
