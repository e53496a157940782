/**
 * A download as a line in the terminal.
 *
 * @module
 */
import type { DownloadProgress } from "../fetch/download.ts";
import { ProgressLine } from "./progress.ts";

/** An amount of bytes for people. */
export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A bar, the share done, the amounts and the time left. */
export class DownloadBar implements Disposable {
  readonly #line = new ProgressLine();
  readonly #start = performance.now();
  #first: number | undefined;

  /** Shows how far a file is. */
  show(file: string, { received, total }: DownloadProgress): void {
    this.#first ??= received;
    const seconds = (performance.now() - this.#start) / 1000;
    const speed = (received - this.#first) / Math.max(seconds, 0.1);
    if (total === undefined) return this.#line.update(`${file}  ${megabytes(received)}`);
    const share = received / total;
    const bar = "#".repeat(Math.round(share * 24)).padEnd(24, "-");
    const left = speed > 0 ? `${Math.ceil((total - received) / speed)} s left` : "";
    const amount = `${megabytes(received)} of ${megabytes(total)}`;
    this.#line.update(`${file}  [${bar}] ${Math.floor(share * 100)} %  ${amount}  ${left}`);
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }
}
