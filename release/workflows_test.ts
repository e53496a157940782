import { PACKAGES, ROOT } from "#testing/house.ts";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
}

interface Job {
  readonly "runs-on": string;
  readonly strategy?: { readonly matrix?: { readonly runner?: readonly string[] } };
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: unknown;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const read = (path: string) => readFile(join(ROOT, path), "utf8");
const { tasks } = JSON.parse(await read("deno.json")) as { tasks: Record<string, unknown> };

async function workflow(name: string): Promise<Workflow> {
  return parse(await read(`.github/workflows/${name}`)) as Workflow;
}

const names = await readdir(join(ROOT, ".github/workflows"));
const workflows = await Promise.all(names.map(async (name) => ({ name, ...await workflow(name) })));
const steps = workflows.flatMap(({ name, jobs }) =>
  Object.values(jobs).flatMap((job) => job.steps.map((step) => ({ name, ...step })))
);

Deno.test("every task that a workflow runs exists, or is looked for first", () => {
  const guarded = [...steps.map(({ run = "" }) => run).join("\n").matchAll(/grep -q '"([\w-]+)"'/g)]
    .map(([, name]) => name!);
  const named = steps.flatMap(({ name, run = "", if: condition }) =>
    [...run.matchAll(/deno(?:@\S+)? task ([\w-]+)/g)].map(([, task]) => ({ name, task, condition }))
  );
  assert.ok(named.length >= 4);
  for (const { name, task, condition } of named) {
    const isThere = task! in tasks || (guarded.includes(task!) && condition !== undefined);
    assert.ok(isThere, `${name} runs the task ${task}, which deno.json does not have`);
  }
});

Deno.test("every file that a workflow runs exists", async () => {
  for (const { run = "" } of steps) {
    for (const [, path] of run.matchAll(/^bash (\S+)/gm)) await read(path!);
  }
});

Deno.test("workflows, .ci/run and the Dockerfile use one version of Deno", async () => {
  const texts = [
    ...steps.map(({ run = "" }) => run),
    await read(".ci/run"),
    await read("Dockerfile"),
  ];
  const versions = texts.flatMap((text) => text.match(/deno@[\w.]+/g) ?? []);
  assert.ok(versions.length > 5);
  assert.equal(new Set(versions).size, 1, [...new Set(versions)].join());
});

Deno.test("actions are named with a version, and may write only where they must", () => {
  for (const { name, uses } of steps) {
    if (uses !== undefined) assert.match(uses, /^[\w-]+\/[\w-]+@v\d+$/, name);
  }
  for (const { name, permissions } of workflows) {
    assert.deepEqual(permissions, { contents: "read" }, name);
  }
});

Deno.test("the suite runs on Linux x64 and arm64, macOS and Windows", async () => {
  const { jobs } = await workflow("test.yml");
  const runners = Object.values(jobs).flatMap((job) =>
    job.strategy?.matrix?.runner ?? job["runs-on"]
  );
  for (const system of [/^ubuntu-[\d.]+$/, /^ubuntu-.*-arm$/, /^macos-/, /^windows-/]) {
    assert.ok(runners.some((runner) => system.test(runner)), String(system));
  }
});

Deno.test("a tag publishes with provenance", async () => {
  const { on, jobs } = await workflow("publish.yml");
  assert.deepEqual(on, { push: { tags: ["v*"] } });
  const job = jobs.registry!;
  assert.equal(job.permissions?.["id-token"], "write");
  assert.ok(job.steps.some(({ run = "" }) => /deno\S* publish$/.test(run)));
});

Deno.test("the forms for issues can be read, and every field has a name", async () => {
  for (const name of await readdir(join(ROOT, ".github/ISSUE_TEMPLATE"))) {
    const form = parse(await read(`.github/ISSUE_TEMPLATE/${name}`)) as {
      name?: string;
      description?: string;
      body?: { id: string; attributes: { label: string } }[];
    };
    if (name === "config.yml") continue;
    assert.ok(form.name && form.description && form.body, name);
    for (const { id, attributes } of form.body) assert.ok(id && attributes.label, name);
  }
});

Deno.test("each package has the repository's licence, and says so", async () => {
  const licence = await read("LICENSE");
  for (const folder of [...PACKAGES.map((name) => `packages/${name}`), "apps/demo"]) {
    assert.equal(await read(`${folder}/LICENSE`), licence, folder);
    const config = JSON.parse(await read(`${folder}/deno.json`)) as { license: string };
    assert.equal(config.license, "MIT", folder);
  }
});
