/**
 * Node's modules, loaded when they are first used. Several of them take longer to load than all of
 * a package's own modules together, and who asks for `--help` needs none of them.
 *
 * @module
 */
import type * as crypto from "node:crypto";
import type * as fs from "node:fs";
import type * as http from "node:http";
import type * as module from "node:module";
import type * as net from "node:net";
import type * as os from "node:os";
import type * as process from "node:process";
import type * as stream from "node:stream";
import type * as streamPromises from "node:stream/promises";
import type * as tls from "node:tls";
import type * as url from "node:url";
import type * as zlib from "node:zlib";

/** The modules, by their names. */
export type Builtins = {
  readonly "node:crypto": typeof crypto;
  readonly "node:fs": typeof fs;
  readonly "node:http": typeof http;
  readonly "node:module": typeof module;
  readonly "node:net": typeof net;
  readonly "node:os": typeof os;
  readonly "node:process": typeof process;
  readonly "node:stream": typeof stream;
  readonly "node:stream/promises": typeof streamPromises;
  readonly "node:tls": typeof tls;
  readonly "node:url": typeof url;
  readonly "node:zlib": typeof zlib;
};

/** A module of Node, for code that may not wait for an import. */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): unknown };
  };
  return process.getBuiltinModule(name) as Builtins[Name];
}
