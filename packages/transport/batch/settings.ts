/**
 * What the records of an output depend on, kept beside them: a run that goes on must have the same.
 *
 * @module
 */
import { UsageError } from "../command/usage_error.ts";
import { longName } from "../command/options.ts";
import type { OutputStore } from "./output/output_store.ts";

/** A value of a setting. */
export type SettingValue = string | number | boolean | null | readonly SettingValue[] | {
  readonly [name: string]: SettingValue;
};

/** What the records depend on, by the keys of options. */
export type BatchSettings = Readonly<Record<string, SettingValue>>;

/** Name of the file that keeps them. */
export const SETTINGS_FILE = "batch.json";

/**
 * Keeps the settings of an output that begins, or compares them with those of one that goes on.
 *
 * @throws {UsageError} where they differ: it names the options.
 */
export async function keepSettings(store: OutputStore, settings: BatchSettings): Promise<void> {
  const before = await store.read(SETTINGS_FILE);
  if (before === undefined) {
    const text = `${JSON.stringify(settings, null, 2)}\n`;
    return await store.write(SETTINGS_FILE, new TextEncoder().encode(text));
  }
  const kept: BatchSettings = JSON.parse(new TextDecoder().decode(before));
  const names = [...new Set([...Object.keys(kept), ...Object.keys(settings)])];
  const differing = names.filter((name) => shown(kept[name]) !== shown(settings[name]));
  if (differing.length === 0) return;
  const found = differing.map((name) => `--${longName(name)} ${shown(settings[name])}`);
  const expected = differing.map((name) => `--${longName(name)} ${shown(kept[name])}`);
  throw new UsageError(
    `Cannot go on with ${store.name}: found ${found.join(", ")}, expected ${
      expected.join(", ")
    }, ` +
      "as it was begun, or another output",
  );
}

function shown(value: SettingValue | undefined): string {
  if (value === undefined || value === null) return "unset";
  return typeof value === "string" ? value : JSON.stringify(value);
}
