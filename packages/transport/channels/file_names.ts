/**
 * How files of messages are named, in a folder or a bucket: `window_007.safetensors`, and
 * `window_008.end.safetensors` for the last of a stream.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { decodeMessage } from "../message.ts";
import { FILE_FORMATS, type FileFormat } from "./file_formats.ts";
import type { Entry } from "./outbox.ts";
import type { UrlSettings } from "./settings.ts";

/** Room for the header of the largest format above the payload. */
const HEADER_ROOM = 1 << 20;

/** A file of a message. */
export interface WindowFile {
  readonly name: string;
  readonly number: number;
  readonly end: boolean;
}

/** The names of one place, and what the files hold. */
export class FileNames {
  readonly format: FileFormat;
  readonly #prefix: string;
  readonly #digits: number;

  /** @param digits of a number, at least: with 16 names sort as their numbers do */
  constructor(read: UrlSettings, digits: number) {
    const words = Object.keys(FILE_FORMATS);
    this.format = FILE_FORMATS[read.choice("format", "safetensors", words)]!;
    this.#prefix = read.text("prefix", "window");
    this.#digits = digits;
  }

  /** Refuses a format that is written only. */
  checkReadable(): void {
    if (this.format.read) return;
    throw new RangeError(`Cannot read ${this.format.extension} files: they are written only`);
  }

  /** What all names up to a number's own are, and those behind it are not, less than. */
  upTo(number: number): string {
    return `${this.#prefix}_${String(number).padStart(this.#digits, "0")}`;
  }

  /** Name of the file of a number. */
  nameOf(number: number, isEnd: boolean): string {
    return `${this.upTo(number)}${isEnd ? ".end" : ""}.${this.format.extension}`;
  }

  /** What a name says, or undefined where it is none of ours. */
  parse(name: string): WindowFile | undefined {
    const extension = `.${this.format.extension}`;
    if (!name.startsWith(`${this.#prefix}_`) || !name.endsWith(extension)) return undefined;
    const middle = name.slice(this.#prefix.length + 1, -extension.length);
    const [, digits, end] = /^(\d{3,16})(\.end)?$/.exec(middle) ?? [];
    const number = Number(digits);
    return Number.isSafeInteger(number) ? { name, number, end: end !== undefined } : undefined;
  }

  /** The files among some names, in numeric order. */
  sorted(names: Iterable<string>): WindowFile[] {
    const files = Array.from(names, (name) => this.parse(name) ?? []).flat();
    return files.sort((a, b) => a.number - b.number);
  }

  /**
   * Bytes and name of a message's file.
   *
   * @throws {TransportError} `unsupported` where the format cannot hold it: another try is no cure.
   */
  fileOf(number: number, { bytes }: Entry): { name: string; content: Uint8Array<ArrayBuffer> } {
    // The copy that was made when it was sent: the caller may have changed the payload since.
    const message = decodeMessage(bytes, Infinity);
    try {
      const content = this.format.write(message);
      return { name: this.nameOf(number, message.end), content };
    } catch (cause) {
      if (cause instanceof TransportError) throw cause;
      throw new TransportError(
        "unsupported",
        `Cannot write message ${message.sequence} as ${this.format.extension}: ${cause}`,
        { cause },
      );
    }
  }
}

/** Refuses a file that is too long to hold a payload that is accepted. */
export function checkFileSize(name: string, bytes: number, maxPayload: number): void {
  if (bytes > maxPayload + HEADER_ROOM) throw new RangeError(`${name} has ${bytes} bytes`);
}
