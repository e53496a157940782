/**
 * The command `together`: its subcommands, each in a file of its own, whose work is loaded when it
 * is used.
 *
 * @module
 */
import { type Command, command, setupCommand } from "@vcs/transport/internal";
import { decode } from "./decode.ts";
import { embedPatches } from "./embed_patches.ts";
import { encode } from "./encode.ts";
import config from "../deno.json" with { type: "json" };

/** The command `together`. */
export const together: Command = command({
  name: "together",
  version: config.version,
  about: "two of the packages in one stream",
  commands: [
    encode,
    decode,
    embedPatches,
    setupCommand(async () => (await import("./needs.ts")).NEEDS),
  ],
});
