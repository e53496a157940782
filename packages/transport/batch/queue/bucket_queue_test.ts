import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { needing } from "#testing/shared.ts";
import { cacheDirectory } from "../../fetch/cache_folder.ts";
import { S3Bucket } from "../../s3/bucket.ts";
import { BUCKET, MOTO, type S3Service, startMoto } from "../../testing/moto.ts";
import { hasBroker, startBroker } from "../../trial/brokers.ts";
import type { Manifest } from "../output/manifest.ts";

const COMMAND = import.meta.resolve("../../testing/queue_command.ts");
const COUNT = 12;
const NEEDED = { "redis-server": hasBroker("redis"), ...MOTO };

/** Variables of the environment by which the command finds a service. */
function variables({ env, port }: S3Service): Record<string, string> {
  return { ...Object.fromEntries(env), AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
}

/** Runs the command; gives its exit code and what it said. */
async function run(env: Record<string, string>, ...args: string[]) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", COMMAND, ...args],
    ...{ env, stdin: "null" },
  }).output();
  return { code, said: new TextDecoder().decode(stderr) };
}

/** Hands a test a folder of texts; forgets afterwards what this machine keeps of the outputs. */
async function withTexts(
  outputs: readonly string[],
  test: (texts: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "texts"));
    for (let i = 0; i < COUNT; i++) await Deno.writeTextFile(join(folder, `texts/${i}.txt`), "");
    await test(join(folder, "texts"), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
    for (const output of outputs) {
      const id = createHash("sha256").update(output).digest("hex").slice(0, 16);
      await Deno.remove(join(cacheDirectory(), "batch", id), { recursive: true }).catch(() => {});
    }
  }
}

const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The SHA-256 of each member of a tar archive. */
function membersOf(tar: Uint8Array): [string, string][] {
  const members: [string, string][] = [];
  const textAt = (at: number, length: number) =>
    new TextDecoder().decode(tar.subarray(at, at + length)).split("\0")[0]!;
  for (let at = 0; tar[at] !== 0;) {
    const size = parseInt(textAt(at + 124, 12), 8);
    members.push([textAt(at, 100), hex(tar.subarray(at + 512, at + 512 + size))]);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}

/** The records of an output in a bucket: the SHA-256 of each file or member, by its name. */
async function recordsIn(bucket: S3Bucket, prefix: string): Promise<Map<string, string>> {
  const get = async (name: string) => await bucket.get(`${prefix}/${name}`) ?? assert.fail(name);
  const text = async (name: string) => new TextDecoder().decode(await get(name));
  const { files }: Manifest = JSON.parse(await text("manifest.json"));
  const records: [string, string][] = [];
  for (const { name, sha256 } of files) {
    const bytes = await get(name);
    assert.equal(hex(bytes), sha256);
    if (name.endsWith(".tar")) records.push(...membersOf(bytes));
    else {
      for (const line of (await text(name)).trimEnd().split("\n")) {
        const entry = JSON.parse(line);
        records.push([entry.key, hex(await get(entry.name))]);
        assert.equal(records.at(-1)![1], entry.sha256);
      }
    }
  }
  const found = new Map(records.sort(([a], [b]) => a < b ? -1 : 1));
  assert.equal(found.size, records.length);
  return found;
}

for (const format of ["files", "webdataset"]) {
  Deno.test({
    ...needing(
      `queue: two workers fill a bucket with the records of a batch without one, ${format}`,
      NEEDED,
    ),
    async fn() {
      await using service = await startMoto();
      await using broker = await startBroker("redis");
      const [alone, output] = [`s3://${BUCKET}/alone`, `s3://${BUCKET}/codes`];
      const env = variables(service);
      const queue = ["--queue", `redis://127.0.0.1:${broker.port}`, "-o", output];
      const asked = ["--format", format];
      const done = async (...args: string[]) => {
        const { code, said } = await run(env, ...args);
        assert.equal(code, 0, said);
        return said;
      };
      await withTexts([alone, output], async (texts) => {
        await done("batch", texts, "-o", alone, ...asked);
        await done("batch", "submit", texts, ...queue, ...asked, "--group", "3");
        const work = () => done("batch", "work", ...queue, ...asked);
        const told = await Promise.all([work(), work()]);
        const counts = told.map((said) => Number(/^(\d+) items done/m.exec(said)![1]));
        assert.equal(counts[0]! + counts[1]!, COUNT);
        assert.match(await done("merge", output), /^12 records in \d+ files, 0 failed/m);
        const bucket = new S3Bucket(BUCKET, {
          ...{ endpoint: env.AWS_ENDPOINT_URL!, env: service.env },
        });
        const [found, expected] = [
          await recordsIn(bucket, "codes"),
          await recordsIn(bucket, "alone"),
        ];
        assert.ok(expected.size >= COUNT);
        assert.deepEqual(found, expected);
      });
    },
  });
}

Deno.test({
  ...needing("batch: a bucket that refuses who asks is said before anything is worked on", NEEDED),
  async fn() {
    await using service = await startMoto();
    await using broker = await startBroker("redis");
    const output = `s3://${BUCKET}/refused`;
    const queue = ["--queue", `redis://127.0.0.1:${broker.port}`, "-o", output];
    await withTexts([output], async (texts, folder) => {
      const begun = join(folder, "begun");
      await Deno.writeTextFile(join(texts, "0.txt"), `flaky ${begun}`);
      const wrong = { ...variables(service), AWS_SECRET_ACCESS_KEY: "wrong" };
      const none = { ...wrong, AWS_SECRET_ACCESS_KEY: "" };
      const refusals: [Record<string, string>, RegExp][] = [
        [wrong, /^known: Cannot use bucket windows: the service refuses: SignatureDoesNotMatch/m],
        [none, /^known: Cannot use bucket windows: .*AWS_SECRET_ACCESS_KEY/m],
      ];
      for (const [env, words] of refusals) {
        for (
          const args of [
            ["batch", texts, "-o", output],
            ["batch", "submit", texts, ...queue],
            ["batch", "work", ...queue],
            ["merge", output],
          ]
        ) {
          const { code, said } = await run(env, ...args);
          assert.equal(code, 1, said);
          assert.match(said, words, args.join(" "));
        }
      }
      await assert.rejects(Deno.stat(begun), Deno.errors.NotFound);
    });
  },
});
