import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { openReceiver, openSender } from "../channel.ts";
import { within } from "../flow/abort.ts";
import { message, newStreamId } from "../message.ts";
import { S3Bucket } from "../s3/bucket.ts";
import { conformance, LIMIT } from "../testing/conformance.ts";
import { FaultProxy } from "../testing/fault_proxy.ts";
import { BUCKET, MOTO_PYTHON, setVariables, startMoto } from "../testing/moto.ts";
import { sleep } from "../testing/waits.ts";

Deno.test({
  name: "channel: s3 keeps its promises",
  ...needs(MOTO_PYTHON !== undefined),
  async fn(t) {
    await using service = await startMoto();
    using _ = setVariables(service.env);
    const { port } = service;
    let places = 0;
    await conformance(t, {
      channel: "s3",
      place() {
        const at = `endpoint=http://127.0.0.1:${port}&limit=${LIMIT}`;
        const url = `s3://${BUCKET}/some place/${places++}?${at}`;
        return { sender: url, receiver: url };
      },
      port: () => port,
      through: ({ sender, receiver }, port) => ({
        sender: sender.replace(/127.0.0.1:\d+/, `127.0.0.1:${port}`),
        receiver,
      }),
      async remove({ sender }) {
        const bucket = new S3Bucket(BUCKET, { endpoint: `http://127.0.0.1:${port}` });
        const prefix = decodeURIComponent(new URL(sender).pathname.slice(1));
        for await (const page of bucket.list(prefix)) {
          for (const { key } of page) await bucket.remove(key);
        }
      },
    });
    const at = `endpoint=http://127.0.0.1:${port}`;
    await t.step("wrong credentials and buckets are told of at once, on both ends", async () => {
      const refused = async (url: string, words: RegExp) => {
        await using receiver = await openReceiver(url, { timeout: 600_000 });
        await assert.rejects(receiver.receive(), { code: "refused", message: words });
        const sender = await openSender(url, { timeout: 600_000 });
        const sending = sender.send(message(new Uint8Array(1))).then(() => sender.flush());
        await assert.rejects(sending, { code: "refused", message: words });
        await sender.close();
      };
      await refused(`s3://nobodys/place?${at}`, /NoSuchBucket: The specified bucket does not/);
      using _ = setVariables([["AWS_SECRET_ACCESS_KEY", "wrong"]]);
      await refused(`s3://${BUCKET}/place?${at}`, /SignatureDoesNotMatch: /);
    });
    await t.step("no credentials are told of when an end is opened", async () => {
      using _ = setVariables([["AWS_ACCESS_KEY_ID", ""]]);
      await assert.rejects(openSender(`s3://${BUCKET}/place?${at}`), { code: "refused" });
    });
    await t.step("an archive keeps all, in order, and two senders overwrite nothing", async () => {
      const url = `s3://${BUCKET}/archive?${at}`;
      await using one = await openSender(url);
      await using other = await openSender(url);
      for (const [i, sender] of [one, other, one, other].entries()) {
        await sender.send(message(new Uint8Array([i]), { sequence: i >> 1 }));
        await sender.flush();
      }
      for (let reader = 0; reader < 2; reader++) {
        await using receiver = await openReceiver(url);
        const seen: number[] = [];
        while (seen.length < 4) {
          const delivery = await receiver.receive();
          seen.push(...delivery!.message.payload);
          await delivery!.accept();
        }
        assert.deepEqual(seen, [0, 1, 2, 3]);
      }
    });
    await t.step("what was accepted and is stored again leaves nothing behind", async () => {
      await using proxy = new FaultProxy(port);
      const url = `s3://${BUCKET}/again`;
      // Without a limit: it would look first, and get no answer to that.
      const through = `${url}?endpoint=http://127.0.0.1:${proxy.port}`;
      await using sender = await openSender(through);
      await using receiver = await openReceiver(`${url}?limit=3&${at}`);
      const streamId = newStreamId();
      await sender.send(message(new Uint8Array(1), { streamId, sequence: 0 }));
      await (await receiver.receive())!.accept();
      await sender.flush();
      proxy.faults.mute = true;
      await sender.send(message(new Uint8Array(1), { streamId, sequence: 1 }));
      await (await receiver.receive())!.accept();
      proxy.faults.mute = false;
      proxy.cut();
      await sender.flush();
      await sender.send(message(new Uint8Array(1), { streamId, sequence: 2 }));
      assert.equal((await receiver.receive())?.message.sequence, 2);
      const bucket = new S3Bucket(BUCKET, { endpoint: `http://127.0.0.1:${port}` });
      const count = async () => (await Array.fromAsync(bucket.list("again/"))).flat().length;
      const emptied = async () => {
        while (await count() > 1) await sleep(20);
      };
      await within(60_000, "leaving but the one that is held", emptied());
      assert.equal(receiver.counters.duplicates, 1);
    });
    await t.step("a sender whose answer was lost finds that its object is there", async () => {
      await using proxy = new FaultProxy(port);
      const url = `s3://${BUCKET}/lost`;
      await using sender = await openSender(`${url}?endpoint=http://127.0.0.1:${proxy.port}`);
      await sender.send(message(new Uint8Array(1)));
      await sender.flush();
      // The request goes through, and its answer does not come.
      proxy.faults.mute = true;
      await sender.send(message(new Uint8Array(2)));
      const bucket = new S3Bucket(BUCKET, { endpoint: `http://127.0.0.1:${port}` });
      const count = async () => (await Array.fromAsync(bucket.list("lost/"))).flat().length;
      while (await count() < 2) await sleep(20);
      proxy.faults.mute = false;
      proxy.cut();
      await sender.flush();
      assert.equal(await count(), 2);
    });
  },
});
