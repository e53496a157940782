/**
 * Cameras that come and go while others are watched.
 *
 * @module
 */
import type { CameraSetting } from "./cameras_file.ts";

/** Watches a camera until its end or until the signal is aborted; whether that went well. */
export type WatchCamera = (camera: CameraSetting, signal: AbortSignal) => Promise<boolean>;

interface Watched {
  readonly setting: string;
  readonly ended: AbortController;
  readonly done: Promise<void>;
}

/** The cameras that are watched now. */
export class Fleet {
  readonly #watch: WatchCamera;
  readonly #outer: AbortSignal;
  readonly #watched = new Map<string, Watched>();
  readonly #pending = new Set<Promise<void>>();
  #isWell = true;

  /** Makes a fleet without cameras; all end with the signal. */
  constructor(watch: WatchCamera, signal: AbortSignal) {
    this.#watch = watch;
    this.#outer = signal;
  }

  /**
   * Watches these cameras: ends those that are not among them, begins new ones, and begins those anew
   * that have changed. Others go on.
   */
  take(cameras: readonly CameraSetting[]): void {
    const settings = new Map(cameras.map((camera) => [camera.name, JSON.stringify(camera)]));
    const ending = new Map<string, Promise<void>>();
    for (const [name, { setting, ended, done }] of this.#watched) {
      if (settings.get(name) === setting) continue;
      ended.abort();
      this.#watched.delete(name);
      ending.set(name, done);
    }
    for (const camera of cameras) {
      if (!this.#watched.has(camera.name)) this.#begin(camera, ending.get(camera.name));
    }
  }

  #begin(camera: CameraSetting, before: Promise<void> | undefined): void {
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#outer, ended.signal]);
    const run = async () => {
      await before;
      if (!signal.aborted && !await this.#watch(camera, signal)) this.#isWell = false;
    };
    const done = run().finally(() => this.#pending.delete(done));
    this.#pending.add(done);
    this.#watched.set(camera.name, { setting: JSON.stringify(camera), ended, done });
  }

  /** Waits until all cameras that were begun have ended; whether all went well. */
  async settled(): Promise<boolean> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    return this.#isWell;
  }
}
