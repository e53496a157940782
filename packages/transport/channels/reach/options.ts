/**
 * Options with which commands open channels, and what the library takes in their place.
 *
 * @module
 */
import { option, type OptionValues, type ValueOption } from "../../command/options.ts";
import { number, text } from "../../command/values.ts";
import { defined } from "../../io/defined.ts";

/** How a channel is opened. */
export const CHANNEL_OPTIONS: {
  readonly secret: ValueOption<string, undefined>;
  readonly timeout: ValueOption<number, number>;
} = {
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
  { secret, timeout }: OptionValues<typeof CHANNEL_OPTIONS>,
): { secret?: string; timeout: number } {
  return { ...defined({ secret }), timeout: timeout * 1000 };
}
