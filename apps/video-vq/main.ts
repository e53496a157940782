/**
 * Opens a page that shows a video and what becomes of it as tokens, side by side and live. The
 * sender is a process of its own, here or on another machine.
 *
 *   deno task video-vq [SOURCE] [--model REF] [--size N] [--port 8414]
 *
 * On two machines: start `sender.ts` on the one, and this with `--sender http://the-one:8415` on
 * the other.
 *
 * @module
 */
import { print, runMain, say, UsageError } from "@vcs/transport/internal";
import { parseArgs } from "node:util";
import { ReceiverServer } from "./receiver_server.ts";

const HELP = `Usage: deno task video-vq [SOURCE] [options]

Shows a video and its reconstruction from tokens, side by side. SOURCE is a video file, a folder
of pictures or the http: address of a camera; without one, a moving picture is drawn.

  --model REF     the model, as for the command (what is on this machine)
  --device D      auto, cpu, cuda[:N] or webgpu (auto)
  --size N        columns and rows that are coded (128)
  --fps N         frames a second of the drawn picture and of files (24)
  --payload FORM  packed or range (range)
  --port N        port of the page (8414)
  --listen URL    where windows come in (tcp://127.0.0.1:0)
  --sender URL    page of a sender that runs elsewhere; none is started then`;

function parse(args: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        model: text,
        device: text,
        size: text,
        fps: text,
        payload: text,
        port: { type: "string", default: "8414" },
        listen: { type: "string", default: "tcp://127.0.0.1:0" },
        sender: text,
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

await runMain("video-vq page", async (args, signal) => {
  const { values, positionals } = parse(args);
  if (values.help) {
    print(HELP);
    return;
  }
  const { model, device, size, fps, payload, sender, listen } = values;
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535 || positionals.length > 1) {
    throw new UsageError(`found port ${values.port} and ${positionals.length} sources`);
  }
  const forward = { model, device, size, fps, payload };
  const flags = Object.entries(forward).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value]
  );
  await using server = await ReceiverServer.open({
    port,
    listen,
    senderArgs: [...positionals, ...flags],
    ...(model !== undefined && { model }),
    ...(device !== undefined && { device }),
    ...(sender !== undefined && { senderPage: sender }),
  });
  say(`The page is at ${server.url}; windows come in at ${server.listening}`);
  await server.run(signal);
});
