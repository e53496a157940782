/**
 * Bull Board, the community's dashboard for BullMQ, as its own documentation sets it up.
 *
 * @module
 */
import { join } from "node:path";

const PACKAGES = {
  ...{ "@bull-board/api": "9.10.1", "@bull-board/express": "9.10.1", "express": "5.2.1" },
  ...{ "bullmq": "6.7.0", "ioredis": "5.8.2" },
};

const SERVER = `
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import express from "express";
const connection = new Redis({ port: Number(process.argv[2]), maxRetriesPerRequest: null });
const serverAdapter = new ExpressAdapter();
const queues = [new BullMQAdapter(new Queue("vcs-batch", { connection }))];
createBullBoard({ queues, serverAdapter });
const server = express().use("/", serverAdapter.getRouter());
const listening = server.listen(0, "127.0.0.1", () => console.log(listening.address().port));
`;

/** A folder with the dashboard, in which nothing of ours is; undefined where npm has it not for us. */
export async function installDashboard(): Promise<string | undefined> {
  const folder = await Deno.makeTempDir();
  const write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
  await write("package.json", JSON.stringify({ private: true, dependencies: PACKAGES }));
  await write("deno.json", JSON.stringify({ nodeModulesDir: "auto" }));
  await write("server.mjs", SERVER);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--no-lock"],
    ...{ cwd: folder, stdout: "null", stderr: "null" },
  }).output();
  if (success) return folder;
  await Deno.remove(folder, { recursive: true });
  return undefined;
}

/** A dashboard that runs. */
export class Dashboard implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #url: string;

  private constructor(process: Deno.ChildProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  /** Starts it beside a Redis. */
  static async start(folder: string, redis: number): Promise<Dashboard> {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", join(folder, "server.mjs"), String(redis)],
      ...{ cwd: folder, stdin: "null", stdout: "piped", stderr: "inherit" },
    }).spawn();
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      return new Dashboard(process, `http://127.0.0.1:${text.trim()}`);
    }
    throw new Error("The dashboard did not start");
  }

  /** What it shows of the jobs in a state. */
  async shows(state: string): Promise<ShownQueue> {
    const query = new URLSearchParams({ activeQueue: "vcs-batch", status: state });
    const answer = await fetch(`${this.#url}/api/queues?${query}`);
    const { queues }: { readonly queues: readonly ShownQueue[] } = await answer.json();
    return queues[0]!;
  }

  /** Does what its button does. */
  async press(button: string): Promise<boolean> {
    const answer = await fetch(`${this.#url}/api/queues/vcs-batch/${button}`, { method: "PUT" });
    await answer.body?.cancel();
    return answer.ok;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }
}

/** A queue as it is shown. */
export interface ShownQueue {
  /** Jobs by their state. */
  readonly counts: Readonly<Record<string, number>>;
  /** Those of the state that was asked for. */
  readonly jobs: readonly {
    readonly id: string;
    readonly name: string;
    readonly failedReason?: string;
    readonly returnValue: unknown;
  }[];
}
