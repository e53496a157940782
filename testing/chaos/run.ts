/**
 * One run of chaos: numbered messages through a channel while everything around it fails.
 *
 * @module
 */
import type { ChannelName } from "@vcs/transport/delivery";
import { newStreamId } from "@vcs/transport/message";
import { sleep } from "../../packages/transport/testing/waits.ts";
import { End } from "./end.ts";
import { bursts, type Kind, type Planned } from "./plan.ts";
import type { World } from "./world.ts";

/** Milliseconds between two messages. */
const PACE = 20;
/** Bytes of a message, by seed: several in one read, or one in several. */
const SIZES = [2880, 100, 92_160];
/** Milliseconds without progress, after the last fault has healed, after which a run is stuck. */
const STUCK = 60_000;
/** Messages that may be on their way when the queue is deleted: both limits, and some to spare. */
const ON_THE_WAY = 12;

/** Milliseconds in which what an end has written is read. */
const SAID = 500;

/** Messages that a deleted queue and its two receivers hold at most, and one that comes. */
const HELD = 10;

/** What came of a run. */
export interface RunResult {
  readonly channel: ChannelName;
  readonly seed: number;
  readonly sent: number;
  readonly received: number;
  /** Messages that came more than once. */
  readonly doubled: number;
  /** Messages that one receiver got after a later one. */
  readonly disordered: number;
  /** Acknowledged messages that never came, but for those that were deleted. */
  readonly lost: readonly number[];
  /** Messages that never came and were perhaps deleted with the queue. */
  readonly deleted: number;
  readonly stuck: boolean;
  /** What ends said that ended by themselves. */
  readonly ended: readonly string[];
  /** Faults that took place. */
  readonly faults: Readonly<Partial<Record<Kind, number>>>;
}

/** Sends for some seconds, or longer where that is disturbed, while the faults of a seed come. */
export async function runChaos(world: World, seed: number, seconds: number): Promise<RunResult> {
  const chaos = new Chaos(world, seed, seconds);
  return await chaos.run();
}

class Chaos {
  readonly #world: World;
  readonly #seed: number;
  readonly #count: number;
  readonly #bursts: Generator<Planned[], never>;
  readonly #streamId = newStreamId();
  readonly #seen = new Map<number, number>();
  readonly #maybeDeleted = new Set<number>();
  readonly #ended: string[] = [];
  readonly #faults: Partial<Record<Kind, number>> = {};
  readonly #active = new Set<Promise<void>>();
  /** What is killed or stopped now, and is left alone. */
  readonly #busy = new Set<string>();
  readonly #latest = new Map<End, number>();
  #sender: End;
  #receivers: End[];
  #acknowledged = 0;
  #disordered = 0;
  #progressAt = performance.now();
  /** Messages that had come when the last burst had healed. */
  #cameBefore = 0;

  constructor(world: World, seed: number, seconds: number) {
    this.#world = world;
    this.#seed = seed;
    this.#count = Math.ceil(seconds * 1000 / PACE);
    this.#bursts = bursts(seed, world.kinds);
    this.#sender = this.#startSender();
    this.#receivers = [this.#startReceiver()];
  }

