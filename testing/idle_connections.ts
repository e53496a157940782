/**
 * Many connections that say nothing, held by a process of its own: the limit of descriptors is raised
 * there, and those of the server are left to it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Connections to open, and how many of them at once. */
const [CONNECTIONS, AT_ONCE] = [2000, 100];

/** Connections that are held. */
export interface IdleConnections extends AsyncDisposable {
  /** How many were opened: less than 2,000 where no more descriptors are to be had. */
  readonly count: number;
}

/** Opens connections to a port of this machine, and holds them until disposed. */
export async function holdIdle(port: number): Promise<IdleConnections> {
  const self = [Deno.execPath(), "run", "-A", "--no-check", "--no-lock"];
  const line = [...self, fileURLToPath(import.meta.url), `${port}`];
  const raised = ["sh", "-c", 'ulimit -n 4096 2>/dev/null; exec "$@"', "sh", ...line];
  const [command, ...args] = Deno.build.os === "windows" ? line : raised;
  const child = new Deno.Command(command!, { args, stdin: "piped", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    count: Number(new TextDecoder().decode(value)),
    async [Symbol.asyncDispose]() {
      await child.stdin.close().catch(() => {});
      await reader.cancel();
      await child.status;
    },
  };
}

if (import.meta.main) {
  const port = Number(Deno.args[0]);
  const held: Deno.Conn[] = [];
  try {
    while (held.length < CONNECTIONS) {
      const some = Array.from({ length: AT_ONCE }, () => Deno.connect({ port }));
      for (const one of await Promise.allSettled(some)) {
        if (one.status === "rejected") throw one.reason;
        held.push(one.value);
      }
    }
  } catch {
    // No more descriptors.
  }
  await Deno.stdout.write(new TextEncoder().encode(`${held.length}\n`));
  await Deno.stdin.read(new Uint8Array(1));
  Deno.exit(0);
}
