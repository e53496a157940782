/**
 * `video-vq page`: a page that shows a video and what becomes of it as tokens, side by side and
 * live. The sender is a process of its own, here or on another machine.
 *
 * @module
 */
import { defined, type Invocation, type OptionValues, say } from "@vcs/transport/internal";
import { isNetwork, type PAGE, type PAGE_OPERANDS } from "../command/options.ts";
import { chosenModel } from "../command/settings.ts";

type Values = OptionValues<typeof PAGE>;

function siteOf({ host, port, token }: Values, usualPort: number) {
  return { hostname: host, port: port ?? usualPort, ...defined({ token }) };
}

async function send(to: string, source: string | undefined, values: Values, signal: AbortSignal) {
  const { device, size, fps, payload, allowClass: allowGlobals } = values;
  const { runSender } = await import("./sender.ts");
  await runSender({
    ...{ to, device, size, payload, allowGlobals },
    site: siteOf(values, 8415),
    ...defined({ source, fps, model: chosenModel(values).reference }),
  }, signal);
}

/** What the sending process is given on its command line. */
function senderArgs(model: string | undefined, source: string | undefined, values: Values) {
  const { device, size, fps, payload, allowClass } = values;
  const flags = defined({
    [model !== undefined && isNetwork(model) ? "model" : "weights"]: model,
    ...{ device, payload, fps },
    size: `${size.width}x${size.height}`,
  });
  const args = [
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, `${value}`]),
    ...allowClass.flatMap((name) => ["--allow-class", name]),
  ];
  return source === undefined ? args : [...args, source];
}

async function show(source: string | undefined, values: Values, signal: AbortSignal) {
  const { device, size, channel: listen, sender: senderPage, allowClass } = values;
  const model = chosenModel(values).reference;
  const { ReceiverServer } = await import("./receiver_server.ts");
  await using server = await ReceiverServer.open({
    ...{ listen, device, size, allowGlobals: allowClass },
    site: siteOf(values, 8414),
    senderArgs: senderArgs(model, source, values),
    ...defined({ model, senderPage }),
  });
  say(`The page is at ${server.url}`);
  say(`Windows are expected at ${server.listening}`);
  await server.run(signal);
}

/** Shows the page, or sends to one, until it is interrupted. */
export async function page(
  { options, operands, signal }: Invocation<typeof PAGE, typeof PAGE_OPERANDS>,
): Promise<void> {
  if (options.to === undefined) await show(operands.source, options, signal);
  else await send(options.to, operands.source, options, signal);
}
