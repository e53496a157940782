/**
 * One run of chaos: numbered messages through a channel while everything around it fails.
 *
 * @module
 */
import { backlogOf } from "@vcs/transport/channel";
import type { ChannelName } from "@vcs/transport/delivery";
import { sleep } from "../../packages/transport/testing/waits.ts";
import { Counted } from "./counted.ts";
import { End } from "./end.ts";
import { bursts, type Kind, type Planned } from "./plan.ts";
import type { World } from "./world.ts";

/** Milliseconds between two messages. */
const PACE = 20;
/** Bytes of a message, by seed: several in one read, or one in several. */
const SIZES = [2880, 100, 92_160];
/** Milliseconds without progress, after the last fault has healed, after which a run is stuck. */
const STUCK = 60_000;
/** Milliseconds between two looks that count as without progress: more is a machine that is busy. */
const LOOK = 100;
/** Seconds after which ends give up: a run is stuck before, whatever the machine has to do. */
const LONGEST_WAIT = 600;
/** Messages that nobody sends all of, before they are killed. */
const ENDLESS = 1_000_000;

/** Milliseconds in which what an end has written is read. */
const SAID = 500;
/**
 * Milliseconds for which a deletion stops the receiver: for longer, and the queue is full before; for
 * less, and it is empty, and its senders have room for more.
 */
const FULL = 2250;
/** Milliseconds without progress after which what was sent and has not come does not come any more. */
const SETTLED = 10_000;
/** Characters of what an end has written last. */
const LAST_WORDS = 500;

/** Messages that a deleted queue and its two receivers hold at most, and one that comes. */
const HELD = 10;
/**
 * Messages that may have been in a deleted queue, though their sender has not said so: the one that it
 * stores where it stood still meanwhile, else both limits, and some to spare.
 */
const ON_THE_WAY = { still: 1, otherwise: 12 };

/** What came of a run. */
export interface RunResult {
  readonly channel: ChannelName;
  readonly seed: number;
  /** Messages that were acknowledged, of all senders. */
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
  /** Where a run that is stuck stands: how far both ends are, what the broker holds. */
  readonly standing: string;
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
  /** Of the sender, and of each second one that there was. */
  readonly #streams = [new Counted()];
  readonly #ended: string[] = [];
  readonly #faults: Partial<Record<Kind, number>> = {};
  readonly #active = new Set<Promise<void>>();
  /** What is killed or stopped now, and is left alone. */
  readonly #busy = new Set<string>();
  #sender: End;
  #receivers: End[];
  /** Other senders that are there now. */
  readonly #seconds = new Map<End, Counted>();
  /** Milliseconds without progress, and when they were last counted. */
  #quiet = 0;
  #lookedAt = performance.now();
  /** Messages that had come when the last burst had healed. */
  #cameBefore = 0;

  constructor(world: World, seed: number, seconds: number) {
    this.#world = world;
    this.#seed = seed;
    this.#count = Math.ceil(seconds * 1000 / PACE);
    this.#bursts = bursts(seed, world.kinds);
    this.#sender = this.#startSender(this.#first, this.#count);
    this.#receivers = [this.#startReceiver()];
  }

  async run(): Promise<RunResult> {
    while (!this.#isComplete() && !this.#isStuck()) {
      this.#look();
      if (this.#active.size === 0 && this.#first.received > this.#cameBefore && !this.#isSent()) {
        for (const fault of this.#bursts.next().value) this.#begin(fault);
      }
      await sleep(PACE / 2);
    }
    const stuck = !this.#isComplete();
    const standing = stuck ? await this.#standing() : "";
    await Promise.all([this.#sender, ...this.#receivers].map((end) => end.kill()));
    this.#read();
    return { ...this.#result(stuck), standing };
  }

  async #standing(): Promise<string> {
    const { acknowledged, received } = this.#first;
    const backlog = await backlogOf(this.#world.receiver).catch(String);
    const said = [this.#sender, ...this.#receivers].map(({ errors }) => errors.slice(-LAST_WORDS));
    return `${acknowledged} of ${this.#count} acknowledged, ${received} came, ` +
      `${JSON.stringify(backlog)} waits; the ends said ${JSON.stringify(said)}`;
  }

  get #first(): Counted {
    return this.#streams[0]!;
  }

  #result(stuck: boolean): Omit<RunResult, "standing"> {
    const sum = (value: (stream: Counted) => number) =>
      this.#streams.reduce((total, stream) => total + value(stream), 0);
    const deleted = this.#streams.flatMap((stream) => stream.deleted);
    const most = HELD * (this.#faults["delete place"] ?? 0);
    return {
      ...{ channel: this.#world.channel, seed: this.#seed, stuck },
      sent: sum(({ acknowledged }) => acknowledged),
      received: sum(({ received }) => received),
      doubled: sum(({ doubled }) => doubled),
      disordered: sum(({ disordered }) => disordered),
      lost: [...this.#streams.flatMap(({ lost }) => lost), ...deleted.slice(most)],
      deleted: Math.min(deleted.length, most),
      ...{ ended: this.#ended, faults: this.#faults },
    };
  }

  #isComplete(): boolean {
    const isOver = this.#active.size === 0 && this.#isSent();
    return isOver && this.#streams.every(({ isComplete }) => isComplete);
  }

  /** A machine that has no time for this process has none for the ends either: that counts little. */
  #isStuck(): boolean {
    const now = performance.now();
    this.#quiet += Math.min(now - this.#lookedAt, LOOK);
    this.#lookedAt = now;
    return this.#active.size === 0 && this.#quiet > STUCK;
  }

  #startSender({ streamId, acknowledged }: Counted, count: number): End {
    const numbers = { from: acknowledged, count: count - acknowledged, pace: PACE };
    const size = SIZES[this.#seed % SIZES.length];
    const options = Object.entries({ ...numbers, size, timeout: LONGEST_WAIT, stream: streamId });
    const words = options.flatMap(([name, value]) => [`--${name}`, String(value)]);
    return new End("send", this.#world.sender, ...words);
  }

  #startReceiver(): End {
    return new End("receive", this.#world.receiver, "--timeout", String(LONGEST_WAIT));
  }

  #read(): void {
    this.#hear(this.#sender, this.#first);
    for (const [sender, stream] of this.#seconds) this.#hear(sender, stream);
    for (const receiver of this.#receivers) this.#note(receiver);
  }

  /** Reads what the ends say, and starts those again that ended by themselves. */
  #look(): void {
    this.#read();
    const isBusy = (name: string) => this.#busy.has(name);
    if (this.#sender.code !== undefined && !isBusy("sender") && !this.#isSent()) {
      this.#ended.push(this.#sender.errors);
      this.#sender = this.#startSender(this.#first, this.#count);
    }
    if (this.#receivers[0]!.code !== undefined && !isBusy("receiver")) {
      this.#ended.push(this.#receivers[0]!.errors);
      this.#receivers[0] = this.#startReceiver();
    }
  }

  #isSent(): boolean {
    return this.#first.acknowledged >= this.#count;
  }

  /** Hears from a sender how many were acknowledged. */
  #hear(sender: End, stream: Counted): void {
    for (const line of sender.take()) if (stream.hear(Number(line))) this.#quiet = 0;
  }

  #note(receiver: End): void {
    for (const line of receiver.take()) {
      const [streamId, sequence] = line.split(" ");
      const stream = this.#streams.find((stream) => stream.streamId === streamId);
      if (stream?.note(receiver, Number(sequence))) this.#quiet = 0;
    }
  }

  #begin(fault: Planned): void {
    const done: Promise<void> = this.#play(fault).finally(() => {
      this.#active.delete(done);
      this.#quiet = 0;
      this.#cameBefore = this.#first.received;
    });
    this.#active.add(done);
  }

