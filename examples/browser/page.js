/** What both pages do: take a file by drop or by choice, and say what goes on. */

/** The element of an id. */
export const $ = (id) => document.getElementById(id);

/** Shows what goes on, or what went wrong. */
export function say(text, isError = false) {
  $("state").textContent = text;
  $("state").classList.toggle("error", isError);
}

/** Shows names and values. */
export function showFacts(facts) {
  const cells = Object.entries(facts).flatMap(([name, value]) => {
    const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    detail.textContent = value;
    const row = document.createElement("div");
    row.append(term, detail);
    return row;
  });
  $("facts").replaceChildren(...cells);
}

/** Calls a function with each file that is dropped on the page or chosen, one at a time. */
export function onFile(use) {
  let last = Promise.resolve();
  const take = (file) => {
    if (!file) return;
    last = last.then(() => use(file)).catch((error) => say(error.message, true));
  };
  const drop = $("drop");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", () => drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  $("file").addEventListener("change", ({ target }) => take(target.files[0]));
}
