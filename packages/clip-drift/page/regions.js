"use strict";
// Drawing what counts of a camera's picture: polygons over it, by mouse, touch or keys.

/** How far an arrow moves the cursor, alone and with Shift, in shares of the picture. */
const [STEP, LEAP] = [0.01, 0.1];
const MOVES = {
  ...{ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] },
};
const KINDS = { roi: "looked at", mask: "left out" };
const HELP = "Click or Space: a point; double click or Enter: closes the region; " +
  "Delete: takes back a point, or the region below the cursor; Esc: leaves";

/** A share of the picture, as it is kept. */
const share = (value) => Number(Math.min(Math.max(value, 0), 1).toFixed(4));

/** Whether a point is in a polygon, by the even-odd rule. */
function isIn(polygon, [x, y]) {
  let isInside = false;
  for (const [i, [ax, ay]] of polygon.entries()) {
    const [bx, by] = polygon.at(i - 1);
    if (ay > y !== by > y && x < ax + (bx - ax) * (y - ay) / (by - ay)) isInside = !isInside;
  }
  return isInside;
}

function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** The regions of one camera while they are drawn. */
class Drawing {
  /** Begins with the regions that there are; `keep` takes them, `onEnd` is called when all is over. */
  constructor(camera, { roi, mask }, keep, onEnd) {
    Object.assign(this, { camera, keep, onEnd, points: [], cursor: [0.5, 0.5], hasKeys: false });
    const regions = (kind, polygons) => polygons.map((points) => ({ kind, points }));
    this.regions = [...regions("roi", roi), ...regions("mask", mask)];
    const content = document.getElementById("drawing").content.cloneNode(true);
    this.canvas = content.querySelector(".canvas");
    this.tools = content.querySelector(".tools");
    this.canvas.setAttribute("aria-label", `Regions of ${camera}: arrows move the cursor. ${HELP}`);
    this.observer = new ResizeObserver(() => this.place());
    this.listen();
    this.say(this.regions.length === 0 ? HELP : `${this.count()}. ${HELP}`);
  }

  part(name) {
    return this.tools.querySelector(`.${name}`);
  }

  say(text) {
    this.part("said").textContent = text;
  }

  count() {
    const { length } = this.regions;
    return `${length} ${length === 1 ? "region" : "regions"}`;
  }

  listen() {
    const { canvas } = this;
    canvas.onpointermove = (event) => this.point(event);
    canvas.onclick = (event) => {
      this.point(event);
      // The second click of two closes, and is no point.
      if (event.detail < 2) this.add();
    };
    canvas.ondblclick = () => this.whole();
    canvas.onkeydown = (event) => this.key(event);
    this.tools.onkeydown = (event) => event.key === "Escape" && this.close();
    this.part("kind").onchange = () => this.draw();
    this.part("remove").onclick = () => this.remove();
    this.part("save").onclick = () => this.save();
    this.part("leave").onclick = () => this.close();
  }

  /** Puts the drawing over a camera's image; without one, it is over. */
  move(tile) {
    if (tile === undefined) return this.close();
    this.tile = tile;
    this.observer.disconnect();
    const image = tile.part("image");
    image.after(this.canvas);
    tile.part("tools").before(this.tools);
    tile.root.classList.add("drawn");
    this.observer.observe(image);
    this.place();
    this.draw();
    if (document.activeElement === document.body) this.focus();
  }

  focus() {
    this.canvas.focus();
  }

  /** Lays the canvas over what the image shows, which has edges where its shape is another one. */
  place() {
    const { naturalWidth, naturalHeight, offsetLeft, offsetTop, offsetWidth, offsetHeight } = this
      .tile.part("image");
    if (naturalWidth === 0) return;
    const scale = Math.min(offsetWidth / naturalWidth, offsetHeight / naturalHeight);
    const [width, height] = [scale * naturalWidth, scale * naturalHeight];
    Object.assign(this.canvas.style, {
      left: `${offsetLeft + (offsetWidth - width) / 2}px`,
      top: `${offsetTop + (offsetHeight - height) / 2}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
  }

  /** Takes the cursor to where the mouse is. */
  point({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    this.cursor = [share((clientX - left) / width), share((clientY - top) / height)];
    this.hasKeys = false;
    this.draw();
  }

  key(event) {
    const { key, shiftKey, ctrlKey, altKey, metaKey } = event;
    if (ctrlKey || altKey || metaKey) return;
    const does = {
      ...{ Enter: () => this.whole(), " ": () => this.add(), Escape: () => this.close() },
      ...{ Delete: () => this.remove(), Backspace: () => this.remove() },
    }[key] ?? (MOVES[key] && (() => this.step(MOVES[key], shiftKey ? LEAP : STEP)));
    if (does === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  }

  step([x, y], by) {
    const [left, top] = this.cursor;
    this.cursor = [share(left + x * by), share(top + y * by)];
    this.hasKeys = true;
    this.draw();
  }

  add() {
    this.points.push(this.cursor);
    const { length } = this.points;
    this.say(`${length} ${length === 1 ? "point" : "points"}`);
    this.draw();
  }

  /** Makes a region of the points; whether there were enough. */
  whole() {
    const { length } = this.points;
    if (length < 3) {
      this.say(`A region needs three points; here ${length === 1 ? "is" : "are"} ${length}`);
      return false;
    }
    const kind = this.part("kind").value;
    this.regions.push({ kind, points: this.points });
    this.points = [];
    this.say(`${this.count()}; the last is ${KINDS[kind]}`);
    this.draw();
    return true;
  }

  /** Takes back the last point, or the region below the cursor. */
  remove() {
    if (this.points.pop() !== undefined) this.say(`${this.points.length} points`);
    else {
      const at = this.below();
      if (at >= 0) this.regions.splice(at, 1);
      this.say(at >= 0 ? `Removed; ${this.count()}` : "There is no region below the cursor");
    }
    this.draw();
  }

  /** Number of the region below the cursor that was drawn last, or -1. */
  below() {
    return this.regions.findLastIndex(({ points }) => isIn(points, this.cursor));
  }

  draw() {
    const below = this.points.length === 0 ? this.below() : -1;
    const shapes = this.regions.map(({ kind, points }, i) =>
      shape("polygon", { class: `${kind}${i === below ? " below" : ""}`, points: points.join(" ") })
    );
    if (this.points.length > 0) {
      const points = [...this.points, this.cursor].join(" ");
      shapes.push(shape("polyline", { class: this.part("kind").value, points }));
    }
    const [x, y] = this.cursor;
    if (this.hasKeys) {
      const d = `M${x - 0.03} ${y}H${x + 0.03}M${x} ${y - 0.03}V${y + 0.03}`;
      shapes.push(shape("path", { class: "cursor", d }));
    }
    this.canvas.replaceChildren(...shapes);
  }

  async save() {
    if (this.points.length > 0 && !this.whole()) return;
    const of = (kind) => this.regions.filter((one) => one.kind === kind).map((one) => one.points);
    try {
      await this.keep(JSON.stringify({ roi: of("roi"), mask: of("mask") }));
      this.close();
    } catch (error) {
      this.say(`Not saved: ${error.message}`);
    }
  }

  /** Ends it; what is not saved is gone. */
  close() {
    this.observer.disconnect();
    this.canvas.remove();
    this.tools.remove();
    this.tile?.root.classList.remove("drawn");
    this.tile?.part("draw").focus();
    this.onEnd();
  }
}

globalThis.Drawing = Drawing;
