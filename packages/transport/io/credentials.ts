/**
 * Names and passwords in URLs: taken out of them, and never shown.
 *
 * @module
 */

/** Name and password. */
export interface Credentials {
  /** Name of the user. */
  readonly user: string;
  /** Password of the user. */
  readonly password: string;
}

/** A URL without the name and password that it carried. */
export interface SplitUrl {
  /** The URL that may be shown and logged. */
  readonly url: URL;
  /** What stood before the @. */
  readonly credentials?: Credentials;
}

/** Decodes percent-encoding; a percent sign that encodes nothing stands for itself. */
function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped;
    }
  });
}

/**
 * Takes name and password out of a URL.
 *
 * @throws {TypeError} if it is not a URL; the message holds no password
 */
export function splitCredentials(source: string | URL): SplitUrl {
  if (!URL.canParse(source)) {
    throw new TypeError(
      `Cannot read ${shownText(source)}: it is not a URL, expected scheme://host:port/path`,
    );
  }
  const url = new URL(source);
  const { username, password } = url;
  if (username === "" && password === "") return { url };
  url.username = url.password = "";
  return {
    url,
    credentials: { user: percentDecoded(username), password: percentDecoded(password) },
  };
}

/** A text that is no URL as it may be shown: without what stands before an @ or behind a ?. */
export function shownText(source: string | URL): string {
  return String(source).replace(/\/\/.*@/, "//").replace(/\?.*/, "");
}

/** Names of parameters in which cameras, stores and others take names, passwords and signatures. */
const SECRET_PARAMETER =
  /^(?:(?:login_?)?(?:user(?:name)?|usr|pass(?:w(?:or)?d|phrase)?|pwd|psw|loginuse|loginpas)|auth|(?:\w+_)?(?:token|secret|signature)|(?:api[_-]?|access)?key(?:id)?|sig|x-(?:amz|goog)-(?:signature|credential|security-token))$/i;

/** A parameter in a path, as in `/user=admin&password=secret&channel=1.sdp`, also with `_` between. */
const PATH_PARAMETER = /([/&;_])([a-z]+)=((?:(?!_[a-z]+=)[^&/;])*)/gi;

/**
 * A URL as it may be shown and logged: without name and password, and with `***` for the values
 * of parameters that cameras take them in.
 *
 * @throws {TypeError} if it is not a URL; the message holds no password
 */
export function shownUrl(source: string | URL): string {
  const { url } = splitCredentials(source);
  for (const name of [...url.searchParams.keys()]) {
    if (SECRET_PARAMETER.test(name)) url.searchParams.set(name, "***");
  }
  url.pathname = url.pathname.replace(
    PATH_PARAMETER,
    (whole, before, name) => SECRET_PARAMETER.test(name) ? `${before}${name}=***` : whole,
  );
  return url.href;
}

/** What stands between the scheme of a URL and its host: a name, a password, or both. */
const LOGIN = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi;

/** A URL with a query, in a text, whose sentence may go on with a mark of its own. */
const WITH_QUERY =
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*\?[^\s#"'<>]*?(?=[:,;.)]?(?:[\s#"'<>]|$))/gi;
/** A parameter of a query. */
const PARAMETER = /([?&;])([^=&;?]+)=[^&;]+/g;
/** The address of a page of ours, which is printed to be opened: a host with a port, and a token. */
const PAGE = /^http:\/\/[^/?]+:\d+\/\?token=[^&;]*$/;

function hideParameters(url: string): string {
  if (PAGE.test(url)) return url;
  return url.replace(
    PARAMETER,
    (whole, before, name) => SECRET_PARAMETER.test(name) ? `${before}${name}=***` : whole,
  );
}

/**
 * A text in which all that logs in at a URL is `***`, whatever the scheme: what stands before the @,
 * and the values of parameters such as `token`. Only the address of a page, `http://HOST:PORT/?token=…`,
 * stays: it is printed to be opened.
 *
 * @example
 * ```ts
 * import { hidePasswords } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * assert.equal(hidePasswords("at redis://me:word@host:1/0"), "at redis://***@host:1/0");
 * ```
 */
export function hidePasswords(text: string): string {
  return text.replace(LOGIN, "$1***@").replace(WITH_QUERY, hideParameters);
}
