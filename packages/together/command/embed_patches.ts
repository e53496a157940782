/**
 * `together embed-patches`: what is left of pictures' embeddings when only some patches are kept.
 *
 * @module
 */
import {
  type Command,
  command,
  defined,
  file,
  fileOrUrl,
  flag,
  type Invocation,
  operand,
  option,
  print,
  ProgressLine,
  say,
  text,
  UsageError,
  whole,
  writeWhole,
} from "@vcs/transport/internal";
import { CHECKPOINT_OPTIONS } from "@vcs/onnx/internal";
import { DEVICE } from "./options.ts";

const OPERANDS = {
  video: operand(fileOrUrl("VIDEO"), "a video"),
};

const OPTIONS = {
  model: option(text("MODEL"), {
    help:
      "which ViT: a name, as ViT-B-32/openai or dinov2_vits14, a path or a URL of weights of CLIP, " +
      "DINOv2 or timm",
    default: "ViT-B-32/openai",
  }),
  ...CHECKPOINT_OPTIONS,
  frames: option(whole({ min: 2, max: 100_000 }), { help: "frames to sample", default: 16 }),
  inputSize: option(whole({ min: 14, max: 4096 }), {
    help: "frames are resized to about this squared",
    default: 224,
  }),
  shares: option(text("S,S,…"), {
    help: "shares of a frame's patches to keep, above 0 to 1",
    default: "0.05,0.1,0.25,0.5,0.75,1",
  }),
  output: option(file("FILE.svg"), {
    short: "o",
    help: "where the plot goes",
    defaultText: "no plot",
  }),
  device: DEVICE,
  json: flag({ help: "the results as JSON on standard output, in place of the table" }),
};

/** The subcommand `embed-patches`. */
export const embedPatches: Command = command({
  name: "embed-patches",
  about: "what is left of pictures' embeddings when only some patches are kept",
  operands: OPERANDS,
  options: OPTIONS,
  run,
});

/** Shares from the command line. */
function sharesOf(list: string): number[] {
  const shares = list.split(",").map((word) => word.trim() === "" ? NaN : Number(word));
  if (shares.every((share) => share > 0 && share <= 1)) return shares;
  throw new UsageError(`Cannot keep shares of ${list}: expected numbers above 0 to 1, as 0.1,0.5`);
}

async function run(
  { options, operands, signal }: Invocation<typeof OPTIONS, typeof OPERANDS>,
): Promise<void> {
  const shares = sharesOf(options.shares);
  const [{ openPatchEmbedder }, { compareShares }, { sharePlot, shareTable }] = await Promise.all([
    import("../patches/embedder.ts"),
    import("../patches/shares.ts"),
    import("../patches/share_report.ts"),
  ]);
  const { model, frames, inputSize, device, output, allowClass: allowGlobals } = options;
  const how = { device, signal, allowGlobals, onLine: say };
  using embedder = await openPatchEmbedder(model, how);
  using progress = new ProgressLine();
  const onProgress = (done: number, all: number) => progress.update(`${done} of ${all} frames`);
  const settings = { frames, inputSize, shares, signal, onProgress };
  const comparison = await compareShares(operands.video, embedder, defined(settings));
  progress[Symbol.dispose]();
  print(options.json ? JSON.stringify(comparison) : shareTable(comparison));
  if (output !== undefined) {
    await writeWhole(output, sharePlot(comparison), { inputs: [operands.video] });
    say(output);
  }
}
