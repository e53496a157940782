/**
 * A file of cameras, `--config cameras.toml`, which is read again when it changes.
 *
 * @example Two cameras
 * ```toml
 * [camera.door]
 * url = "http://viewer:$DOOR_PASSWORD@192.168.1.20/video"
 * alert = ["scene: cut > 0.3", "gone: lost > 30"]
 *
 * [camera.yard]
 * url = "https://192.168.1.21/stream.mjpg"
 * insecure = true
 * max-fps = 5
 * ```
 *
 * @module
 */
import { lazyPart, longName, readValue, UsageError } from "@vcs/transport/internal";
import { STREAM, type StreamSetting, WATCH, type WatchSettings } from "../command/options.ts";
import { leaveSomething, type Regions } from "../measures/regions.ts";
import { type ChangingFileOptions, lineOf, states, textOf } from "./changing_file.ts";
import { TOML_READER } from "./toml_part.ts";

/** What we use of smol-toml. */
export interface TomlModule {
  /** Reads a document. */
  parse(text: string): Record<string, unknown>;
}

/** A camera, and in what it differs from what the command line says of all. */
export interface CameraSetting extends StreamSetting {
  /** Its own options. */
  readonly own: Partial<WatchSettings>;
  /** What of its picture counts. Default: all of it. */
  readonly regions?: Regions;
}

const loadToml = lazyPart<TomlModule>(TOML_READER);

/** Options of the command that a camera may have for itself, under the same names. */
const OWN = {
  alert: WATCH.alert,
  policy: WATCH.policy,
  maxFps: WATCH.maxFps,
  retries: WATCH.retries,
  reconnectDelay: WATCH.reconnectDelay,
  frameTimeout: WATCH.frameTimeout,
  tlsFingerprint: WATCH.tlsFingerprint,
  acceptUnended: WATCH.acceptUnended,
  roi: WATCH.roi,
  mask: WATCH.mask,
};

const ALLOWED = ["url", "insecure", ...Object.keys(OWN).map(longName)];
/** Cameras in a file: on the page a byte numbers them. */
const MAX_CAMERAS = 200;

type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  const isObject = typeof value === "object" && value !== null;
  return isObject && !Array.isArray(value) && !(value instanceof Date);
}

function table(value: unknown, what: string): Table {
  if (isTable(value)) return value;
  throw new UsageError(`Cannot read ${what}: expected a table`);
}

function onOrOff(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new UsageError(`Cannot read ${what}: expected true or false`);
}

function scalar(value: unknown, what: string): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new UsageError(`Cannot read ${what}: expected a text or a number`);
}

function refuseOthers(found: Table, allowed: readonly string[], what: string): void {
  const other = Object.keys(found).find((key) => !allowed.includes(key));
  if (other === undefined) return;
  const name = JSON.stringify(other);
  throw new UsageError(`Cannot read ${what}: found ${name}, expected ${allowed.join(", ")}`);
}

/** A value as its option reads it from the command line. */
function ownValue(key: keyof typeof OWN, value: unknown, what: string): unknown {
  const option = OWN[key];
  if (option.form === "flag") return onOrOff(value, what);
  const read = (one: unknown) => readValue<unknown>(option.kind, scalar(one, what), what);
  if (option.form === "value") return read(value);
  return (Array.isArray(value) ? value : [value]).map(read);
}

function ownOptions(name: string, camera: Table): Partial<WatchSettings> {
  const what = (key: string) => `${key} of camera ${name}`;
  const keys = (Object.keys(OWN) as (keyof typeof OWN)[]).filter((key) => longName(key) in camera);
  const own = keys.map((key) => {
    const long = longName(key);
    return [key, ownValue(key, camera[long], what(long))] as const;
  });
  const insecure = onOrOff(camera["insecure"] ?? false, what("insecure"));
  return { ...Object.fromEntries(own), insecure: insecure ? [name] : [] };
}

function cameraSetting(name: string, value: unknown): CameraSetting {
  const what = `camera ${JSON.stringify(name)}`;
  if (!/^[\w-]+$/.test(name)) {
    throw new UsageError(`Cannot read ${what}: expected a name of letters, digits, _ and -`);
  }
  const camera = table(value, what);
  refuseOthers(camera, ALLOWED, what);
  const url = scalar(camera["url"] ?? "", `url of camera ${name}`);
  if (url === "-") throw new UsageError(`Cannot read ${what}: standard input is no camera`);
  const { spec } = readValue(STREAM, url === "" ? "" : `${name}=${url}`, `url of camera ${name}`);
  const own = ownOptions(name, camera);
  if (leaveSomething({ roi: own.roi ?? [], mask: own.mask ?? [] })) return { name, spec, own };
  throw new UsageError(`Cannot use roi and mask of ${what}: they leave nothing of the picture`);
}

/** The cameras of a document. */
function camerasOf(document: Table): readonly CameraSetting[] {
  refuseOthers(document, ["camera"], "it");
  const cameras = Object.entries(table(document["camera"] ?? {}, "camera"));
  if (cameras.length > MAX_CAMERAS) {
    throw new UsageError(`Found ${cameras.length} cameras, expected at most ${MAX_CAMERAS}`);
  }
  return cameras.map(([name, camera]) => cameraSetting(name, camera));
}

/** The cameras of a file, or why it cannot be read. */
async function look(path: string, toml: TomlModule): Promise<readonly CameraSetting[] | string> {
  try {
    return camerasOf(toml.parse(await textOf(path)));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return lineOf(path, error);
  }
}

/**
 * The cameras of a file, and those of each later state of it until the signal is aborted. A state
 * counts once two looks have found it, as half a file is one, too; one that cannot be read is told of
 * once, and passed over.
 *
 * @throws {UsageError} if the first state cannot be read
 */
export async function* readCameras(
  path: string,
  options: ChangingFileOptions,
): AsyncGenerator<readonly CameraSetting[]> {
  const toml = await loadToml();
  yield* states(() => look(path, toml), options);
}
