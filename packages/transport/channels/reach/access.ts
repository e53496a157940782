/**
 * How an end proves who it is, and whom it trusts: names, passwords, tokens and TLS, from the
 * options of a channel, its URL, files and the environment, so that no secret has to stand in a
 * command line.
 *
 * @module
 */
import { type Environment, environment, secretOf } from "../../command/environment.ts";
import { TransportError } from "../../errors.ts";
import { defined } from "../../io/defined.ts";
import { shownUrl, splitCredentials } from "../../io/credentials.ts";
import type { UrlSettings } from "../settings.ts";
import type { ChannelSettings } from "../types.ts";

/** What a file of credentials, or the environment, may hold. */
const NAMES = ["user", "password", "token", "secret"] as const;

/** What is known of an end. */
export interface Access {
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** The secret of a `tcp:` channel. */
  readonly secret?: string;
  /** The text of a NATS credentials file. */
  readonly creds?: string;
  /** The seed of a user's key of NATS. */
  readonly nkey?: string;
  /** There where TLS is spoken. */
  readonly tls?: NonNullable<ChannelSettings["tls"]>;
}

/**
 * Reads what a URL, its files and the environment say; the options go before the URL, the URL before
 * the file, the file before the environment.
 *
 * @throws {RangeError} where a file cannot be read.
 */
export function readAccess(
  url: URL,
  read: UrlSettings,
  { tls, secret }: Pick<ChannelSettings, "tls" | "secret">,
  env: Environment = environment,
): Access {
  const { credentials } = splitCredentials(url);
  const { user, password } = credentials ?? {};
  return {
    ...fromEnvironment(env),
    ...fromFile(fileOf(url, read, "credentials")),
    ...defined({ user: user || undefined, password: password || undefined, secret }),
    ...defined({ tls: readTls(url, read, tls) }),
  };
}

/** Their variables; with `_FILE` behind its name each names a file. */
const VARIABLES = {
  user: "VCS_CHANNEL_USER",
  password: "VCS_CHANNEL_PASSWORD",
  token: "VCS_CHANNEL_TOKEN",
  secret: "VCS_SECRET",
} as const;

function fromEnvironment(env: Environment): Access {
  return Object.fromEntries(NAMES.flatMap((name) => {
    const value = secretOf(VARIABLES[name], env);
    return value ? [[name, value]] : [];
  }));
}

/** The seed of a user of NATS. */
const SEED = /^SU[A-Z2-7]{56}$/m;

/** The lines `name=value` of a file, or credentials or a seed as NATS writes them. */
function fromFile(text: string | undefined): Access {
  if (text === undefined) return {};
  if (text.includes("BEGIN NATS USER JWT")) return { creds: text };
  const [nkey] = SEED.exec(text) ?? [];
  if (nkey) return { nkey };
  const lines = text.split(/\r?\n/).map((line) => line.split(/=(.*)/s));
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const line = lines.find(([key]) => key?.trim() === name);
      return line ? [[name, line[1] ?? ""]] : [];
    }),
  );
}

function readTls(
  url: URL,
  read: UrlSettings,
  tls: ChannelSettings["tls"],
): ChannelSettings["tls"] | undefined {
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => fileOf(url, read, name));
  const isNamed = [ca, cert, key, tls].some((given) => given !== undefined);
  const wanted = read.flag("tls", isNamed || /^(rediss|amqps):$/.test(url.protocol));
  if (!wanted) return undefined;
  return { ...defined({ cert, key, caCerts: ca === undefined ? undefined : [ca] }), ...tls };
}

function fileOf(url: URL, read: UrlSettings, name: string): string | undefined {
  const path = read.text(name, "");
  if (path === "") return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const { message } = error as Error;
    throw new RangeError(`Cannot open ${url.protocol}: ${name}=${path} cannot be read: ${message}`);
  }
}

/** Options of TLS as Node names them. */
export function nodeTls(
  { caCerts, cert, key }: NonNullable<Access["tls"]>,
): { ca?: string[]; cert?: string; key?: string } {
  return defined({ ca: caCerts && [...caCerts], cert, key });
}

/** How a TLS library says that a certificate is not trusted, here or at the peer. */
const UNTRUSTED = /certificate|self.signed|UnknownIssuer|UnknownCA|NotValidForName|altname/i;

/** A certificate that is not trusted is not trusted later. */
export function refuseUntrusted(error: unknown, url: URL): never {
  const { message, code } = error as Error & { code?: string };
  if (!UNTRUSTED.test(`${message} ${code}`)) throw error;
  const text = `Cannot connect to ${shownUrl(url)}: TLS is refused: ${message}`;
  throw new TransportError("refused", text, { cause: error });
}
