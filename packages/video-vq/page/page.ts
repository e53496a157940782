/**
 * `video-vq page`: a page that shows a video and what becomes of it as tokens, side by side and
 * live. The sender is a process of its own, here or on another machine.
 *
 * @module
 */
import { print, say, UsageError } from "@vcs/transport/internal";
import { parseArgs } from "node:util";
import { given } from "../command/options.ts";

const HELP = `Usage: video-vq page [SOURCE] [options]

Shows a video and its reconstruction from tokens, side by side. SOURCE is a video file, a folder
of images or the http: URL of a camera; without one, a moving scene is drawn.

  --model REF     the model, as for the command (what is on this machine)
  --device D      auto, cpu, cuda[:N] or webgpu (auto)
  --size N        columns and rows that are coded (128)
  --fps N         frames per second of the drawn scene and of files (24)
  --payload FORM  packed or range (range)
  --port N        port of the page (8414; with --to: 8415)
  --host ADDRESS  address to listen on; beyond this machine a token is needed (127.0.0.1)
  --token SECRET  what viewers must know (random beyond this machine)
  --listen URL    where windows come in (tcp://127.0.0.1:0)
  --sender URL    what a sender elsewhere printed; none is started then
  --to CHANNEL    be that sender: encode SOURCE into the channel, and show it to the page`;

type Values = ReturnType<typeof parse>["values"];

function parse(args: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...{ model: text, device: text, size: text, fps: text, payload: text },
        ...{ port: text, host: text, token: text, listen: text, sender: text, to: text },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

/** A whole number of at most so much. */
function whole(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= most) return Number(text);
  throw new UsageError(`--${name} ${text}: expected a whole number from 0 to ${most}`);
}

function siteOf({ host, port, token }: Values, usualPort: number) {
  return {
    port: whole("port", port, 65535) ?? usualPort,
    ...given<{ hostname: string; token: string }>({ hostname: host, token }),
  };
}

async function send(to: string, source: string | undefined, values: Values, signal: AbortSignal) {
  const { model, device, size, fps, payload } = values;
  const { runSender } = await import("./sender.ts");
  await runSender({
    to,
    site: siteOf(values, 8415),
    payload: payload === "packed" ? "packed" : "range",
    ...given<{ source: string; model: string; device: string; size: number; fps: number }>({
      ...{ source, model, device },
      size: whole("size", size, 1024),
      fps: fps === undefined ? undefined : Number(fps),
    }),
  }, signal);
}

async function show(source: string | undefined, values: Values, signal: AbortSignal) {
  const { model, device, size, fps, payload, sender, listen } = values;
  const { ReceiverServer } = await import("./receiver_server.ts");
  const forward = Object.entries({ model, device, size, fps, payload });
  const flags = forward.flatMap(([name, value]) => value === undefined ? [] : [`--${name}`, value]);
  await using server = await ReceiverServer.open({
    site: siteOf(values, 8414),
    listen: listen ?? "tcp://127.0.0.1:0",
    senderArgs: source === undefined ? flags : [source, ...flags],
    ...given<{ model: string; device: string; senderPage: string }>({
      ...{ model, device },
      senderPage: sender,
    }),
  });
  say(`The page is at ${server.url}; windows come in at ${server.listening}`);
  await server.run(signal);
}

/**
 * Shows the page, or sends to one, until it is interrupted.
 *
 * @param args what comes after the command's name
 * @returns the exit code
 * @throws {UsageError} where the arguments are wrong
 */
export async function page(args: string[], signal: AbortSignal): Promise<number> {
  const { values, positionals: [source, ...others] } = parse(args);
  if (values.help) {
    print(HELP);
    return 0;
  }
  if (others.length > 0) throw new UsageError(`page takes one source, found ${others.length + 1}`);
  if (values.to === undefined) await show(source, values, signal);
  else await send(values.to, source, values, signal);
  return signal.aborted ? 130 : 0;
}
