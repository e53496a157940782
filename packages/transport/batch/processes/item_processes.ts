/**
 * Processes of the same command that make the records of items, for work that holds the JavaScript
 * thread, as decoding does: on threads of one process it was slower, and what ends a process fails
 * its item alone.
 *
 * @module
 */
import { abortable, settledWithin } from "../../flow/abort.ts";
import { BufferedReader } from "../../io/buffered_reader.ts";
import { defined } from "../../io/defined.ts";
import type { BatchWork } from "../batch.ts";
import { atMost } from "../ordered.ts";
import type { BatchItem, BatchRecord } from "../record.ts";
import { type Answer, nextAnswer } from "./answers.ts";
import { ITEM_PROCESS } from "./item_process.ts";

/** Milliseconds that a process has to end in order. */
const FAREWELL = 5000;

/** How processes are started. */
export interface ItemProcessOptions {
  /** Module of the command. */
  readonly main: string;
  /** Options of the command, for all of them. */
  readonly options: object;
  /** Most processes. */
  readonly count: number;
}

/** Whether processes of this command can be started, which may do all that this one may. */
export function canStartProcesses(): boolean {
  const names = ["run", "read", "write", "net", "env", "sys", "ffi"] as const;
  return names.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}

/** Works on items in processes, which start when they are needed, and stay. */
export class ItemProcesses implements BatchWork {
  readonly settings: BatchWork["settings"];
  readonly versions: BatchWork["versions"];
  readonly jobs: number;
  readonly readsStores: boolean;
  readonly encodeFile?: NonNullable<BatchWork["encodeFile"]>;
  readonly #work: BatchWork;
  readonly #options: ItemProcessOptions;
  readonly #inTurn: ReturnType<typeof atMost>;
  readonly #all = new Set<ItemProcess>();
  readonly #idle: ItemProcess[] = [];

  private constructor(work: BatchWork, options: ItemProcessOptions) {
    const { settings, versions, readsStores = false, encodeFile } = work;
    this.settings = settings;
    this.versions = versions;
    this.jobs = options.count;
    this.readsStores = readsStores;
    Object.assign(this, defined({ encodeFile }));
    this.#work = work;
    this.#options = options;
    this.#inTurn = atMost(options.count);
  }

  /**
   * Starts the first process.
   *
   * @param work what items are worked on with here; closed with the processes
   * @param signal ends the wait for it
   * @throws {Error} where it cannot be started, or the signal's reason.
   */
  static async open(
    work: BatchWork,
    options: ItemProcessOptions,
    signal: AbortSignal,
  ): Promise<ItemProcesses> {
    const processes = new ItemProcesses(work, options);
    const first = processes.#start();
    try {
      await abortable(first.ready(), signal);
    } catch (error) {
      await first.end();
      throw error;
    }
    processes.#idle.push(first);
    return processes;
  }

  /** Makes the record of an item in a process. */
  async run(item: BatchItem, signal: AbortSignal): Promise<BatchRecord> {
    return await this.#inTurn(async () => {
      signal.throwIfAborted();
      const process = this.#idle.pop() ?? this.#start();
      try {
        const answer = await abortable(process.ask(item), signal);
        this.#idle.push(process);
        return recordOf(answer);
      } finally {
        if (!this.#idle.includes(process)) this.#leave(process);
      }
    });
  }

  #start(): ItemProcess {
    const process = new ItemProcess(this.#options);
    this.#all.add(process);
    return process;
  }

  /** Ends a process that is in the middle of an item, or has ended. */
  #leave(process: ItemProcess): void {
    void process.end().then(() => this.#all.delete(process));
  }

  /** Ends the processes, and closes the work. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#all, (process) => process.end()));
    await this.#work[Symbol.asyncDispose]();
  }
}

function recordOf(answer: Answer): BatchRecord {
  if ("record" in answer) return answer.record;
  const { code, message } = "failure" in answer
    ? answer.failure
    : { code: "format", message: "Cannot work on an item: its process gave no answer" };
  throw Object.assign(new Error(message), { code });
}

/** What Deno is told to run the command again. */
function argsOf(main: string): string[] {
  if (Deno.build.standalone) return [];
  const run = ["run", "-A", "--no-check"];
  // In a self-extracting program all modules are one, and nothing of the machine has a say.
  const isOneFile = import.meta.url === Deno.mainModule;
  if (isOneFile) return [...run, "--no-config", "--no-lock", "--cached-only", Deno.mainModule];
  // One of a registry has its own settings with it, and not those of the folder where it is run.
  return [...run, ...(main.startsWith("file:") ? [] : ["--no-config"]), main];
}

/** A process that works on one item after the other. */
class ItemProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: BufferedReader;
  #ready: Promise<unknown> | undefined;

  constructor({ main, options, count }: ItemProcessOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...argsOf(main), "batch"],
      env: { [ITEM_PROCESS]: "1" },
      ...{ stdin: "piped", stdout: "piped", stderr: "null" },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#answers = BufferedReader.of(this.#child.stdout);
    this.#say({ options, count });
  }

  /** Waits until it is ready. */
  async ready(): Promise<void> {
    this.#ready ??= this.#next("start");
    await this.#ready;
  }

  /** What comes of an item. */
  async ask(item: BatchItem): Promise<Answer> {
    await this.ready();
    this.#say(item);
    return await this.#next(`work on ${item.source}`);
  }

  /** A pipe that is broken is told by the end of what is read. */
  #say(value: object): void {
    const line = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
    void this.#input.write(line).catch(() => {});
  }

  async #next(what: string): Promise<Answer> {
    try {
      return await nextAnswer(this.#answers);
    } catch {
      const { code, signal } = await this.#child.status;
      const how = signal ?? `exit code ${code}`;
      throw Object.assign(new Error(`Cannot ${what}: its process ended with ${how}`), {
        code: "process-ended",
      });
    }
  }

  /** Has it end; at once where it takes its time. */
  async end(): Promise<void> {
    void this.#input.close().catch(() => {});
    await settledWithin(FAREWELL, this.#child.status);
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#answers[Symbol.asyncDispose]().catch(() => {});
  }
}
