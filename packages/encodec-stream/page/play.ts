/**
 * `encodec-stream play`: a page that plays `.ecdc` while it decodes.
 *
 * @module
 */
import { print, say, UsageError } from "@vcs/transport/internal";
import { parseArgs } from "node:util";
import { PlayerServer } from "./player_server.ts";

const HELP = `Usage: encodec-stream play [FILE|URL] [options]

Serves a page on this machine that plays .ecdc files and URLs while they decode.

  --port N          port of the page (8048)
  --host ADDRESS    address to listen on; beyond this machine a token is needed (127.0.0.1)
  --token SECRET    what viewers must know (random beyond this machine)
  --checkpoint REF  weights: a path, a URL, or "synthetic" to try without any
  --device D        auto, cpu, cuda[:N] or webgpu (auto)`;

function parse(args: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        port: { type: "string", default: "8048" },
        host: { type: "string", default: "127.0.0.1" },
        token: text,
        checkpoint: text,
        device: text,
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

/**
 * Serves the page until it is interrupted.
 *
 * @param args what comes after the command's name
 * @returns the exit code
 * @throws {UsageError} where the arguments are wrong
 */
export async function play(args: string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    print(HELP);
    return 0;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535 || positionals.length > 1) {
    throw new UsageError(`Cannot serve: found port ${values.port} and ${positionals.length} files`);
  }
  const { host: hostname, token, checkpoint, device } = values;
  const [file] = positionals;
  await using server = await PlayerServer.open({
    port,
    hostname,
    ...(token !== undefined && { token }),
    ...(checkpoint !== undefined && { checkpoint }),
    ...(device !== undefined && { device }),
    ...(file !== undefined && { file }),
  });
  say(`The player is at ${server.url}`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return 130;
}
