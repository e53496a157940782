/**
 * Users of a server of NATS: its accounts by tokens that are signed, as clouds have them.
 *
 * @module
 */
import { nkeys } from "@nats-io/transport-node";

const { createAccount, createOperator, createUser } = nkeys;

type Key = ReturnType<typeof createUser>;

/** What a signed token is about. */
interface Claims {
  readonly subject: Key;
  readonly issuer: Key;
  readonly nats: object;
}

const encoder = new TextEncoder();
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const coded = (bytes: Uint8Array) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });

/** A token of the form that NATS reads, signed with Ed25519. */
function signed({ subject, issuer, nats }: Claims): string {
  const claims = {
    ...{ jti: subject.getPublicKey(), iat: 1_700_000_000, name: "vcs" },
    ...{ iss: issuer.getPublicKey(), sub: subject.getPublicKey(), nats: { version: 2, ...nats } },
  };
  const parts = [{ typ: "JWT", alg: "ed25519-nkey" }, claims];
  const text = parts.map((part) => coded(encoder.encode(JSON.stringify(part)))).join(".");
  return `${text}.${coded(issuer.sign(encoder.encode(text)))}`;
}

/** Bounds of which none binds. */
const OPEN = { subs: -1, data: -1, payload: -1 };
const ACCOUNT = { ...OPEN, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const JETSTREAM = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** A configuration of a server that trusts an operator, and credentials of users of two accounts. */
export function operatorOf(): { config: string; streams: string; none: string; wrong: string } {
  const operator = createOperator();
  const [system, streams, none] = [createAccount(), createAccount(), createAccount()];
  const account = (subject: Key, limits: object) =>
    signed({ subject, issuer: operator, nats: { type: "account", limits } });
  const tokens = [
    [system, account(system!, ACCOUNT)],
    [streams, account(streams!, { ...ACCOUNT, ...JETSTREAM })],
    [none, account(none!, ACCOUNT)],
  ] as const;
  const own = signed({ subject: operator, issuer: operator, nats: { type: "operator" } });
  const config = [
    `operator: ${own}`,
    `system_account: ${system!.getPublicKey()}`,
    "resolver: MEMORY",
    `resolver_preload: { ${tokens.map(([key, token]) => `${key!.getPublicKey()}: ${token}`)} }`,
  ];
  return {
    config: config.join("\n"),
    streams: credentials(streams!),
    none: credentials(none!),
    wrong: credentials(createAccount()),
  };
}

/** A file of credentials of a new user. */
function credentials(account: Key): string {
  const user = createUser();
  const token = signed({ subject: user, issuer: account, nats: { type: "user", ...OPEN } });
  const block = (name: string, text: string) =>
    `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
  return block("NATS USER JWT", token) + block("USER NKEY SEED", textOf(user.getSeed()));
}

/** Public key and seed of a new user. */
export function keyOf(): { key: string; seed: string } {
  const user = createUser();
  return { key: user.getPublicKey(), seed: textOf(user.getSeed()) };
}
