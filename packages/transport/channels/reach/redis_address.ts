/**
 * Where a Redis is, how one proves who one is there, and how it refuses.
 *
 * @module
 */
import { TransportError } from "../../errors.ts";
import { defined } from "../../io/defined.ts";
import { type Access, nodeTls, refuseUntrusted } from "./access.ts";
import type { Server } from "./servers.ts";

/** Options of ioredis that a server and its access make. */
export function redisAddress({ hostname: host, port }: Server, access: Access): object {
  return {
    host,
    port,
    ...defined({ username: access.user, password: access.password ?? access.token }),
    ...(access.tls && { tls: { ...nodeTls(access.tls), servername: host } }),
  };
}

/** How Redis says that a password, a right or a database is wrong. */
const REFUSAL =
  /WRONGPASS|NOAUTH|NOPERM|AUTH|DB index|user executing the script|^ReplyError: MOVED/;

/** What the server refuses is refused again, however often it is asked. */
export function refusedByRedis(error: unknown, url: URL): never {
  if (!REFUSAL.test(String(error))) refuseUntrusted(error, url);
  const text = `Cannot use Redis at ${url.host}: it refuses: ${(error as Error).message}`;
  throw new TransportError("refused", text, { cause: error });
}
