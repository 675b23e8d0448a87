// How numbers, times and states are said.

const NUMBER = new Intl.NumberFormat("en-GB");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export function number(value) {
  return NUMBER.format(value);
}

// Of milliseconds since 1970; with the day, if it is not today's.
export function clock(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}

export function iso(at) {
  return new Date(at).toISOString();
}

// Of seconds.
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 10) return s % 60 ? `${min} min ${s % 60} s` : `${min} min`;
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${Math.floor(h / 24)} d`;
}

// Of milliseconds, with as many digits as say something.
export function ms(value) {
  if (value >= 10_000) return `${number(Math.round(value / 1000))} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 10) return `${Math.round(value)} ms`;
  if (value >= 1) return `${value.toFixed(1)} ms`;
  return `${value.toFixed(2)} ms`;
}

export function percent(share) {
  const percents = share * 100;
  if (percents === 0 || percents >= 10) return `${Math.round(percents)} %`;
  return `${percents.toFixed(percents < 1 ? 2 : 1)} %`;
}

// Of bytes.
export function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit + 1 < units.length; unit++) value /= 1024;
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function list(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

export function upper(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// By the words of /status.json: how it is said, how well that is, a sign that needs no colour, and a
// shorter word.
const STATES = {
  healthy: ["healthy", "good", "●"],
  ready: ["ready", "good", "●"],
  page: ["page", "plain", "▭"],
  recovering: ["coming back", "doubtful", "◐"],
  drained: ["drained by an operator", "doubtful", "▽", "drained"],
  down: ["down by an operator", "doubtful", "■", "down"],
  broken: ["left alone: requests failed", "bad", "✕", "left alone"],
  untried: ["takes connections; the next request tries it", "doubtful", "◐", "untried"],
  unhealthy: ["unhealthy", "bad", "✕"],
};

export function state(word) {
  const [text, tone, sign, short = text] = STATES[word] ?? [word, "plain", "○"];
  return { text, tone, sign, short };
}

// Whether requests go to an origin in this state as long as others could answer.
export function isWell(word) {
  return ["healthy", "ready", "page", "recovering"].includes(word);
}
