/**
 * Opens the model that the options name, with its labels and its reference.
 *
 * @module
 */
import { defined, DownloadBar, say, UsageError } from "@vcs/transport/internal";
import { type Labels, openLabels } from "../clip/labels.ts";
import type { DriftOptions } from "../drift.ts";
import { type Encoder, hasDefaultWeights, openEncoder } from "../encoder.ts";
import { RegionFilter, type Regions } from "../measures/regions.ts";
import { fileFrame } from "../source.ts";
import type { NETWORK, WatchSettings } from "./options.ts";

/** Opens the model, and says which it is. */
export async function openModel(
  settings: Pick<WatchSettings, keyof typeof NETWORK>,
  signal: AbortSignal,
): Promise<Encoder> {
  const { model, weights: pretrained, device, precision, activation } = settings;
  if (model === undefined && pretrained === undefined && !await hasDefaultWeights()) {
    say("CLIP's weights are not on this machine: using gist (--model ViT-B-32 fetches them)");
  }
  using bar = new DownloadBar();
  const encoder = await openEncoder({
    ...defined({ model, pretrained, activation }),
    ...{ device, precision, signal, allowGlobals: settings.allowClass },
    ...{ onLine: bar.onLine, onProgress: bar.onProgress },
  });
  const assumed = encoder.info.isActivationAssumed
    ? "; quick_gelu is assumed, as no config.json beside the weights names it (LAION's need --activation gelu)"
    : "";
  say(describeModel(encoder) + assumed);
  return encoder;
}

/** A model in a few words: name, weights, precision and device. */
export function describeModel({ info }: Encoder): string {
  const precision = info.precision === undefined ? "" : ` ${info.precision}`;
  const weights = info.pretrained === "none" ? "" : ` (${info.pretrained})`;
  return `${info.model}${weights}${precision} on ${info.device}`;
}

/** Labels, or a line that says why there are none. */
export async function openLabelList(
  { labels: texts, allowClass: allowGlobals }: WatchSettings,
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Labels | undefined> {
  if (texts === undefined) return undefined;
  try {
    return await openLabels(texts, encoder.info, { signal, onLine: say, allowGlobals });
  } catch (error) {
    signal.throwIfAborted();
    say(`Going on without labels: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/**
 * Settings of the measures; an image that is the reference is read and embedded, as far as it counts.
 *
 * @throws {UsageError} if the image cannot be read
 */
export async function driftOptions(
  { reference, confirmFrames, rollingWindow: window }: WatchSettings,
  encoder: Encoder,
  regions: Regions = { roi: [], mask: [] },
): Promise<DriftOptions> {
  if (reference === undefined || !("image" in reference)) {
    return { window, confirmFrames, ...reference };
  }
  const { image: path } = reference;
  const bytes = await Deno.readFile(path).catch(() => {
    throw new UsageError(
      `Cannot read --reference: found no file ${path}, expected first:10, frame:25 or the path of an image`,
    );
  });
  const image = new RegionFilter(regions).apply(await fileFrame(bytes, 0).image());
  return { window, confirmFrames, reference: await encoder.encode(image) };
}
