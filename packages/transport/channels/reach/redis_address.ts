/**
 * Where a Redis is, how one proves who one is there, and how it refuses.
 *
 * @module
 */
import { TransportError } from "../../errors.ts";
import { defined } from "../../io/defined.ts";
import { hostAndPort } from "../settings.ts";
import { type Access, nodeTls, refuseUntrusted } from "./access.ts";

/** Options of ioredis that a URL and its access make. */
export function redisAddress(url: URL, access: Access): object {
  const { hostname: host, port } = hostAndPort(url, 6379);
  return {
    host,
    port,
    ...defined({ username: access.user, password: access.password ?? access.token }),
    ...(access.tls && { tls: { ...nodeTls(access.tls), servername: host } }),
  };
}

/** How Redis says that a password, a right or a database is wrong. */
const REFUSAL = /WRONGPASS|NOAUTH|NOPERM|AUTH|DB index/;

/** What the server refuses is refused again, however often it is asked. */
export function refusedByRedis(error: unknown, url: URL): never {
  if (!REFUSAL.test(String(error))) refuseUntrusted(error, url);
  const text = `Cannot connect to Redis at ${url.host}: it refuses: ${(error as Error).message}`;
  throw new TransportError("refused", text, { cause: error });
}
