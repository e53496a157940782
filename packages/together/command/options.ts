/**
 * Options that several subcommands have.
 *
 * @module
 */
import { deviceKind } from "@vcs/onnx/internal";
import {
  defined,
  flag,
  number,
  operand,
  option,
  type OptionValues,
  text,
  urlText,
} from "@vcs/transport/internal";

/** The channel between two machines. */
export const CHANNEL_OPERAND = operand(
  urlText("CHANNEL"),
  "URL such as tcp://host:7000, file:folder/, zmq+push://…, redis://…, amqp://… or nats://…",
);

/** Where networks run. */
export const DEVICE = option(deviceKind, {
  help: "where networks run: auto, cpu, cuda, cuda:N, webgpu or kserve://HOST:PORT",
  default: "auto",
});

/** Totals for programs. */
export const JSON_TOTALS = flag({ help: "print the totals as JSON on stdout" });

/** How a channel is opened. */
export const CHANNEL = {
  secret: option(text(), {
    help: "shared secret of both ends of a tcp: channel",
    env: "VCS_SECRET",
    isSecret: true,
  }),
  timeout: option(number({ min: 0, max: 86_400, placeholder: "SECONDS" }), {
    help: "how long the peer may be unreachable before the stream fails",
    default: 30,
  }),
};

/** The options of a channel as the library has them. */
export function channelOptions(
  { secret, timeout }: OptionValues<typeof CHANNEL>,
): { secret?: string; timeout: number } {
  return { ...defined({ secret }), timeout: timeout * 1000 };
}
