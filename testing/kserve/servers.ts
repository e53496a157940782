/**
 * Servers of the folders that `export` writes: sessions of this process, and KServe's own server.
 *
 * @module
 */
import { Session } from "@vcs/onnx/session";
import { join } from "node:path";
import { findPython } from "../python.ts";
import { serveModels } from "./model_server.ts";

/** A Python that has KServe's server, or undefined; `deno task kserve` makes one. */
export const KSERVE_PYTHON = findPython("kserve", "onnxruntime", "numpy");

/** A server that runs. */
export interface GraphServer extends AsyncDisposable {
  /** Its address as a device. */
  readonly device: string;
  /** Ends it as nothing else could: by SIGKILL, where it is a process. */
  kill(): Promise<void>;
}

/** Paths of the `.onnx` in such a folder, by their names on a server. */
export async function graphPaths(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name } of Deno.readDir(folder)) {
    for await (const file of Deno.readDir(`${folder}/${name}/1`)) {
      if (file.name.endsWith(".onnx")) found.set(name, `${folder}/${name}/1/${file.name}`);
    }
  }
  return found;
}

/** Serves a folder in this process. */
export async function serveHere(folder: string): Promise<GraphServer> {
  const sessions = new Map<string, Session>();
  for (const [name, path] of await graphPaths(folder)) {
    sessions.set(name, await Session.open(path, { device: "cpu", threads: 1 }));
  }
  const server = serveModels(sessions);
  let ended: PromiseLike<void> | undefined;
  const kill = async () => await (ended ??= server.kill());
  return {
    ...{ device: server.device, kill },
    async [Symbol.asyncDispose]() {
      await kill();
      for (const session of sessions.values()) session.close();
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts KServe's server for a folder, and waits until it is ready. */
export async function startKserve(folder: string): Promise<GraphServer> {
  const port = freePort();
  const child = new Deno.Command(KSERVE_PYTHON!, {
    args: [join(import.meta.dirname!, "server.py"), String(port), folder],
    stdout: "null",
    stderr: "null",
  }).spawn();
  let isRunning = true;
  const ended = child.status.then(() => void (isRunning = false));
  const ready = () =>
    fetch(`http://127.0.0.1:${port}/v2/health/ready`).then(
      async (response) => (await response.body?.cancel(), response.ok),
      () => false,
    );
  while (isRunning && !await ready()) await new Promise((wake) => setTimeout(wake, 100));
  if (!isRunning) throw new Error("Cannot start KServe's server: it ended before it was ready");
  const kill = async () => {
    if (isRunning) child.kill("SIGKILL");
    await ended;
  };
  return { device: `kserve://127.0.0.1:${port}`, kill, [Symbol.asyncDispose]: kill };
}
