/**
 * The subcommand `setup`: fetches all that a command can need, so that it runs without a network
 * from then on.
 *
 * @example
 * ```ts
 * import { CHANNEL_CLIENTS, command, partNeed, setupCommand } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * const relay = command({
 *   name: "relay",
 *   about: "passes messages on",
 *   commands: [setupCommand(() => Promise.resolve(CHANNEL_CLIENTS.map(partNeed)))],
 * });
 * assert.deepEqual(relay.commands.map(({ name }) => name), ["setup"]);
 * ```
 *
 * @module
 */
import { type Command, command } from "../command/command.ts";
import { megabytes } from "../command/download_bar.ts";
import { errorLine } from "../command/run.ts";
import { print, printable, say } from "../command/terminal.ts";
import { AMQP_CLIENT, KAFKA_CLIENT, NATS_CLIENT, REDIS_CLIENT, S3_SIGNER } from "./clients.ts";
import { JOB_QUEUE, PARQUET_WRITER } from "./batch_parts.ts";
import { findPart, installPart } from "./install.ts";
import { type Part, partTitle } from "./part.ts";

/** Something that a command can need and that is fetched. */
export interface Need {
  /** Its name, with its version. */
  readonly title: string;
  /** What it is for, in a few words. */
  readonly about: string;
  /** Bytes to fetch; 0 where it is on this machine. */
  missingBytes(): Promise<number>;
  /** Fetches it where it is not on this machine; gives its place. */
  fetch(signal: AbortSignal): Promise<string>;
}

/** What channels through brokers and services need. */
export const CHANNEL_CLIENTS: readonly Part[] = [
  REDIS_CLIENT,
  AMQP_CLIENT,
  NATS_CLIENT,
  KAFKA_CLIENT,
  S3_SIGNER,
];

/** What batches need: a writer of parquet files, signatures for S3. */
export const BATCH_PARTS: readonly Part[] = [PARQUET_WRITER, S3_SIGNER];

/** What batches by a queue need besides. */
export const QUEUE_PARTS: readonly Part[] = [JOB_QUEUE, REDIS_CLIENT];

/** A part as something that a command can need. */
export function partNeed(part: Part): Need {
  return {
    title: partTitle(part),
    about: part.about,
    missingBytes: async () => (await findPart(part)).bytes,
    fetch: async (signal) => await installPart(part, { signal }),
  };
}

/** Makes sure that one thing is here, and prints its line; whether it is. */
async function bring({ title, about, ...need }: Need, signal: AbortSignal): Promise<boolean> {
  try {
    const bytes = await need.missingBytes();
    const place = await need.fetch(signal);
    const state = bytes === 0 ? "here" : `fetched, ${megabytes(bytes)}`;
    print(printable(`${title} (${state}), for ${about}: ${place}`));
    return true;
  } catch (error) {
    signal.throwIfAborted();
    say(errorLine(error));
    return false;
  }
}

/**
 * The subcommand `setup` of a command with these needs.
 *
 * @param load gives them; called when the subcommand runs
 */
export function setupCommand(load: () => Promise<readonly Need[]>): Command {
  return command({
    name: "setup",
    about: "fetch all that this command can need; afterwards it needs no network",
    async run({ signal }) {
      const needs = await load();
      const bytes = await Promise.all(needs.map((need) => need.missingBytes().catch(() => 0)));
      const total = bytes.reduce((sum, bytes) => sum + bytes, 0);
      const count = bytes.filter((bytes) => bytes > 0).length;
      say(`${needs.length - count} of ${needs.length} are here, ${megabytes(total)} to fetch`);
      let missing = 0;
      for (const need of needs) if (!await bring(need, signal)) missing++;
      return missing > 0 ? 1 : 0;
    },
  });
}