  async run(): Promise<RunResult> {
    while (!this.#isComplete() && !this.#isStuck()) {
      this.#look();
      if (this.#active.size === 0 && this.#seen.size > this.#cameBefore && !this.#isSent()) {
        for (const fault of this.#bursts.next().value) this.#begin(fault);
      }
      await sleep(PACE / 2);
    }
    const stuck = !this.#isComplete();
    await Promise.all([this.#sender, ...this.#receivers].map((end) => end.kill()));
    this.#read();
    return this.#result(stuck);
  }

  #result(stuck: boolean): RunResult {
    const missing = Array.from({ length: this.#acknowledged }, (_, i) => i)
      .filter((sequence) => !this.#seen.has(sequence));
    const deleted = missing.filter((sequence) => this.#maybeDeleted.has(sequence));
    const most = HELD * (this.#faults["delete place"] ?? 0);
    const times = [...this.#seen.values()];
    return {
      ...{ channel: this.#world.channel, seed: this.#seed, sent: this.#count, stuck },
      received: this.#seen.size,
      doubled: times.filter((count) => count > 1).length,
      disordered: this.#disordered,
      lost: [
        ...missing.filter((sequence) => !this.#maybeDeleted.has(sequence)),
        ...deleted.slice(most),
      ],
      deleted: Math.min(deleted.length, most),
      ...{ ended: this.#ended, faults: this.#faults },
    };
  }

  #isComplete(): boolean {
    if (this.#active.size > 0 || !this.#isSent()) return false;
    for (let i = 0; i < this.#count; i++) {
      if (!this.#seen.has(i) && !this.#maybeDeleted.has(i)) return false;
    }
    return true;
  }

  #isStuck(): boolean {
    return this.#active.size === 0 && performance.now() - this.#progressAt > STUCK;
  }

  #startSender(): End {
    const from = this.#acknowledged;
    const numbers = ["--from", from, "--count", this.#count - from, "--pace", PACE].map(String);
    const size = String(SIZES[this.#seed % SIZES.length]);
    return new End(
      "send",
      this.#world.sender,
      "--stream",
      this.#streamId,
      "--size",
      size,
      ...numbers,
    );
  }

  #startReceiver(): End {
    return new End("receive", this.#world.receiver);
  }

  #read(): void {
    this.#hear();
    for (const receiver of this.#receivers) this.#note(receiver);
  }

  /** Reads what the ends say, and starts those again that ended by themselves. */
  #look(): void {
    this.#read();
    const isBusy = (name: string) => this.#busy.has(name);
    if (this.#sender.code !== undefined && !isBusy("sender") && !this.#isSent()) {
      this.#ended.push(this.#sender.errors);
      this.#sender = this.#startSender();
    }
    if (this.#receivers[0]!.code !== undefined && !isBusy("receiver")) {
      this.#ended.push(this.#receivers[0]!.errors);
      this.#receivers[0] = this.#startReceiver();
    }
  }

  #isSent(): boolean {
    return this.#acknowledged >= this.#count;
  }

  /** Hears from the sender how many were acknowledged. */
  #hear(): void {
    for (const line of this.#sender.take()) {
      if (Number(line) <= this.#acknowledged) continue;
      this.#acknowledged = Number(line);
      this.#progressAt = performance.now();
    }
  }

  #note(receiver: End): void {
    for (const line of receiver.take()) {
      const [streamId, text] = line.split(" ");
      if (streamId !== this.#streamId) continue;
      const sequence = Number(text);
      const before = this.#seen.get(sequence) ?? 0;
      this.#seen.set(sequence, before + 1);
      if (before === 0) this.#progressAt = performance.now();
      const latest = this.#latest.get(receiver) ?? -1;
      if (sequence < latest) this.#disordered++;
      this.#latest.set(receiver, Math.max(latest, sequence));
    }
  }

  #begin(fault: Planned): void {
    const done: Promise<void> = this.#play(fault).finally(() => {
      this.#active.delete(done);
      this.#progressAt = performance.now();
      this.#cameBefore = this.#seen.size;
    });
    this.#active.add(done);
  }

  async #play({ kind, delay, duration }: Planned): Promise<void> {
    await sleep(delay);
    const [act, target = ""] = kind.split(" ");
    const name = act === "kill" || act === "stop" ? target : act!;
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
    try {
      if (act === "kill") await this.#kill(target, duration);
      else if (act === "stop") await this.#stop(target, duration);
      else if (act === "black") await this.#darken(duration);
      else if (act === "reset") this.#world.proxies.forEach((proxy) => proxy.cut());
      else if (act === "delete") await this.#remove(duration);
      else await this.#second(duration);
    } finally {
      this.#busy.delete(name);
    }
  }

  async #kill(target: string, duration: number): Promise<void> {
    const { broker } = this.#world;
    if (target === "broker") await broker!.kill();
    else await (target === "sender" ? this.#sender : this.#receivers[0]!).kill();
    this.#read();
    await sleep(duration);
    if (target === "broker") return await broker!.start();
    if (target === "receiver") this.#receivers[0] = this.#startReceiver();
    else if (!this.#isSent()) this.#sender = this.#startSender();
  }

  async #stop(target: string, duration: number): Promise<void> {
    const { broker } = this.#world;
    const end = target === "sender" ? this.#sender : this.#receivers[0]!;
    const signal = (name: "SIGSTOP" | "SIGCONT") =>
      target === "broker" ? broker!.signal(name) : end.signal(name);
    await signal("SIGSTOP");
    await sleep(duration);
    await signal("SIGCONT");
  }

  /** Swallows all for a while, then cuts: what was swallowed cannot be made good. */
  async #darken(duration: number): Promise<void> {
    const { proxies } = this.#world;
    for (const proxy of proxies) proxy.faults.dark = true;
    await sleep(duration);
    for (const proxy of proxies) {
      proxy.faults.dark = false;
      proxy.cut();
    }
  }

  /** Deletes the queue. What had not come by then may be gone with it. */
  async #remove(duration: number): Promise<void> {
    const stopping = duration > 0 ? this.#stop("receiver", SAID + duration) : undefined;
    await this.#world.remove!().catch(() => {});
    // What the ends had said by then has come now, however busy this machine is.
    await sleep(SAID);
    this.#read();
    for (let i = 0; i < Math.min(this.#acknowledged + ON_THE_WAY, this.#count); i++) {
      if (!this.#seen.has(i)) this.#maybeDeleted.add(i);
    }
    await stopping;
  }

  async #second(duration: number): Promise<void> {
    const second = this.#startReceiver();
    this.#receivers.push(second);
    await sleep(duration);
    await second.kill();
    this.#note(second);
    this.#receivers = this.#receivers.filter((receiver) => receiver !== second);
  }
}
