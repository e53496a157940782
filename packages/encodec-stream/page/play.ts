/**
 * `encodec-stream play`: a page that plays `.ecdc` while it decodes.
 *
 * @module
 */
import {
  abortable,
  type Command,
  command,
  fileOrUrl,
  option,
  optionalOperand,
  say,
  text,
  whole,
} from "@vcs/transport/internal";
import { CHECKPOINT_OPTIONS } from "@vcs/onnx/internal";
import { RUN_OPTIONS } from "../command/codec_options.ts";
import { PlayerServer } from "./player_server.ts";

/** The subcommand `play`. */
export const play: Command = command({
  name: "play",
  about: "serve a page that plays files and URLs while they decode",
  operands: { file: optionalOperand(fileOrUrl(), "what the page opens at once") },
  options: {
    port: option(whole({ min: 0, max: 65535 }), {
      help: "port of the page; 0 is any free one",
      default: 8048,
    }),
    host: option(text("ADDRESS"), {
      help: "address to listen on; beyond this machine a token is needed",
      default: "127.0.0.1",
    }),
    token: option(text("SECRET"), {
      help: "what viewers must know",
      defaultText: "random beyond this machine",
      env: "VCS_TOKEN",
      isSecret: true,
    }),
    ...RUN_OPTIONS,
    ...CHECKPOINT_OPTIONS,
  },
  async run({ options: { host: hostname, allowClass, ...options }, operands, signal }) {
    const settings = { ...options, ...operands, hostname, allowGlobals: allowClass };
    await using server = await PlayerServer.open(settings);
    say(`The player is at ${server.url}`);
    await abortable(Promise.withResolvers<never>().promise, signal);
  },
});
