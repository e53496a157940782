/**
 * Serves a page that plays `.ecdc` while it decodes.
 *
 *   deno task encodec-stream [FILE|URL] [--port 8048] [--checkpoint REF] [--device D]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { print, runMain, say, UsageError } from "@vcs/transport/internal";
import { PlayerServer } from "./player_server.ts";

const HELP = `Usage: deno task encodec-stream [FILE|URL] [options]

Serves a page on this machine that plays .ecdc files and addresses while they decode.

  --port N          port of the page (8048)
  --checkpoint REF  weights: a path, an address, or "synthetic" to try without any
  --device D        auto, cpu, cuda[:N] or webgpu (auto)`;

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        port: { type: "string", default: "8048" },
        checkpoint: { type: "string" },
        device: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

await runMain("encodec-stream player", async (args, signal) => {
  const { values, positionals } = parse(args);
  if (values.help) {
    print(HELP);
    return;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535 || positionals.length > 1) {
    throw new UsageError(`Cannot serve: found port ${values.port} and ${positionals.length} files`);
  }
  const { checkpoint, device } = values;
  const [file] = positionals;
  await using server = new PlayerServer({
    port,
    ...(checkpoint !== undefined && { checkpoint }),
    ...(device !== undefined && { device }),
    ...(file !== undefined && { file }),
  });
  say(`The player is at ${server.url}`);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
});
