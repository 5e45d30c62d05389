// The statistics of the last minute, and a bar for each second.

import { byId, duration, el } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 44;
const KINDS = ["ok", "refused", "failed"];

export class Minute {
  constructor() {
    this.bars = [];
    const plot = byId("plot");
    for (let second = 0; second < 60; second += 1) {
      const bar = KINDS.map((kind) => el("svg:rect", { class: kind, x: second * (WIDTH / 60) + 1, width: WIDTH / 60 - 2, height: 0, y: HEIGHT }));
      plot.append(...bar);
      this.bars.push(bar);
    }
  }

  show(numbers) {
    byId("n-calls").textContent = numbers.calls.toLocaleString("en");
    byId("n-failed").textContent = numbers.failed.toLocaleString("en");
    byId("n-failed").dataset.some = numbers.failed > 0;
    for (const name of ["p50", "p95"]) byId(`n-${name}`).textContent = numbers[name] === null ? "–" : duration(numbers[name] / 1000);
    const peak = Math.max(...numbers.bars.map((bar) => bar[0] + bar[1] + bar[2]));
    byId("peak").textContent = peak ? `peak ${peak.toLocaleString("en")}/s` : "no calls in the last minute";
    byId("plot").setAttribute("aria-label", `Calls in each of the last 60 seconds: ${numbers.calls} in all, ${numbers.failed} failed`);
    const scale = (HEIGHT - 1) / Math.max(peak, 1);
    numbers.bars.forEach((counts, second) => {
      let y = HEIGHT;
      counts.forEach((count, kind) => {
        const height = count ? Math.max(count * scale, 1.5) : 0;
        y -= height;
        const rect = this.bars[second][kind];
        rect.setAttribute("y", Math.max(y, 0));
        rect.setAttribute("height", height);
      });
    });
  }
}
