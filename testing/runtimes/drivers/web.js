/** Runs entries in a page, or in a worker that it starts. */
const read = async (path) => {
  const response = await fetch(`/data/${path}`);
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

/** What each entry reports, or its error. */
export async function runHere(names) {
  const reports = {};
  for (const name of names) {
    try {
      const { default: run } = await import(`/bundles/${name}.js`);
      reports[name] = await run(read);
    } catch (error) {
      reports[name] = { error: String(error?.stack ?? error) };
    }
  }
  return reports;
}

/** The same in a worker. */
export function runInWorker(names) {
  const worker = new Worker(import.meta.url, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(names);
  });
}

if (globalThis.WorkerGlobalScope) {
  globalThis.onmessage = async ({ data }) => globalThis.postMessage(await runHere(data));
}
