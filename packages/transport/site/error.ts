/**
 * The response to a wrong request: a code, a message, and never a stack trace.
 *
 * @module
 */

/** What is wrong with a request. */
export type SiteErrorCode =
  | "bad-request"
  | "token-needed"
  | "foreign-host"
  | "foreign-origin"
  | "not-found"
  | "method-not-allowed"
  | "timeout"
  | "too-large"
  | "unprocessable"
  | "upgrade-needed"
  | "head-too-large"
  | "internal"
  | "too-many-clients";

const STATUS: Readonly<Record<SiteErrorCode, number>> = {
  "bad-request": 400,
  "token-needed": 401,
  "foreign-host": 403,
  "foreign-origin": 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "timeout": 408,
  "too-large": 413,
  "unprocessable": 422,
  "upgrade-needed": 426,
  "head-too-large": 431,
  "internal": 500,
  "too-many-clients": 503,
};

/** Headers of every response, errors included. */
export const GUARD_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; " +
    "object-src 'none'; base-uri 'none'; form-action 'self'; " +
    "frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A request that is not served. Handlers throw it; its message is shown to the viewer. */
export class SiteError extends Error {
  /** Name of the class. */
  override readonly name = "SiteError";

  /**
   * Makes an error.
   *
   * @param code what is wrong
   * @param message what was being done, what was found, what is expected
   */
  constructor(readonly code: SiteErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }

  /** HTTP status of the code. */
  get status(): number {
    return STATUS[this.code];
  }

  /** The response: `{ "error": code, "message": … }`. */
  response(headers: Readonly<Record<string, string>> = {}): Response {
    const { code, message, status } = this;
    return Response.json({ error: code, message }, { status, headers });
  }

  /** The whole response as bytes, for connections on which no response object exists. */
  bytes(): Uint8Array {
    const body = JSON.stringify({ error: this.code, message: this.message });
    const headers = {
      ...GUARD_HEADERS,
      "content-type": "application/json",
      "content-length": new TextEncoder().encode(body).length,
      connection: "close",
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return new TextEncoder().encode(
      `HTTP/1.1 ${this.status} ${this.code}\r\n${lines.join("")}\r\n${body}`,
    );
  }
}
