// The last five minutes: requests, how many of them fell through or were lost, and how long answers took to begin.

import { e, show, svg } from "./elements.js";
import { clock, ms, number, percent } from "./words.js";

const WINDOW_MS = 300_000;
const WIDTH = 600;
const HEIGHT = 90;

const share = (count, second) => (second.requests > 0 ? count / second.requests : null);

const PLOTS = [
  {
    id: "requests", title: "Requests per second", none: "no requests",
    series: [{ name: "requests", kind: "area", value: (s) => s.requests / s.s }],
    say: (value) => number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value)), least: 5,
  },
  {
    id: "share", title: "Share of requests", none: "no requests",
    series: [
      { name: "fell through", kind: "area", value: (s) => share(s.fell, s) },
      { name: "lost (5xx)", kind: "dashed", value: (s) => share(s.lost, s) },
    ],
    say: percent, least: 0.05, most: 1,
  },
  {
    id: "latency", title: "Time to the first byte", none: "no answers",
    series: [
      { name: "median", kind: "line", value: (s) => s.p50 },
      { name: "99th percentile", kind: "dashed", value: (s) => s.p99 },
    ],
    say: ms, least: 10, logarithmic: 0.1,
  },
];

let pointed = null; // Where the reader points: { id, part of the width }.
let latest = [];

export function plots(container, seconds) {
  latest = seconds;
  const end = seconds.length ? seconds[seconds.length - 1].at : Date.now();
  show(container, PLOTS.map((plot) => drawn(plot, seconds, end)));
}

export function pointing(container) {
  container.addEventListener("pointermove", (event) => {
    const figure = event.target.closest("figure");
    const frame = figure?.querySelector(".frame")?.getBoundingClientRect();
    if (!frame) return;
    const at = (event.clientX - frame.left) / frame.width;
    pointed = at >= 0 && at <= 1 ? { id: figure.dataset.key, at } : null;
    plots(container, latest);
  });
  container.addEventListener("pointerleave", () => {
    pointed = null;
    plots(container, latest);
  });
}

function drawn(plot, seconds, end) {
  const values = plot.series.map((series) => seconds.map(series.value));
  const largest = Math.max(plot.least, ...values.flat().filter((value) => value !== null));
  const top = Math.min(plot.most ?? Infinity, plot.logarithmic ? decade(largest) : round(largest));
  const ground = plot.logarithmic ?? 0;
  const part = plot.logarithmic ? (value) => Math.log10(Math.max(value, ground) / ground) / Math.log10(top / ground) : (value) => value / top;
  const marks = plot.logarithmic ? decades(ground, top) : [top / 2, top];
  const x = (second) => WIDTH - ((end - second.at) / WINDOW_MS) * WIDTH;
  const y = (value) => HEIGHT - Math.min(part(value), 1) * (HEIGHT - 2);
  const index = pointed === null ? seconds.length - 1 : nearest(seconds, end - (1 - pointed.at) * WINDOW_MS);
  const second = seconds[index];
  const read = plot.series.map((series, which) => {
    const value = second ? values[which][index] : null;
    return { series, words: value === null || value === undefined ? "–" : plot.say(value) };
  });
  const when = pointed !== null && second ? `at ${clock(second.at)}` : "now";
  const summary = `${plot.title}, ${when}: ${read.map(({ series, words }) => `${series.name} ${words}`).join(", ")}`;
  return e("figure.plot", { "data-key": plot.id },
    e("figcaption", {}, e("span.plot-title", {}, plot.title),
      e("span.readings", {}, read.map(({ series, words }) => e("span.reading", {}, key(series.kind), ` ${series.name} `, e("strong", {}, words))))),
    e("div.frame", {},
      svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": summary },
        marks.map((mark) => svg("line.grid", { x1: 0, x2: WIDTH, y1: y(mark), y2: y(mark) })),
        svg("line.base", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
        plot.series.map((series, which) => paths(series, seconds.map((each, at) => [x(each), values[which][at]]), y)),
        pointed !== null && second && svg("line.pointer", { x1: x(second), x2: x(second), y1: 0, y2: HEIGHT }),
      ),
      e("span.top-label", {}, plot.logarithmic ? `${plot.say(top)}, a line for each tenth` : plot.say(top)),
      e("span.time-label", {}, pointed !== null && second ? clock(second.at) : "5 min ago"),
      e("span.time-label.end", {}, pointed === null ? "now" : ""),
    ));
}

function key(kind) {
  return svg("svg.key", { viewBox: "0 0 16 8", "aria-hidden": "true" }, svg("line", { class: kind, x1: 0, x2: 16, y1: 4, y2: 4 }));
}

// A line for each stretch that has values; an area is a line that is filled down to the ground.
function paths(series, points, y) {
  const stretches = [];
  let stretch = null;
  for (const [x, value] of points) {
    if (value === null || x < -5) {
      stretch = null;
      continue;
    }
    if (stretch === null) stretches.push((stretch = []));
    stretch.push([x, y(value)]);
  }
  return stretches.map((stretch) => {
    // What lasted one second is seen, too.
    const line = stretch.length > 1 ? stretch : [[stretch[0][0] - 2, stretch[0][1]], stretch[0]];
    const d = line.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const ground = `${d}L${line[line.length - 1][0].toFixed(1)} ${HEIGHT}L${line[0][0].toFixed(1)} ${HEIGHT}Z`;
    return [series.kind === "area" && svg("path.ground", { d: ground }), svg("path", { class: series.kind, d })];
  });
}

function nearest(seconds, at) {
  let best = seconds.length - 1;
  seconds.forEach((second, index) => {
    if (Math.abs(second.at - at) < Math.abs(seconds[best].at - at)) best = index;
  });
  return best;
}

function decade(value) {
  return 10 ** Math.ceil(Math.log10(value) - 1e-9);
}

function decades(ground, top) {
  const marks = [];
  for (let mark = top; mark > ground * 1.001; mark /= 10) marks.push(mark);
  return marks;
}

// The next of 1, 2, 5, 10, 20, ….
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}
