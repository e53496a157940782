import { drawOn, Player, readMessage } from "./player.js";

const element = (id) => document.getElementById(id);

function follow(player) {
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/film");
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => player.push(readMessage(data));
  socket.onclose = () => setTimeout(() => follow(player), 1000);
}

element("play").onclick = async () => {
  element("play").disabled = true;
  const context = new AudioContext();
  await context.resume();
  const player = new Player(context, drawOn(element("screen")));
  element("state").textContent = "Waiting for the film";
  follow(player);
  const show = () => {
    const second = player.show();
    if (second !== undefined) element("state").textContent = `${second.toFixed(1)} s`;
    requestAnimationFrame(show);
  };
  show();
};
