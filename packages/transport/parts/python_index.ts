/**
 * Where wheels lie: the index of Python packages is asked for the URL of a file by its name, as
 * JSON (PEP 691) or, from indexes that know no other, as HTML (PEP 503). What it says of the file's
 * hash is not asked: ours are pinned.
 *
 * @module
 */
import { type Environment, environment } from "../command/environment.ts";
import { TransportError } from "../errors.ts";
import { variable } from "../fetch/cache_folder.ts";
import {
  IdleRequest,
  type RequestOptions,
  retryTransient,
  TransientError,
} from "../fetch/requests.ts";

const JSON_TYPE = "application/vnd.pypi.simple.v1+json";

/** An index of Python packages. */
export interface PythonIndex {
  /** Its URL, without the user's name and password, which are in no message. */
  readonly url: string;
  /** Headers of requests to it: `authorization` where its URL had a name or a password. */
  readonly headers: { readonly [name: string]: string };
}

/** Where a file lies, and the headers to ask for it with. */
export interface WheelSource {
  /** URL of the file. */
  readonly url: string;
  /** Headers of requests for it. */
  readonly headers: { readonly [name: string]: string };
}

/**
 * The index that wheels come from: `PIP_INDEX_URL`, else PyPI.
 *
 * @throws {TransportError} `part-missing` where the variable is not a URL of http or https.
 */
export function pythonIndex(env: Environment = environment): PythonIndex {
  const text = variable(env, "PIP_INDEX_URL") ?? "https://pypi.org/simple";
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    // The text may hold a password.
    const found = "found something that is not a URL of http or https in PIP_INDEX_URL";
    throw new TransportError("part-missing", `Cannot ask the Python index: ${found}`);
  }
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  [url.username, url.password] = ["", ""];
  return {
    url: url.href.replace(/\/+$/, ""),
    headers: login === ":" ? {} : { authorization: `Basic ${btoa(login)}` },
  };
}

/** Links to files in an answer of an index. */
function linksIn(text: string, isJson: boolean): string[] {
  if (!isJson) {
    const links = text.matchAll(/<a\s[^>]*?href\s*=\s*["']([^"']*)["']/gi);
    return [...links].map(([, link = ""]) => link.replaceAll("&amp;", "&"));
  }
  const { files = [] }: { files?: readonly { url?: unknown }[] } = JSON.parse(text);
  return files.map(({ url }) => String(url));
}

/** The URL of a file among an index's links; without what stands behind `#`, its hash. */
function linkTo(wheel: string, links: readonly string[], base: string): URL | undefined {
  for (const link of links) {
    const url = URL.parse(link, base);
    if (url === null || url.pathname.split("/").at(-1) !== wheel) continue;
    url.hash = "";
    return url;
  }
}

async function askIndex(
  page: string,
  wheel: string,
  headers: WheelSource["headers"],
  options: RequestOptions,
): Promise<URL | undefined> {
  using request = new IdleRequest(options);
  const accept = `${JSON_TYPE}, text/html;q=0.1`;
  const response = await request.fetch(page, { headers: { ...headers, accept } });
  const text = await response.text().catch((error) => {
    throw request.fault(error, "the connection broke off: ");
  });
  if (!response.ok) {
    const status = `${response.status} ${response.statusText}`.trim();
    throw new TransportError(
      "download-failed",
      `Cannot read ${page}: the index answered ${status}`,
    );
  }
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  try {
    return linkTo(wheel, linksIn(text, isJson), response.url);
  } catch (cause) {
    const found = "found an answer that is not one of a Python index";
    throw new TransportError("download-failed", `Cannot read ${page}: ${found}`, { cause });
  }
}

/**
 * Asks an index where a wheel lies.
 *
 * @param name the package's name, in the spelling of PEP 503
 * @param wheel the file's name
 * @throws {TransportError} `download-failed` where the index does not answer or has no such file.
 */
export async function findWheel(
  { url, headers }: PythonIndex,
  name: string,
  wheel: string,
  options: RequestOptions = {},
): Promise<WheelSource> {
  const page = `${url}/${name}/`;
  const step = () => askIndex(page, wheel, headers, options);
  const found = await retryTransient(step, options).catch((error) => {
    if (!(error instanceof TransientError)) throw error;
    throw new TransportError("download-failed", `Cannot read ${page}: ${error.message}`);
  });
  if (found === undefined) {
    throw new TransportError("download-failed", `Cannot read ${page}: it has no ${wheel}`);
  }
  const isSameHost = found.origin === new URL(url).origin;
  return { url: found.href, headers: isSameHost ? headers : {} };
}