  async #play({ kind, delay, duration }: Planned): Promise<void> {
    await sleep(delay);
    const [act, target = ""] = kind.split(" ");
    const name = act === "kill" || act === "stop" ? target : kind;
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
    try {
      if (act === "kill") await this.#kill(target, duration);
      else if (act === "stop") await this.#stop(target, duration);
      else if (act === "black") await this.#darken(duration);
      else if (act === "reset") this.#world.proxies.forEach((proxy) => proxy.cut());
      else if (act === "delete") await this.#remove(duration);
      else await this.#second(target, duration);
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
    else if (!this.#isSent()) this.#sender = this.#startSender(this.#first, this.#count);
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

  /**
   * Deletes the queue while its senders stand still: what they have sent by then since all had come
   * may be gone with it, and what they send afterwards may not.
   */
  async #remove(duration: number): Promise<void> {
    const senders = [this.#sender, ...this.#seconds.keys()];
    const isOurs = !this.#busy.has("sender");
    this.#busy.add("sender");
    const settled = isOurs ? await this.#settle(senders) : new Map<Counted, number>();
    const stopping = duration > 0 ? this.#stop("receiver", 3 * SAID + duration) : undefined;
    const meanwhile = duration > 0 && duration < FULL ? "SIGSTOP" : "SIGCONT";
    for (const sender of senders) sender.signal(meanwhile);
    await sleep(SAID);
    for (const sender of senders) sender.signal("SIGSTOP");
    // What the ends had said by then has come now, however busy this machine is.
    await sleep(SAID);
    const isRemoved = await this.#world.remove!().then(() => true, () => false);
    await sleep(SAID);
    this.#read();
    const isStill = isOurs && isRemoved && this.#hasOnly(senders);
    const onTheWay = isStill ? ON_THE_WAY.still : ON_THE_WAY.otherwise;
    for (const stream of this.#streams) stream.mayLose(settled.get(stream) ?? 0, onTheWay);
    for (const sender of senders) sender.signal("SIGCONT");
    if (isOurs) this.#busy.delete("sender");
    await stopping;
  }

  /** Stops senders until all that they sent has come, or does not; how much that is. */
  async #settle(senders: readonly End[]): Promise<Map<Counted, number>> {
    for (const sender of senders) sender.signal("SIGSTOP");
    const isThere = () => this.#streams.every(({ isComplete }) => isComplete);
    const isOver = () => this.#active.size === 1 && this.#quiet > SETTLED;
    await sleep(SAID);
    while (!isThere() && !isOver()) await sleep(PACE);
    return new Map(this.#streams.map((stream) => [stream, stream.acknowledged]));
  }

  /** Whether there are these senders still, and no others. */
  #hasOnly(senders: readonly End[]): boolean {
    const now = [this.#sender, ...this.#seconds.keys()];
    return now.length === senders.length && now.every((sender) => senders.includes(sender));
  }

  /** Another end beside the one there is, with messages of its own where it sends. */
  async #second(target: string, duration: number): Promise<void> {
    if (target === "receiver") return await this.#secondReceiver(duration);
    const stream = new Counted();
    this.#streams.push(stream);
    const second = this.#startSender(stream, ENDLESS);
    this.#seconds.set(second, stream);
    await sleep(duration);
    if (second.code !== undefined) this.#ended.push(second.errors);
    await second.kill();
    this.#hear(second, stream);
    this.#seconds.delete(second);
  }

  async #secondReceiver(duration: number): Promise<void> {
    const second = this.#startReceiver();
    this.#receivers.push(second);
    await sleep(duration);
    await second.kill();
    this.#note(second);
    this.#receivers = this.#receivers.filter((receiver) => receiver !== second);
  }
}
