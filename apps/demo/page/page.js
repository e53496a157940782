// What moves on the demo's page: the chosen frame, two films in step, and the voices.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const SVG = "http://www.w3.org/2000/svg";

function moveCursor(id, part) {
  const cursor = $(`#${id} .cursor`);
  cursor.hidden = false;
  cursor.style.left = `${100 * part}%`;
}

// Patches: the stage shows the chosen sample.

const samples = JSON.parse($("#samples").textContent);
const mostEnergy = Math.max(...samples.frames.flatMap(({ energy }) => energy), 1);
// From nothing to most, as heat.
const HEAT = [[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [
  252,
  253,
  191,
]];

function heatColour(energy) {
  const place = Math.sqrt(energy / mostEnergy) * (HEAT.length - 1);
  const low = Math.min(HEAT.length - 2, Math.floor(place));
  const mixed = HEAT[low].map((value, c) =>
    Math.round(value + (place - low) * (HEAT[low + 1][c] - value))
  );
  return `rgb(${mixed.join(" ")} / 0.8)`;
}

function heatLayer({ energy }) {
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "heat");
  energy.forEach((value, place) => {
    const cell = document.createElementNS(SVG, "rect");
    cell.setAttribute("x", String(place % samples.columns));
    cell.setAttribute("y", String(Math.floor(place / samples.columns)));
    cell.setAttribute("width", "1");
    cell.setAttribute("height", "1");
    cell.setAttribute("fill", heatColour(value));
    group.append(cell);
  });
  return group;
}

function showSample() {
  const chosen = $("input[name=sample]:checked");
  const frame = samples.frames[Number(chosen.value)];
  const image = $("#stage .image");
  $("img", image).src = frame.image;
  const overlay = $(".overlay", chosen.parentElement).cloneNode(true);
  overlay.append(heatLayer(frame));
  $(".overlay", image).replaceWith(overlay);
  $("#stage output").textContent = frame.text;
  // The plot begins a little before the first sample and ends a little after the last second.
  const { left, right } = samples.axis;
  moveCursor("energy", (frame.pts - left) / (right - left));
}

for (const input of $$("input[name=sample]")) input.addEventListener("change", showSample);
for (const input of $$("input[name=mode]")) {
  input.addEventListener("change", () => $("#stage .image").dataset.mode = input.value);
}
showSample();

// Films: the first one leads, the second follows.

const pair = $("#pair");
const [leader, follower] = $$("video", pair);
const pairButton = $("button", pair);
const pairPlace = $("input", pair);

function showPlace() {
  const seconds = leader.currentTime;
  pairPlace.value = String(seconds);
  $("output", pair).textContent = `${seconds.toFixed(2)} s`;
  moveCursor("psnr", Math.min(1, seconds / Number(pairPlace.max)));
}

function followLeader() {
  if (Math.abs(follower.currentTime - leader.currentTime) > 0.05) {
    follower.currentTime = leader.currentTime;
  }
  showPlace();
  if (!leader.paused) requestAnimationFrame(followLeader);
}

function seekPair(seconds) {
  leader.currentTime = seconds;
  follower.currentTime = seconds;
  showPlace();
}

async function playPair() {
  await Promise.all([leader.play(), follower.play()]);
  followLeader();
}

function pausePair() {
  leader.pause();
  follower.pause();
  follower.currentTime = leader.currentTime;
}

const togglePair = () => leader.paused ? playPair() : pausePair();
pairButton.addEventListener("click", togglePair);
for (const video of [leader, follower]) video.addEventListener("click", togglePair);
leader.addEventListener("play", () => pairButton.setAttribute("aria-pressed", "true"));
leader.addEventListener("pause", () => pairButton.setAttribute("aria-pressed", "false"));
leader.addEventListener("ended", () => {
  seekPair(0);
  playPair();
});
leader.addEventListener("seeked", showPlace);
pairPlace.addEventListener("input", () => seekPair(Number(pairPlace.value)));
leader.addEventListener("loadeddata", () => seekPair(Number(pairPlace.max) * 0.68), { once: true });
if (leader.readyState >= 2) seekPair(Number(pairPlace.max) * 0.68);

// Voices: one at a time; the next one goes on where the last one was.

const voices = $$("[data-player]").map((root) => ({
  root,
  audio: $("audio", root),
  button: $("button", root),
  place: $("input", root),
  begin: Number(root.dataset.from ?? 0),
  end: Number(root.dataset.to ?? 1),
}));

function showVoice({ root, audio, place, begin, end }) {
  const seconds = Number(place.max);
  const part = Math.min(1, audio.currentTime / seconds);
  place.value = String(audio.currentTime);
  place.setAttribute("aria-valuetext", `${audio.currentTime.toFixed(1)} of ${seconds} seconds`);
  root.style.setProperty("--begun", `${100 * begin}%`);
  root.style.setProperty("--played", `${100 * (begin + part * (end - begin))}%`);
}

function followVoice(voice) {
  showVoice(voice);
  if (!voice.audio.paused) requestAnimationFrame(() => followVoice(voice));
}

function playVoice(voice) {
  for (const other of voices) {
    if (other === voice || other.audio.paused) continue;
    other.audio.pause();
    // Both hold the same sentence from its beginning.
    if (other.place.max === voice.place.max) voice.audio.currentTime = other.audio.currentTime;
  }
  voice.audio.play();
}

for (const voice of voices) {
  const { audio, button, place } = voice;
  button.addEventListener("click", () => audio.paused ? playVoice(voice) : audio.pause());
  audio.addEventListener("play", () => {
    button.setAttribute("aria-pressed", "true");
    followVoice(voice);
  });
  audio.addEventListener("pause", () => button.setAttribute("aria-pressed", "false"));
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
    showVoice(voice);
  });
  place.addEventListener("input", () => {
    audio.currentTime = Number(place.value);
    showVoice(voice);
  });
}

// Drift: the frame under the pointer, or the one that the slider is at.

const watched = JSON.parse($("#watched").textContent);
const area = $("#drift .plot-area");
const slider = $("input", area);
const peek = $(".peek", area);

function showFrame() {
  const { image, time, text } = watched.frames[Number(slider.value)];
  const part = time / watched.seconds;
  $("img", peek).src = image;
  $("figcaption", peek).textContent = text;
  slider.setAttribute("aria-valuetext", text);
  peek.style.setProperty("--at", `${100 * part}%`);
  peek.hidden = false;
  moveCursor("drift", part);
}

function hideFrame() {
  peek.hidden = true;
  $(".cursor", area).hidden = true;
}

function frameUnder({ clientX }) {
  const { left, width } = area.getBoundingClientRect();
  const time = watched.seconds * (clientX - left) / width;
  const later = watched.frames.findIndex((frame) => frame.time > time);
  return later === -1 ? watched.frames.length - 1 : Math.max(0, later - 1);
}

area.addEventListener("pointermove", (event) => {
  slider.value = String(frameUnder(event));
  showFrame();
});
area.addEventListener("pointerleave", hideFrame);
slider.addEventListener("input", showFrame);
slider.addEventListener("focus", () => slider.matches(":focus-visible") && showFrame());
slider.addEventListener("blur", hideFrame);
