/**
 * Options that several subcommands have.
 *
 * @module
 */
import { deviceKind } from "@vcs/onnx/internal";
import { flag, operand, option, urlText } from "@vcs/transport/internal";

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
