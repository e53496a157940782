/**
 * Where a server of models is, and how it is asked: `kserve://host:8000?timeout=60&tries=4`.
 *
 * @module
 */
import { type Environment, environment, secretOf } from "@vcs/transport/internal";

/** A server of models. */
export interface ServerAddress {
  /** Its address for people, without settings. */
  readonly name: string;
  /** URL that the paths of the protocol are put behind. */
  readonly base: string;
  /** Seconds without a byte after which it is given up. */
  readonly timeout: number;
  /** Attempts at a request, where the server is not there, is busy or breaks off. */
  readonly tries: number;
  /** Most bytes of an answer. */
  readonly limit: number;
}

/** Settings by the names that they have in an address: what is allowed, and what holds without. */
const SETTINGS = {
  timeout: { least: 0.1, most: 86_400, otherwise: 300 },
  tries: { least: 1, most: 100, otherwise: 1 },
  limit: { least: 1, most: 2 ** 32, otherwise: 2 ** 30 },
} as const;

/** Whether a device is a server of models. */
export function isServed(device: string): boolean {
  return /^kserves?:\/\//i.test(device);
}

/**
 * Reads the address of a server.
 *
 * @throws {RangeError} where it has no host, a password, or settings that are not allowed; the message
 * holds no password.
 */
export function readAddress(device: string): ServerAddress {
  const fail = (found: string, expected: string): never => {
    throw new RangeError(`Cannot use a server of models: found ${found}, expected ${expected}`);
  };
  const text = device.replace(/^kserve/i, "http");
  if (!URL.canParse(text)) return fail("no address", "kserve://host:8000");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    fail("a name or password in its address", "VCS_KSERVE_USER and VCS_KSERVE_PASSWORD");
  }
  for (const key of url.searchParams.keys()) {
    if (!Object.hasOwn(SETTINGS, key)) fail(`setting ${key}`, Object.keys(SETTINGS).join(", "));
  }
  const setting = (key: keyof typeof SETTINGS): number => {
    const { least, most, otherwise } = SETTINGS[key];
    const given = url.searchParams.get(key);
    if (given === null) return otherwise;
    const isNumber = /^\d+(\.\d+)?$/.test(given) && (key === "timeout" || !given.includes("."));
    const value = isNumber ? Number(given) : NaN;
    return value >= least && value <= most ? value : fail(`${key}=${given}`, `${least} to ${most}`);
  };
  const base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  return {
    ...{ base, name: base.replace(/^http/, "kserve") },
    ...{ timeout: setting("timeout"), tries: setting("tries"), limit: setting("limit") },
  };
}

/**
 * What a server of models is told of who asks, as the environment has it: `VCS_KSERVE_TOKEN`, or
 * `VCS_KSERVE_USER` and `VCS_KSERVE_PASSWORD`; or files, named by these with `_FILE` behind.
 */
export function authorization(env: Environment = environment): Record<string, string> {
  const token = secretOf("VCS_KSERVE_TOKEN", env);
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  const user = secretOf("VCS_KSERVE_USER", env);
  if (user === undefined) return {};
  const login = `${user}:${secretOf("VCS_KSERVE_PASSWORD", env) ?? ""}`;
  return { authorization: `Basic ${new TextEncoder().encode(login).toBase64()}` };
}
