import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

Deno.test("a process that ends while runs are under way ends as it was to", async () => {
  const script = fileURLToPath(new URL("../testing/ends_with_runs.ts", import.meta.url));
  // After an error one process in a hundred still dies while Deno takes its isolate apart.
  for (const [how, code, most] of [["throw", 1, 1], ["exit", 3, 0], ["worker", 0, 0]] as const) {
    let wrong = 0;
    for (let i = 0; i < 6; i++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--frozen", script, how],
        stderr: "null",
        stdout: "null",
      });
      const status = await child.output();
      if (status.code !== code) wrong++;
    }
    assert.ok(wrong <= most, `${how}: ${wrong} of 6 processes did not end with ${code}`);
  }
});
