/**
 * `--test`: whether a stream works, what it sends, and whether the model can read it.
 *
 * @module
 */
import { errorLine, print, say } from "@vcs/transport/internal";
import { askHealth } from "../camera/error_hints.ts";
import { type CameraEvent, openCamera } from "../camera/camera.ts";
import type { Encoder } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";
import type { CertificateTrust } from "../camera/socket.ts";
import type { CameraSetting } from "../fleet/cameras_file.ts";
import type { StreamSetting, WatchSettings } from "./options.ts";
import { sourceKind } from "@vcs/media/internal";
import { fileFrame, openSource, type SourceFrame } from "../source.ts";

const LOOK_SECONDS = 2;

/** What two seconds of a stream show. */
interface Look {
  readonly frame: SourceFrame;
  readonly rate: string;
}

/** What a test needs of the settings. */
type TestSettings = Pick<
  WatchSettings,
  "frameTimeout" | "json" | "acceptUnended" | "insecure" | "tlsFingerprint"
>;

/** Which certificates a camera may have. */
export function trustOf(
  name: string,
  { insecure, tlsFingerprint: tlsFingerprints }: TestSettings,
): CertificateTrust {
  return { insecure: insecure.includes(name), tlsFingerprints };
}

/** Reads a camera for two seconds. */
async function lookAtCamera(
  { name, spec: url }: StreamSetting,
  settings: TestSettings,
  signal: AbortSignal,
): Promise<Look> {
  const { frameTimeout, acceptUnended } = settings;
  const trust = trustOf(name, settings);
  using camera = await openCamera(url, { frameTimeout, acceptUnended, signal, ...trust });
  const start = performance.now();
  let last: Uint8Array | undefined;
  let count = 0;
  for await (const { data } of camera.frames()) {
    last = data;
    count++;
    if (performance.now() - start > LOOK_SECONDS * 1000) break;
  }
  if (last === undefined) {
    const message = `Cannot read ${new URL(url).host}: the stream ended without a frame`;
    throw new ClipDriftError("not-mjpeg", message);
  }
  const seconds = (performance.now() - start) / 1000;
  const type = camera.contentType || "no content type";
  const rate = `${(count / seconds).toFixed(1)} fps, ${type}`;
  return { frame: fileFrame(last, 0), rate };
}

/** Reads for two seconds what FFmpeg reads. */
async function lookAtLive(
  spec: string,
  { frameTimeout }: TestSettings,
  signal: AbortSignal,
): Promise<Look> {
  let type = "";
  const onEvent = (event: CameraEvent) => {
    if (event.type === "connected") type = event.contentType;
  };
  const source = openSource(spec, { frameTimeout, retries: 0, policy: "all", onEvent });
  const start = performance.now();
  let last: SourceFrame | undefined;
  let count = 0;
  for await (last of source.frames(signal)) {
    count++;
    if (performance.now() - start > LOOK_SECONDS * 1000) break;
  }
  if (last === undefined) throw signal.reason;
  const seconds = (performance.now() - start) / 1000;
  return { frame: last, rate: `${(count / seconds).toFixed(1)} fps, ${type}` };
}

async function lookAtFile(spec: string, signal: AbortSignal): Promise<Look> {
  for await (const frame of openSource(spec).frames(signal)) return { frame, rate: "a file" };
  throw new ClipDriftError("bad-image", `Cannot read ${spec}: found no frame`);
}

async function testOne(
  stream: StreamSetting,
  encoder: Encoder,
  settings: TestSettings,
  signal: AbortSignal,
): Promise<void> {
  const { spec } = stream;
  const kind = sourceKind(spec);
  const { frame, rate } = kind === "http"
    ? await lookAtCamera(stream, settings, signal)
    : kind === "live"
    ? await lookAtLive(spec, settings, signal)
    : await lookAtFile(spec, signal);
  const image = await frame.image();
  say(`  ${image.width}x${image.height}, ${rate}`);
  if (kind === "http") say(`  ${await askHealth(spec)}`);
  const start = performance.now();
  const embedding = await encoder.encode(image);
  say(`  an embedding of ${embedding.length} in ${Math.round(performance.now() - start)} ms`);
}

/**
 * Tests streams one after the other.
 *
 * @returns 0 if all work, else 1
 * @throws the signal's reason, if it is aborted
 */
export async function testStreams(
  cameras: readonly CameraSetting[],
  settings: TestSettings,
  encoder: Encoder,
  signal: AbortSignal,
): Promise<number> {
  let code = 0;
  for (const stream of cameras) {
    try {
      say(openSource(stream.spec).name);
      await testOne(stream, encoder, { ...settings, ...stream.own }, signal);
      say("  works");
      if (settings.json) print(JSON.stringify({ stream: stream.name, works: true }));
    } catch (cause) {
      signal.throwIfAborted();
      const error = errorLine(cause);
      say(`  ${error}`);
      if (settings.json) print(JSON.stringify({ stream: stream.name, works: false, error }));
      code = 1;
    }
  }
  return code;
}
