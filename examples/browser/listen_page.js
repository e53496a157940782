/** The page that listens: codes come over a channel, and are decoded and played here. */
import { listen } from "./listen.ts";
import { $, drawWave, openRuntime, say, showFacts } from "./page.js";

const MODEL = "encodec_tiny_24khz";
/** Seconds that sound is held back at first, so that later blocks may be late by less. */
const HOLD = 0.3;
/** Seconds that are decoded ahead at most: behind them the sender waits, too. */
const AHEAD = 2;

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** Plays blocks one behind the other, by the clock of the sound card. */
class Player {
  #context = new AudioContext();
  #end = 0;
  /** Times that it had nothing to play. */
  gaps = 0;

  async play(samples, rate) {
    const { currentTime } = this.#context;
    if (this.#end < currentTime) {
      if (this.#end > 0) this.gaps++;
      this.#end = currentTime + HOLD;
    }
    const buffer = this.#context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const node = this.#context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.#context.destination);
    node.start(this.#end);
    this.#end += buffer.duration;
    await sleep(this.#end - this.#context.currentTime - AHEAD);
  }
}

function show({ received, lost, bytes, connections }, seconds, gaps) {
  $("result").hidden = false;
  showFacts({
    "Sound": `${seconds.toFixed(1)} s`,
    "Blocks": `${received}, ${lost} lost`,
    "Codes": `${(bytes * 8 / 1000 / seconds).toFixed(1)} kbit/s`,
    "Connections": connections,
    "Gaps": gaps,
  });
}

async function hear({ ort, weights }) {
  const player = new Player();
  say("Waiting for sound …");
  const url = new URL("/sound", location.href.replace(/^http/, "ws"));
  const { rate, blocks, heard } = await listen(url.href, MODEL, weights, ort);
  say("Listening.");
  for await (const { start, channels } of blocks) {
    const [samples] = channels;
    dispatchEvent(new CustomEvent("sound", { detail: samples }));
    drawWave(samples);
    show(heard(), (start + samples.length) / rate, player.gaps);
    await player.play(samples, rate);
  }
  say("The sound has ended.");
}

const fail = (error) => say(error.message, true);
openRuntime(MODEL).then((runtime) => {
  say("Ready.");
  $("listen").disabled = false;
  // Browsers refuse to play before the page was touched.
  $("listen").onclick = () => {
    $("listen").disabled = true;
    hear(runtime).catch(fail);
  };
}, fail);
