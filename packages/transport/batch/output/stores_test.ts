import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { needing } from "#testing/shared.ts";
import { cacheDirectory } from "../../fetch/cache_folder.ts";
import { S3Bucket } from "../../s3/bucket.ts";
import { BUCKET, MOTO, startMoto } from "../../testing/moto.ts";
import type { Manifest } from "./manifest.ts";
import { fetchStored } from "./stores.ts";

const WORKER = import.meta.resolve("../../testing/batch_work.ts");

Deno.test({
  ...needing("a batch from a bucket into a bucket, gone on with", MOTO),
  async fn() {
    await using service = await startMoto();
    const endpoint = `http://127.0.0.1:${service.port}`;
    const env = { get: (name: string) => service.env.get(name) };
    const bucket = new S3Bucket(BUCKET, { endpoint, env });
    const put = (key: string, text: string) => bucket.put(key, new TextEncoder().encode(text));
    for (const name of ["a.txt", "b/å 1.txt", "c.bin"]) await put(`in/${name}`, `text of ${name}`);
    await put("in2/none.txt", "not asked for");
    const output = `s3://${BUCKET}/out`;
    const id = createHash("sha256").update(output).digest("hex").slice(0, 16);
    const state = join(cacheDirectory(), "batch", id);
    const forget = () => Deno.remove(state, { recursive: true }).catch(() => {});
    const run = async () => {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-check",
          "-A",
          WORKER,
          output,
          "webdataset",
          `s3://${BUCKET}/in`,
        ],
        env: { ...Object.fromEntries(service.env), AWS_ENDPOINT_URL: endpoint },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    };
    const json = async (key: string) => JSON.parse(new TextDecoder().decode(await bucket.get(key)));
    await forget();
    try {
      await run();
      const { counts, files }: Manifest = await json("out/manifest.json");
      assert.deepEqual([counts.records, files.length], [2, 1]);
      assert.deepEqual((await json("out/shard-00000.json")).keys, ["a.txt", "b/å 1.txt"]);
      const tar = new TextDecoder().decode(await bucket.get("out/shard-00000.tar"));
      assert.match(tar, /"text":"text of b\/å 1.txt"/);
      await put("in/d.txt", "text of d.txt");
      // Nothing of this machine is needed to go on.
      await forget();
      await run();
      assert.equal((await json("out/manifest.json")).counts.records, 3);
      assert.deepEqual((await json("out/shard-00001.json")).keys, ["d.txt"]);
      const { signal } = new AbortController();
      const missing = fetchStored(`s3://${BUCKET}/in/none`, {
        endpoint,
        env,
        folder: state,
        signal,
      });
      await assert.rejects(missing, { code: "missing" });
    } finally {
      await forget();
    }
  },
});
