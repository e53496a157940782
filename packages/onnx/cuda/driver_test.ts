import { hasPrograms, needs } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { askDriver, type DriverReport } from "./driver.ts";
import { driverProblems } from "./problems.ts";
import { compileDriver } from "../testdata/cuda_driver.ts";

const canCompile = Deno.build.os === "linux" && hasPrograms("cc");

for (
  const [name, driver, expected] of [
    ["that works", { gpus: 2 }, { cuda: [13, 1], gpus: 2 }],
    ["for an older CUDA", { version: 12060, gpus: 1 }, { cuda: [12, 6], gpus: 1 }],
    ["that sees no GPU", { init: 100 }, {
      fault: "NVIDIA's driver sees no GPU (CUDA error 100)",
      ...{ cuda: [13, 1], gpus: 0 },
    }],
    ["of another kernel module", { init: 803, gpus: 1 }, {
      fault: "NVIDIA's driver was updated and this machine not restarted (CUDA error 803)",
      ...{ cuda: [13, 1], gpus: 0 },
    }],
    ["with an error of its own", { init: 999 }, {
      fault: "NVIDIA's driver does not start (CUDA error 999)",
      ...{ cuda: [13, 1], gpus: 0 },
    }],
    ["that counts none", { gpus: 0 }, {
      fault: "NVIDIA's driver sees no GPU",
      ...{ cuda: [13, 1], gpus: 0 },
    }],
  ] as const
) {
  Deno.test({
    name: `a driver ${name} is reported as such`,
    ...needs(canCompile),
    sanitizeResources: false,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      assert.deepEqual(askDriver(await compileDriver(folder, driver)), expected);
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test("a driver that is not there, or is none, is reported with what the loader says", async () => {
  const missing = askDriver("libcuda.so.0");
  assert.match(missing.fault ?? "", /^no NVIDIA driver: .*libcuda\.so\.0/);
  const file = await Deno.makeTempFile();
  assert.match(askDriver(file).fault ?? "", /^no NVIDIA driver: /);
  await Deno.remove(file);
});

Deno.test("what is wrong with a driver comes with what helps", () => {
  const problem = (driver: DriverReport, isOurs?: boolean) => driverProblems(driver, isOurs)[0];
  assert.equal(problem({ cuda: [13, 0], gpus: 1 }), undefined);
  const old: DriverReport = { cuda: [12, 6], gpus: 1 };
  assert.match(problem(old)!.reason, /is for CUDA 12\.6, expected 13\.0 or later/);
  assert.match(problem(old)!.help, /580 or later/);
  // A build of the user's own may be made for it.
  assert.equal(problem(old, false), undefined);
  const asleep = problem({ fault: "sees no GPU", cuda: [13, 0], gpus: 0 });
  assert.match(asleep!.help, /nvidia-smi/);
  if (Deno.build.os === "linux") {
    const missing = problem({ fault: "no NVIDIA driver: x", gpus: 0 });
    assert.match(missing!.help, /which no registry has; a container needs --gpus all/);
  }
});
