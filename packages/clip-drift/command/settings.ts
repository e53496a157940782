/**
 * Settings from the environment, under the names and with the defaults of Seymour-pi's encoders.
 *
 * @module
 */

/** What the environment says. */
export interface Environment {
  /** `ENCODERS_DEVICE`. */
  readonly device: string;
  /** `ENCODERS_MODEL`; undefined where it is not set. */
  readonly model: string | undefined;
  /** `ENCODERS_PRETRAINED`; undefined where it is not set. */
  readonly pretrained: string | undefined;
  /** `ENCODERS_SNAPSHOT_INTERVAL`, seconds. */
  readonly snapshotInterval: number;
  /** `ENCODERS_EMBEDDING_INTERVAL`, frames. */
  readonly embeddingInterval: number;
  /** `ENCODERS_ROLLING_WINDOW`, frames. */
  readonly rollingWindow: number;
  /** `ENCODERS_RECONNECT_DELAY`, seconds. */
  readonly reconnectDelay: number;
  /** `ENCODERS_FRAME_TIMEOUT`, seconds. */
  readonly frameTimeout: number;
}

type NumberName = Exclude<keyof Environment, "device" | "model" | "pretrained">;

/** Each number's variable, default, and whether it must be whole. */
const NUMBERS: Readonly<Record<NumberName, readonly [string, number, boolean]>> = {
  snapshotInterval: ["ENCODERS_SNAPSHOT_INTERVAL", 30, false],
  embeddingInterval: ["ENCODERS_EMBEDDING_INTERVAL", 100, true],
  rollingWindow: ["ENCODERS_ROLLING_WINDOW", 300, true],
  reconnectDelay: ["ENCODERS_RECONNECT_DELAY", 2, false],
  frameTimeout: ["ENCODERS_FRAME_TIMEOUT", 10, false],
};

/**
 * Reads the environment.
 *
 * @param get gives a variable
 * @param warn called with a line where a number is none and its default is taken
 */
export function readEnvironment(
  get: (name: string) => string | undefined,
  warn: (line: string) => void,
): Environment {
  const numbers = Object.fromEntries(
    Object.entries(NUMBERS).map(([key, [name, fallback, isWhole]]) => {
      const text = get(name)?.trim() || undefined;
      const value = Number(text ?? fallback);
      const isRight = Number.isFinite(value) && value > 0 && (!isWhole || Number.isInteger(value));
      if (isRight) return [key, value];
      warn(
        `${name} is "${text}", which is no ${
          isWhole ? "whole " : ""
        }number above 0: using ${fallback}`,
      );
      return [key, fallback];
    }),
  ) as Record<NumberName, number>;
  return {
    device: get("ENCODERS_DEVICE") || "auto",
    model: get("ENCODERS_MODEL") || undefined,
    pretrained: get("ENCODERS_PRETRAINED") || undefined,
    ...numbers,
  };
}
