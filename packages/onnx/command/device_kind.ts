/**
 * The kind of an option that says where a network runs.
 *
 * @module
 */
import type { ValueKind } from "@vcs/transport/internal";
import { parseDevice } from "../devices.ts";
import { isServed, readAddress } from "../served/address.ts";

/** A device's name; whether it works here is seen when it is opened. */
export const deviceKind: ValueKind<string> = {
  placeholder: "DEVICE",
  allowed: "auto, cpu, cuda, cuda:N, webgpu or kserve://HOST:PORT",
  completion: ["auto", "cpu", "cuda", "webgpu"],
  parse: (text) => text === "auto" || isDevice(text) ? text : undefined,
};

function isDevice(name: string): boolean {
  try {
    if (isServed(name)) readAddress(name);
    else parseDevice(name);
    return true;
  } catch {
    return false;
  }
}
