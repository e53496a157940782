/**
 * Answers to HTTP authentication challenges: Basic (RFC 7617) and Digest (RFC 7616, with MD5,
 * MD5-sess and SHA-256, `qop=auth` or none).
 *
 * @module
 */
import { builtin, type Credentials } from "@vcs/transport/internal";

/** Whether name and password for `from` may be sent to `to`, the target of a redirect. */
export function maySend(from: URL, to: URL): boolean {
  const isSafer = from.protocol === "http:" && to.protocol === "https:";
  return to.origin === from.origin || (isSafer && to.hostname === from.hostname);
}

interface Challenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

const PARAMETER = /^([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))/;

/** Reads a `WWW-Authenticate` header, which may hold several challenges. */
function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; params: Map<string, string> }[] = [];
  let rest = header;
  while ((rest = rest.replace(/^[\s,]+/, "")) !== "") {
    const parameter = PARAMETER.exec(rest);
    const taken = parameter ?? /^[^\s,]+/.exec(rest)!;
    if (parameter === null) challenges.push({ scheme: taken[0].toLowerCase(), params: new Map() });
    else {
      const value = parameter[2]?.replace(/\\(.)/g, "$1") ?? parameter[3]!;
      challenges.at(-1)?.params.set(parameter[1]!.toLowerCase(), value);
    }
    rest = rest.slice(taken[0].length);
  }
  return challenges;
}

const HASHES: Readonly<Record<string, string>> = {
  "md5": "md5",
  "md5-sess": "md5",
  "sha-256": "sha256",
  "sha-256-sess": "sha256",
};

const algorithmOf = (challenge: Challenge) =>
  (challenge.params.get("algorithm") ?? "MD5").toLowerCase();

/** Chooses Digest if its algorithm is known, else Basic. */
function choose(header: string): Challenge | undefined {
  const challenges = parseChallenges(header);
  return challenges.find((c) => c.scheme === "digest" && algorithmOf(c) in HASHES) ??
    challenges.find((c) => c.scheme === "basic");
}

/** Answers challenges of one server, and counts how often a nonce was used. */
export class Authenticator {
  readonly #credentials: Credentials;
  #challenge: Challenge | undefined;
  #count = 0;

  /** Makes an authenticator for a user. */
  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /**
   * Takes a `WWW-Authenticate` header.
   *
   * @returns whether another attempt makes sense: the first challenge, or a nonce gone stale; a
   * fresh nonce alone says nothing, as cameras send one with every refusal
   */
  challenge(header: string): boolean {
    // What a camera sends comes back in our requests: there it must not begin another line.
    const next = choose(header.replace(/[\r\n\0]/g, " "));
    const isNew = this.#challenge === undefined ||
      next?.params.get("stale")?.toLowerCase() === "true";
    this.#challenge = next;
    this.#count = 0;
    return next !== undefined && isNew;
  }

  /**
   * The `Authorization` header of a request; undefined before any challenge.
   *
   * @param method the request's method
   * @param path the URL's path and query
   * @param nonce the client's nonce. Default: random.
   */
  header(
    method: string,
    path: string,
    nonce: string = builtin("node:crypto").randomBytes(8).toString("hex"),
  ): string | undefined {
    if (this.#challenge === undefined) return undefined;
    const { user, password } = this.#credentials;
    if (this.#challenge.scheme === "digest") return this.#digest(method, path, nonce);
    return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
  }

  #digest(method: string, path: string, cnonce: string): string {
    const { params } = this.#challenge!;
    const { user, password } = this.#credentials;
    const algorithm = algorithmOf(this.#challenge!);
    const hash = (words: string) =>
      builtin("node:crypto").createHash(HASHES[algorithm]!).update(words).digest("hex");
    const realm = params.get("realm") ?? "";
    const nonce = params.get("nonce") ?? "";
    const nc = (++this.#count).toString(16).padStart(8, "0");
    const isAuth = (params.get("qop") ?? "").split(",").some((q) => q.trim() === "auth");
    const secret = hash(`${user}:${realm}:${password}`);
    const a1 = algorithm.endsWith("-sess") ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
    const middle = isAuth ? `${nonce}:${nc}:${cnonce}:auth` : nonce;
    const fields = {
      ...{ username: quoted(user), realm: quoted(realm), nonce: quoted(nonce), uri: quoted(path) },
      response: quoted(hash(`${a1}:${middle}:${hash(`${method}:${path}`)}`)),
      ...(params.has("algorithm") ? { algorithm: params.get("algorithm")! } : {}),
      ...(params.has("opaque") ? { opaque: quoted(params.get("opaque")!) } : {}),
      ...(isAuth ? { qop: "auth", nc } : {}),
      ...(isAuth || algorithm.endsWith("-sess") ? { cnonce: quoted(cnonce) } : {}),
    };
    return `Digest ${Object.entries(fields).map(([key, value]) => `${key}=${value}`).join(", ")}`;
  }
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}
