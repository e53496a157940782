/**
 * The flags of the watch, and whether they can be used.
 *
 * @module
 */
import { parseDevice } from "@vcs/onnx/devices";
import { UsageError } from "@vcs/transport/internal";
import type { AlertRule } from "../alerts.ts";
import { splitCredentials } from "../camera/auth.ts";
import type { Environment } from "./settings.ts";
import { openSource } from "../source.ts";

/** Flags of the watch, as commander gives them. */
export interface WatchFlags {
  /** What to watch. */
  stream?: string[];
  /** Whether to serve the page. */
  display: boolean;
  /** Whether the page shows plots. */
  plot: boolean;
  /** Whether to write run folders. */
  save: boolean;
  /** Only look whether the stream works. */
  test?: boolean;
  /** Model. */
  model?: string;
  /** Weights. */
  pretrained?: string;
  /** Device. */
  device?: string;
  /** Arithmetic. */
  precision: "fp32" | "fp16" | "int8";
  /** Activation. */
  activation?: "quick_gelu" | "gelu";
  /** Labels to choose from. */
  labels?: string;
  /** What to compare with. */
  reference?: string;
  /** Rules. */
  alert?: AlertRule[];
  /** Addresses that get alerts. */
  webhook?: string[];
  /** Commands that get alerts. */
  exec?: string[];
  /** Folder of the runs. */
  runs: string;
  /** Address and port of the page. */
  listen: string;
  /** What viewers must know. */
  token?: string;
  /** Which frames to take. */
  policy?: "latest" | "all";
  /** The most frames in a second. */
  maxFps?: number;
  /** Failed attempts after which to give up. */
  retries?: number;
}

/** The flags, with at least one stream. */
export type StreamFlags = WatchFlags & { readonly stream: readonly string[] };

/** Host and port of `127.0.0.1:8080`, `:8080`, `8080` or `[::1]:8080`. */
export function parseListen(text: string): { hostname: string; port: number } {
  const match = /^(?:(\[[^\]]+\]|[^:]*):)?(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65535) {
    throw new UsageError(`--listen is ${text}, wanted an address and a port, as 127.0.0.1:8080`);
  }
  return { hostname: match[1]?.replace(/[[\]]/g, "") || "127.0.0.1", port: Number(match[2]) };
}

/**
 * Does something with what was typed.
 *
 * @throws {UsageError} where it cannot be used
 */
function asTyped<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

/**
 * Refuses what cannot be used, before the model is opened.
 *
 * @throws {UsageError} that says what is wrong
 */
export function checkFlags(flags: StreamFlags, env: Environment): void {
  const { listen, device = env.device, stream, webhook = [] } = flags;
  parseListen(listen);
  asTyped(() => {
    for (const spec of stream) openSource(spec);
    for (const url of webhook) splitCredentials(url);
    if (device !== "auto") parseDevice(device);
  });
}
