import assert from "node:assert/strict";
import { DELIVERY, deliveryTable, keeps } from "./delivery.ts";

Deno.test("delivery: the README tells the table that the suite checks", async () => {
  const readme = await Deno.readTextFile(new URL("./README.md", import.meta.url));
  const squeeze = (text: string) => text.replace(/ +/g, " ").replace(/-{3,}/g, "---");
  assert.ok(
    squeeze(readme).includes(squeeze(deliveryTable())),
    "the table in README.md is not ours",
  );
});

Deno.test("delivery: only a channel that says so may lose messages to a killed receiver", () => {
  const lossy = Object.keys(DELIVERY).filter((name) =>
    !keeps(name as keyof typeof DELIVERY, "receiverKilled")
  );
  assert.deepEqual(lossy, ["zmq-pub"]);
});
