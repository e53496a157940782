/**
 * Ports for servers whose address has to be known before they listen.
 *
 * @module
 */

/**
 * A port on the loopback interface that is free now, as are some that follow it. It lies below the
 * range of ephemeral ports, so that no other connection takes it meanwhile.
 */
export function freePort(count = 1): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      for (let i = 0; i < count; i++) {
        Deno.listen({ hostname: "127.0.0.1", port: port + i }).close();
      }
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
