import type { Session } from "@vcs/onnx/session";
import assert from "node:assert/strict";
import { SizedSessions } from "./sized_sessions.ts";

const size = { frames: 17, height: 8, width: 8 };

Deno.test("sized sessions: one session per size, a failure is tried again, all are closed", async () => {
  const opened: string[] = [];
  let closed = 0;
  const sessions = new SizedSessions(({ height }) => {
    opened.push(`${height}`);
    if (opened.length === 1) return Promise.reject(new Error("busy"));
    return Promise.resolve({ close: () => void closed++ } as unknown as Session);
  });
  await assert.rejects(sessions.get(size), /busy/);
  const [first, again] = await Promise.all([sessions.get(size), sessions.get(size)]);
  assert.equal(first, again);
  await sessions.get({ ...size, height: 16 });
  assert.deepEqual(opened, ["8", "8", "16"]);
  sessions[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(closed, 2);
  assert.throws(() => sessions.get(size), TypeError);
});

Deno.test("sized sessions: those of the two sizes that were used last are kept", async () => {
  const closed: number[] = [];
  const sessions = new SizedSessions(({ height }) =>
    Promise.resolve({ close: () => void closed.push(height) } as unknown as Session)
  );
  const at = async (height: number) => void await sessions.get({ ...size, height });
  for (const height of [8, 16, 8, 24, 8, 32]) await at(height);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(closed, [16, 24]);
  sessions[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(closed, [16, 24, 8, 32]);
});
