import assert from "node:assert/strict";
import { readEnvironment } from "./settings.ts";

Deno.test("readEnvironment() has the original's defaults", () => {
  const warnings: string[] = [];
  const env = readEnvironment(() => undefined, (line) => warnings.push(line));
  assert.deepEqual(env, {
    ...{ device: "auto", model: undefined, pretrained: undefined },
    ...{ snapshotInterval: 30, embeddingInterval: 100, rollingWindow: 300 },
    ...{ reconnectDelay: 2, frameTimeout: 10 },
  });
  assert.deepEqual(warnings, []);
});

Deno.test("readEnvironment() warns of numbers that are none, and takes the default", () => {
  const warnings: string[] = [];
  const values: Record<string, string> = {
    ENCODERS_DEVICE: "cuda",
    ENCODERS_MODEL: "ViT-L-14",
    ENCODERS_SNAPSHOT_INTERVAL: "0.5",
    ENCODERS_EMBEDDING_INTERVAL: "7.5",
    ENCODERS_ROLLING_WINDOW: "many",
  };
  const env = readEnvironment((name) => values[name], (line) => warnings.push(line));
  assert.deepEqual([env.device, env.model, env.snapshotInterval], ["cuda", "ViT-L-14", 0.5]);
  assert.deepEqual([env.embeddingInterval, env.rollingWindow], [100, 300]);
  assert.deepEqual(warnings, [
    'ENCODERS_EMBEDDING_INTERVAL is "7.5", which is no whole number above 0: using 100',
    'ENCODERS_ROLLING_WINDOW is "many", which is no whole number above 0: using 300',
  ]);
});
