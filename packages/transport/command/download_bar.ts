/**
 * A download in the terminal: lines that say what is tried, and one that shows how far it is.
 *
 * @module
 */
import type { DownloadProgress } from "../fetch/download.ts";
import { ProgressLine } from "./progress.ts";
import { say } from "./terminal.ts";

/** An amount of bytes for people. */
export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A bar, the share done, the amounts and the time left. */
export class DownloadBar implements Disposable {
  readonly #line = new ProgressLine();
  readonly #start = performance.now();
  readonly #say: (line: string) => void;
  #first: number | undefined;

  /** Shows nothing yet; lines are those of stderr where nobody else takes them. */
  constructor(sayLine: (line: string) => void = say) {
    this.#say = sayLine;
  }

  /** Says what is tried, in the place of the bar. */
  readonly onLine = (line: string): void => {
    this[Symbol.dispose]();
    this.#say(line);
  };

  /** Shows how far a file is; the bar goes when all of it is here. */
  readonly onProgress = (file: string, { received, total }: DownloadProgress): void => {
    this.#first ??= received;
    if (received === total) return this[Symbol.dispose]();
    const seconds = (performance.now() - this.#start) / 1000;
    const speed = (received - this.#first) / Math.max(seconds, 0.1);
    if (total === undefined) return this.#line.update(`${file}  ${megabytes(received)}`);
    const share = received / total;
    const bar = "#".repeat(Math.round(share * 24)).padEnd(24, "-");
    const left = speed > 0 ? `${Math.ceil((total - received) / speed)} s left` : "";
    const amount = `${megabytes(received)} of ${megabytes(total)}`;
    this.#line.update(`${file}  [${bar}] ${Math.floor(share * 100)} %  ${amount}  ${left}`);
  };

  /** Clears the line. */
  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }
}
