/**
 * The process stage on a GPU: one ONNX graph for a plan, run once for each frame, so that memory
 * on the device does not grow with the clip. It runs on every device of ONNX Runtime; on `cpu` it
 * gives what {@link "./cpu.ts"} gives, which is how it is tested.
 *
 * @module
 */
import { resolveDevice } from "@vcs/onnx/devices";
import { OnnxError } from "@vcs/onnx/errors";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { distinctFrames, part } from "./clip_work.ts";
import { analysisSize } from "../energy/energy.ts";
import { Compensation } from "../energy/compensation.ts";
import { PatchStreamError } from "../errors.ts";
import type { ProcessedClip, ProcessPlan, ProcessStage, SampledFrame } from "./process.ts";
import { changeScale, processGraph, scoreScale } from "./gpu_graph.ts";

/**
 * Finds the GPU to process on: the CUDA device of that number, else the one that WebGPU offers.
 *
 * @throws {PatchStreamError} `backend-unavailable` where there is neither, with the reasons.
 */
export async function findGpu(deviceId: number): Promise<string> {
  const reasons: string[] = [];
  for (const name of [`cuda:${deviceId}`, "webgpu"]) {
    try {
      return (await resolveDevice(name)).device;
    } catch (error) {
      if (!(error instanceof OnnxError)) throw error;
      reasons.push(error.message.replace(/^Cannot use device /, ""));
    }
  }
  throw new PatchStreamError(
    "backend-unavailable",
    `Cannot process on a GPU: ${reasons.join("; ")}; processBackend "cpu" and "auto" need none`,
  );
}

/**
 * Opens a process stage on a device.
 *
 * @param device `cuda:N` or `webgpu`, as {@linkcode findGpu} gives it; `cpu` for tests
 */
export async function openGpuStage(plan: ProcessPlan, device: string): Promise<ProcessStage> {
  const graph = processGraph(plan, { float64: device !== "webgpu" });
  return new GpuStage(plan, await Session.open(await modelBytes(graph), { device }));
}

class GpuStage implements ProcessStage {
  readonly device: string;
  readonly #plan: ProcessPlan;
  readonly #session: Session;
  readonly #cells: number;
  readonly #scores: Float32Array;
  readonly #change: Float32Array;
  readonly #pixels: Float32Array[] = [];
  /** Luma of the latest frame. */
  #luma: Tensor;
  readonly #compensation: Compensation | undefined;
  #working: Promise<void> = Promise.resolve();
  #sample = 0;
  #milliseconds = 0;

  constructor(plan: ProcessPlan, session: Session) {
    const { width, height } = analysisSize(plan.width, plan.height, plan.energy);
    this.device = session.device;
    this.#plan = plan;
    this.#session = session;
    this.#cells = plan.grid.gridW * plan.grid.gridH;
    this.#scores = new Float32Array(plan.samples.length * this.#cells);
    this.#change = new Float32Array(plan.change ? this.#scores.length : 0);
    this.#luma = tensor("F32", [height, width]);
    if (plan.energy === "blocksad" && plan.compensate) this.#compensation = new Compensation(plan);
  }

  /** One frame is at work while the next is decoded. */
  async add(frame: SampledFrame): Promise<void> {
    await this.#working;
    this.#working = this.#process(frame);
    // A failure is reported by the next call, not as an unhandled rejection.
    this.#working.catch(() => {});
  }

  async #process({ number, data, energy }: SampledFrame): Promise<void> {
    const start = performance.now();
    const { samples, width, height } = this.#plan;
    const rgb = tensor("U8", [height, width, 3], data);
    for (let first = true; samples[this.#sample] === number; this.#sample++, first = false) {
      const { luma, pixels } = await this.#measure(rgb, first ? energy : undefined);
      this.#luma = luma;
      if (first) this.#pixels.push(pixels);
    }
    this.#milliseconds += performance.now() - start;
  }

  /** Runs the graph for one sample; the first sample of a clip has no energy. */
  async #measure(
    rgb: Tensor,
    energy: Float32Array | undefined,
  ): Promise<{ luma: Tensor; pixels: Float32Array }> {
    const map = tensor("F32", this.#luma.shape, energy);
    const before = this.#compensation?.take(rgb.data as Uint8Array);
    const result = await this.#session.run({
      rgb,
      previous: this.#luma,
      ...(before && { before: tensor("F32", this.#luma.shape, before) }),
      ...(this.#plan.energy === "codec" && { energy: map }),
    });
    if (this.#sample > 0) {
      const scores = this.#keep(result.scores!, this.#scores, scoreScale(this.#plan));
      this.#compensation?.weigh(scores);
      if (result.change) this.#keep(result.change, this.#change, changeScale(this.#plan));
    }
    return { luma: result.luma!, pixels: result.pixels!.data as Float32Array };
  }

  #keep(cells: Tensor, all: Float32Array, scale: number): Float32Array {
    const out = part(all.buffer, this.#cells, this.#sample);
    for (let i = 0; i < this.#cells; i++) out[i] = scale * Number(cells.data[i]);
    return out;
  }

  async finish(): Promise<ProcessedClip> {
    await this.#working;
    if (this.#pixels.length < distinctFrames(this.#plan)) {
      throw new RangeError(
        `Cannot finish: found ${this.#pixels.length} frames, the plan has ${
          distinctFrames(this.#plan)
        }`,
      );
    }
    return {
      scores: this.#scores,
      ...(this.#plan.change && { change: this.#change }),
      pixels: this.#pixels,
      timings: { resize: 0, energy: this.#milliseconds },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#session.close();
    return Promise.resolve();
  }
}
